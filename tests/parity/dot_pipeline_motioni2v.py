"""The whole of DOT as Motion-I2V runs it: tracks go forward only."""

from tests.parity import dot
from tests.parity.seeded import Folder

NETWORKS = ()
BAR = dot.BAR


def run(folder: Folder) -> dict[str, float]:
    return dot.pipeline(folder, "dot_pipeline_motioni2v", both_ways=False)
