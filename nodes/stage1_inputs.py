"""The inputs that several stage-1 nodes share."""

from comfy_api.latest import io

from ..models.host.stage1_sampling import Frames
from .sampling_inputs import CROP, size_inputs
from .sockets import advanced

MAX_FRAMES = 129


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


def frames_of(frames: int, stride: str, width: int, height: int, fit: str) -> Frames:
    return Frames(frames, stride, width, height, fit == CROP)


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
