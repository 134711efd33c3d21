"""What `python -m devkit.typed` checks, and that it sees through the pack's relative imports."""

import pytest

from devkit import places, typed

pytest.importorskip("mypy")
UNCHECKED = {"tests"}


def test_every_room_is_checked():
    rooms = {file.parent.name for file in places.ROOT.glob("[!.]*/*.py")}
    assert {room.removeprefix(f"{typed.NAME}.") for room in typed.ROOMS} == rooms - UNCHECKED


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        (
            "from motion_i2v.nodes.warp_preview import warp_picture as it",
            "motion_field.MotionField",
        ),
        ("from motion_i2v.models.drawing.draw_tracks import Tracks as it", "tracks.Tracks"),
    ],
)
def test_a_room_sees_the_types_of_another(code: str, wanted: str):
    said, _ = typed.mypy("-c", f"{code}\nreveal_type(it)")
    assert wanted in said


def test_a_definition_without_types_is_found():
    said, code = typed.mypy("-c", "def untyped(a): ...")
    assert code == 1
    assert "no-untyped-def" in said
