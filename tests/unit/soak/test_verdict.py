"""What the soak takes for an answer, and what it does not."""

from pathlib import Path

import pytest

from devkit import places
from soak.verdict import Given, is_own, lacks

FRAMES = Given("more_frames", "INT", 0, bad=True)
MASK, TEXT = Given("region", "MASK", bad=True), Given("text", "TEXT", "[1,, 2]", bad=True)
FILE = Given("field.flo", "", bad=True)


@pytest.mark.parametrize(
    ("message", "given"),
    [
        ("more_frames is 0, but a whole number from 1 to 64 is needed", FRAMES),
        ("0 more frames: give at least 1", FRAMES),
        ("mode is [None], but one of these is needed: a, b", Given("mode", "COMBO", [None], True)),
        ("snap is on: connect picture, or switch snap off", Given("snap", "BOOLEAN", 5, True)),
        ("the masks are [2, 0, 5]; each side is at least 1", MASK),
        ("region is a MASK [masks, height, width], got int", MASK),
        ("the brush is empty: paint what may move", MASK),
        ("the text must be whole JSON, but: Expecting value at line 1, column 4: >>>,<<<", TEXT),
        ("field.flo is 8 bytes, but 2x1 pixels take 28: the file is cut short", FILE),
    ],
)
def test_an_answer_names_the_input_the_value_and_what_is_needed(message: str, given: Given):
    assert lacks(message, [given]) is None


@pytest.mark.parametrize(
    ("message", "given", "lacking"),
    [
        ("this is 0, but at least 1 is needed", FRAMES, "name"),
        ("frames is 0, but at least 1 is needed", FRAMES, "name"),
        ("Expecting value at line 1, column 4: >>>,<<<", TEXT, "name"),
        ("b.flo is 8 bytes, but must have 28", FILE, "name"),
        ("more_frames is 0, which is wrong", FRAMES, "needed"),
        ("the mask holds NaN values", MASK, "needed"),
        ("more_frames must lie in 1..64", FRAMES, "found"),
        ("more_frames must be 1", FRAMES, "found"),
        ("the mask is wrong: one of these is needed: 1, 2, 3", MASK, "found"),
        ("region is a MASK [masks, height, width], which is needed", MASK, "found"),
        ("/tmp/a7/field.flo is not whole: get it again", FILE, "found"),
        ("more_frames is wrong in frame 7: at least 1 is needed", FRAMES, "value"),
        ("mode is wrong in frame 7: choose another", Given("mode", "COMBO", "abc", True), "value"),
    ],
)
def test_what_lacks_one_of_the_three_is_no_answer(message: str, given: Given, lacking: str):
    assert lacking in str(lacks(message, [given, Given("other", "INT", 3)]))


def test_a_library_beside_the_pack_is_not_the_pack():
    assert is_own(places.ROOT / "models" / "types" / "tracks.py")
    assert not is_own(places.PRIVATE / "venv" / "lib" / "torch" / "functional.py")
    assert not is_own(Path("av/utils.py"))  # what Cython tells of a file
