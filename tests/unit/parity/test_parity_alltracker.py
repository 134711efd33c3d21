"""AllTracker against its authors' code; how the numbers were made: tests/parity/alltracker.py."""

import pytest
from motion_i2v.models.trackers import alltracker_blocks, alltracker_network

from tests.parity import alltracker
from tests.parity.__main__ import compare
from tests.parity.seeded import Folder


@pytest.mark.parametrize("family", ["alltracker", "alltracker_tiny"])
def test_the_numbers_of_the_authors_code(family):
    line = compare(family, Folder.open(alltracker.NUMBERS))
    assert line["passed"], line


def test_in_small_parts_the_numbers_are_the_same(monkeypatch):
    """Frames and cells go through in parts, and the correlation is made anew at every look-up."""
    for module in (alltracker_blocks, alltracker_network):
        monkeypatch.setattr(module, "AT_ONCE", 500)
    monkeypatch.setattr(alltracker_network, "DEFAULT_BYTES", 1 << 21)
    line = compare("alltracker_tiny", Folder.open(alltracker.NUMBERS))
    assert line["passed"], line
