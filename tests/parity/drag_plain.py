"""Drawn tracks as sparse control: everything may move."""

from tests.parity import drag
from tests.parity.seeded import Folder

NETWORKS = ()
BAR = 1e-6


def run(folder: Folder) -> dict[str, float]:
    return drag.compare(folder, "drag_plain")
