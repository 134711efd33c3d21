"""The tiny AllTracker, whose one encoder does for all, on two frames: there is no window then.

Its numbers were made as those of alltracker.py, with the arguments of its authors' demo for it.
"""

from tests.parity import alltracker
from tests.parity.seeded import Folder

NETWORKS = ("alltracker_tiny",)
BAR = alltracker.BAR


def run(folder: Folder) -> dict[str, float]:
    return alltracker.compared(folder, "alltracker_tiny", 2)
