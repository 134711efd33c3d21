"""DOT's first guess: every cell takes the nearest track."""

from motion_i2v.models.trackers.nearest import cells, from_nearest

from tests.parity import dot
from tests.parity.seeded import Folder, relative_error

NETWORKS = ()
FILE = "interpolation"
BAR = dot.BAR


def run(folder: Folder) -> dict[str, float]:
    given = folder.tensors(FILE)
    h, w = given["coarse_grid"].shape[:2]
    flow, alpha = from_nearest(given["src_points"][0], given["tgt_points"][0], (w, h))
    grid = cells((w, h), flow).view(h, w, 2)
    return {
        "coarse_grid": relative_error(grid, given["coarse_grid"]),
        "coarse_flow": relative_error(flow.permute(1, 2, 0)[None], given["coarse_flow"]),
        "coarse_alpha": dot.flips(alpha[None], given["coarse_alpha"]),
    }
