"""The inputs and outputs that several nodes have, and what they read of them."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from .sockets import MotionFieldSocket, TracksSocket


def field_input(name: str = "field", tooltip: str = "The motion field to change.") -> io.Input:
    return MotionFieldSocket.Input(name, tooltip=tooltip)


def field_output(tooltip: str, name: str = "result") -> io.Output:
    # The host wants the names of inputs and outputs to differ.
    return MotionFieldSocket.Output(name, display_name="motion field", tooltip=tooltip)


def tracks_output(tooltip: str) -> io.Output:
    return TracksSocket.Output("tracks", display_name="tracks", tooltip=tooltip)


def picture_size(picture: torch.Tensor) -> tuple[int, int]:
    """(W, H) of an IMAGE [B, H, W, C]."""
    return int(picture.shape[2]), int(picture.shape[1])
