"""Where DOT looks for motion boundaries."""

from motion_i2v.models.trackers.queries import BOUNDARY, motion_boundary

from tests.parity import dot
from tests.parity.seeded import Folder

NETWORKS = ()
FILE = "motion_boundary"
BAR = dot.BAR


def run(folder: Folder) -> dict[str, float]:
    given = folder.tensors(FILE)
    found = motion_boundary(given["flow"][0].permute(2, 0, 1))[None] > BOUNDARY
    return {"boundary_mask": dot.flips(found, given["boundary_mask"])}
