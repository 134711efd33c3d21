"""The inputs and outputs that several nodes have, and what they read of them."""

from __future__ import annotations

from typing import Any

import torch
from comfy_api.latest import io

from .sockets import MotionFieldSocket, TracksSocket


def field_input(name: str = "field", tooltip: str = "The motion field to change.") -> io.Input:
    return MotionFieldSocket.Input(name, tooltip=tooltip)


def field_output(tooltip: str, name: str = "result") -> io.Output:
    # The host wants the names of inputs and outputs to differ.
    return MotionFieldSocket.Output(name, display_name="motion field", tooltip=tooltip)


def tracks_output(tooltip: str, name: str = "tracks") -> io.Output:
    return TracksSocket.Output(name, display_name="tracks", tooltip=tooltip)


def share_input(
    name: str, default: float, tooltip: str, step: float = 0.01, **options: Any
) -> io.Input:
    """A part of a whole, 0..1."""
    return io.Float.Input(
        name, default=default, min=0.0, max=1.0, step=step, tooltip=tooltip, **options
    )


def times_input(tooltip: str) -> io.Input:
    """What displacements are multiplied by."""
    return io.Float.Input("strength", default=1.0, min=-10.0, max=10.0, step=0.05, tooltip=tooltip)


def side_input(name: str, default: int, tooltip: str, min: int = 1) -> io.Input:
    """The width or height of a picture, in pixels."""
    return io.Int.Input(name, default=default, min=min, max=16384, tooltip=tooltip)


def frames_input(default: int, tooltip: str) -> io.Input:
    return io.Int.Input("frames", default=default, min=2, max=1024, tooltip=tooltip)


def moving_input() -> io.Input:
    return io.Mask.Input(
        "region",
        optional=True,
        tooltip="What may move: the field is multiplied by it. An empty one: everything may.",
    )


def region_output() -> io.Output:
    return io.Mask.Output(
        "region", display_name="region", tooltip="1 where things may move, 0 where not."
    )


def temporal_factor_input(**options: Any) -> io.Input:
    return io.Int.Input(
        "temporal_factor",
        default=1,
        min=1,
        max=64,
        tooltip="1: a mask for every frame. Else one for every frame of a video model's latents, "
        "of which the first stands for the first frame and each other one for this many: 4 for "
        "Wan, CogVideoX and Hunyuan (81 frames become 21), 8 for LTX.",
        **options,
    )


def moved_output() -> io.Output:
    return io.Mask.Output(
        "moved",
        display_name="moved",
        tooltip="Where the mask has come to, a mask a frame; 0 where something covers it.",
    )


def new_output() -> io.Output:
    return io.Mask.Output(
        "new",
        display_name="new",
        tooltip="What the picture does not show, a mask a frame: 1 where something has moved away "
        "or comes from outside. For inpainting models.",
    )


def picture_size(picture: torch.Tensor) -> tuple[int, int]:
    """(W, H) of an IMAGE [B, H, W, C]."""
    return int(picture.shape[2]), int(picture.shape[1])
