"""The inputs that several stage-1 nodes share."""

from __future__ import annotations

from comfy_api.latest import io

from ..models.host.stage1_sampling import Frames
from ..models.networks.temporal import MAX_TOKENS
from .sampling_inputs import CROP, size_inputs
from .sockets import advanced

MAX_FRAMES = 129
AS_LOADED = -1


def frame_inputs() -> list[io.Input]:
    """Frames, stride and working size; `frames_of` reads them."""
    return [
        io.Int.Input(
            "frames",
            default=16,
            min=2,
            max=MAX_FRAMES,
            tooltip="Frames of the clip, the picture itself being the first. The model was "
            "trained for 16; more are sampled in overlapping windows.",
        ),
        io.String.Input(
            "stride",
            default="8",
            tooltip="How fast time runs: one number is the step from frame to frame (8, as "
            "released, makes 8, 16, ..., 120); a list such as '4, 8, 12' has one for each "
            "predicted frame.",
        ),
        *size_inputs(
            "Width to sample at; the field comes back at the picture's own.",
            "Height to sample at.",
            "Tracks and regions",
        ),
    ]


def overlap_input() -> io.Input:
    """How far the windows of a long clip overlap; `frames_of` reads it."""
    return _overlap_input(
        "Only for more predicted frames than the model was trained with (released: 15), which are "
        "sampled in windows of that length: how many frames neighbours share and blend. More is "
        "smoother and slower. -1: a third of a window, or what an older workflow set at the loader."
    )


def former_overlap_input() -> io.Input:
    """Where the loader was told it, which is on the sampler now, so that a change loads nothing.

    Workflows that were saved before hold their value here, and prompts give it here: it goes on
    counting where the sampler is not told another. The page shows no widget for it, but keeps its
    value, in its place.
    """
    hidden = _overlap_input(
        "Where older workflows set the overlap of windows; now it is set at the sampler."
    )
    hidden.extra_dict = {"hidden": True}
    return hidden


def _overlap_input(tooltip: str) -> io.Input:
    return io.Int.Input(
        "window_overlap",
        default=AS_LOADED,
        min=AS_LOADED,
        max=MAX_TOKENS - 1,
        tooltip=tooltip,
        **advanced(),
    )


def overlap_of(window_overlap: int) -> int | None:
    return None if window_overlap == AS_LOADED else window_overlap


def frames_of(
    frames: int, stride: str, width: int, height: int, fit: str, window_overlap: int
) -> Frames:
    return Frames(frames, stride, width, height, fit == CROP, overlap_of(window_overlap))


def tile_input() -> io.Input:
    return io.Int.Input(
        "tile_size",
        default=0,
        min=0,
        max=4096,
        step=64,
        tooltip="0 takes whole frames, and tiles by itself where memory runs out. Above 0: always "
        "tiles of so many pixels (at least 64), with overlaps blended.",
        **advanced(),
    )
