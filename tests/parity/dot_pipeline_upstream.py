"""The whole of DOT as its authors run it: tracks go both ways in time."""

from tests.parity import dot
from tests.parity.seeded import Folder

NETWORKS = ()
BAR = dot.BAR


def run(folder: Folder) -> dict[str, float]:
    return dot.pipeline(folder, "dot_pipeline_upstream", both_ways=True)
