"""CoTracker's embeddings of motion, time and place."""

from motion_i2v.models.trackers import cotracker
from motion_i2v.models.trackers.cotracker_windows import support_grid

from tests.parity import dot
from tests.parity.seeded import Folder, relative_error

NETWORKS = ()
FILE = "embeddings"
BAR = dot.BAR


def run(folder: Folder) -> dict[str, float]:
    given = folder.tensors(FILE)
    like = given["flow_xy"]
    table = cotracker.position_table(16, 24, like)
    return {
        "flow": relative_error(cotracker.embed_flow(given["flow_xy"]), given["flow_embed"]),
        "time": relative_error(cotracker.time_table(like), given["time_embed"]),
        "position": relative_error(
            cotracker.sample_map(table, given["pos_xy"][0]).T[None], given["pos_embed"]
        ),
        "support": relative_error(support_grid(like)[None, :, 1:], given["support_grid_6"]),
    }
