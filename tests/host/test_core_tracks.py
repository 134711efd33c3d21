"""TRACKS between the core's nodes and this pack's, both ways, in a running ComfyUI."""

import json

import pytest

from tests.host import core_tracks
from tests.host.core_tracks import masks, need_core_tracks
from tests.host.stage1_host import node
from tests.host.usual import usual
from tests.host_process import HostProcess, Prompt

FRAMES, WIDTH, HEIGHT = 16, 64, 48


@pytest.fixture(scope="module")
def info(host: HostProcess) -> dict:
    known = host.object_info()
    need_core_tracks(known)
    return known


def generated(info: dict, points: int = 5, frames: int = FRAMES, **given) -> dict:
    return core_tracks.generated(info, (WIDTH, HEIGHT), points, frames, **given)


def joined(info: dict, first: dict, second: dict) -> Prompt:
    parts = {"first": generated(info, **first), "second": generated(info, **second)}
    join = node("WanMoveConcatTrack", tracks_1=["first", 0], tracks_2=["second", 0])
    return {**parts, "core": join}


MASK = {"track_mask": ["mask", 0]}
LINES = json.dumps([[{"x": 4 + 3 * frame, "y": y} for frame in range(16)] for y in (10, 20, 30)])
FORMS = {
    # What the core gives, and how many of its frames each of its points is seen in.
    "plain": (lambda info: {"core": generated(info)}, [16] * 5),
    "a mask a frame": (lambda info: {"core": generated(info, **MASK), **masks(12, 4)}, [12] * 5),
    "one mask": (lambda info: {"core": generated(info, **MASK), **masks(1, 0)}, [16] * 5),
    "fewer masks than frames": (
        lambda info: {"core": generated(info, frames=31, **MASK), **masks(12, 4)},
        [23] * 5,
    ),
    "more masks than frames": (
        lambda info: {"core": generated(info, frames=6, **MASK), **masks(12, 4)},
        [4] * 5,
    ),
    "joined, the first masked": (
        lambda info: joined(info, MASK, {"points": 2}) | masks(12, 4),
        [12] * 5 + [16] * 2,
    ),
    "joined, the second masked": (
        lambda info: joined(info, {"points": 2}, MASK) | masks(12, 4),
        [16] * 2 + [12] * 5,
    ),
    "joined, both under one mask": (
        lambda info: joined(info, {"points": 2, **MASK}, MASK) | masks(12, 4),
        [12] * 7,
    ),
    "from coordinates, masked": (
        lambda _: {
            "core": node("WanMoveTracksFromCoords", track_coords=["lines", 0], **MASK),
            "lines": node("PrimitiveStringMultiline", value=LINES),
            **masks(12, 4),
        },
        [12] * 3,
    ),
}


@pytest.mark.parametrize(("form", "seen"), FORMS.values(), ids=FORMS)
def test_the_cores_tracks_reach_each_of_our_nodes(host: HostProcess, info, form, seen):
    prompt = form(info) | {
        "picture": node("EmptyImage", width=WIDTH, height=HEIGHT, batch_size=1, color=0x808080),
        "field": usual(
            info, "MotionI2VDensifyTracks", tracks=["core", 0], picture=["picture", 0],
            paths_outside="ignore",
        ),
        "shown": usual(
            info, "MotionI2VFieldPreview", field=["field", 0], tracks=["core", 0]
        ),
        "followed": usual(
            info, "MotionI2VMotionFieldToTracks", field=["field", 0], starts=["core", 0]
        ),
        "text": node(
            "MotionI2VTracksToText", tracks=["core", 0], format="tracks", picture=["picture", 0]
        ),
        "again": node(
            "MotionI2VTracksToText", tracks=["followed", 0], format="kj", picture=["picture", 0]
        ),
        "preview": node("PreviewImage", images=["shown", 0]),
        "said": node("PreviewAny", source=["text", 0]),
        "said again": node("PreviewAny", source=["again", 0]),
    }  # fmt: skip
    result = host.run(prompt)
    assert result.succeeded, result.errors
    read = json.loads(result.outputs["said"]["text"][0])
    assert [sum(column) for column in zip(*read["track_visibility"], strict=True)] == seen
    assert len(json.loads(result.outputs["said again"]["text"][0])) == len(seen)
    assert len(result.outputs["preview"]["images"]) == len(read["track_path"])


@pytest.mark.parametrize("joins", [False, True], ids=["alone", "joined with the core's"])
def test_our_tracks_reach_the_cores_nodes(host: HostProcess, info, joins):
    ours = {"text": LINES, "width": WIDTH, "height": HEIGHT, "frames": FRAMES}
    prompt = {
        "ours": usual(info, "MotionI2VTracksFromText", **ours),
        "core": generated(info, points=2),
        "joined": node("WanMoveConcatTrack", tracks_1=["ours", 0], tracks_2=["core", 0]),
        "picture": node("EmptyImage", width=WIDTH, height=HEIGHT, batch_size=1, color=0x808080),
        "drawn": usual(
            info,
            "WanMoveVisualizeTracks",
            images=["picture", 0],
            tracks=["joined" if joins else "ours", 0],
        ),
        "back": node(
            "MotionI2VTracksToText", tracks=["joined" if joins else "ours", 0], format="kj"
        ),
        "said": node("PreviewAny", source=["back", 0]),
        "preview": node("PreviewImage", images=["drawn", 0]),
    }
    result = host.run(prompt)
    assert result.succeeded, result.errors
    assert len(result.outputs["preview"]["images"]) == FRAMES
    read = json.loads(result.outputs["said"]["text"][0])
    assert read[:3] == json.loads(LINES)
    assert len(read) == (5 if joins else 3)
