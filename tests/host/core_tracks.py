"""Prompts with TRACKS of the core's own nodes, for hosts whose core makes them."""

import pytest

from tests.host.stage1_host import node
from tests.host.usual import usual
from tests.host_process import Prompt

CORE = {"GenerateTracks", "WanMoveTracksFromCoords", "WanMoveConcatTrack", "WanMoveVisualizeTracks"}


def need_core_tracks(info: dict) -> None:
    """Skips where the core makes no TRACKS: 0.3.75 has no such node."""
    if not set(info) >= CORE:
        pytest.skip(f"this ComfyUI lacks the nodes {sorted(CORE - set(info))}")


def generated(info: dict, size: tuple[int, int], points: int, frames: int, **given) -> dict:
    """The core's Generate Tracks: points that go to the right."""
    across = {"width": size[0], "height": size[1], "start_x": 0.3, "start_y": 0.5, "end_y": 0.5}
    sets = {"num_tracks": points, "num_frames": frames, "track_spread": 0.05}
    return usual(info, "GenerateTracks", **{**across, **sets, **given})


def masks(shown: int, hidden: int) -> Prompt:
    """The node "mask": a batch of masks, the first ones white, the others black."""
    picture = {"width": 16, "height": 16}
    return {
        "white": node("EmptyImage", **picture, batch_size=shown, color=0xFFFFFF),
        "black": node("EmptyImage", **picture, batch_size=max(hidden, 1), color=0),
        "both": node("ImageBatch", image1=["white", 0], image2=["black", 0]),
        "mask": node("ImageToMask", image=["both" if hidden else "white", 0], channel="red"),
    }


def joined_under_masks(info: dict, size: tuple[int, int], frames: int) -> Prompt:
    """The node "tracks": two sets of the core's joined by the core, the first one under a mask."""
    mask = {"track_mask": ["mask", 0]}
    return {
        **masks(frames - 1, 1),
        "first": generated(info, size, 3, frames, **mask),
        "second": generated(info, size, 2, frames, start_y=0.2, end_y=0.6),
        "tracks": node("WanMoveConcatTrack", tracks_1=["first", 0], tracks_2=["second", 0]),
    }
