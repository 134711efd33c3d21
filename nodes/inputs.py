"""The inputs and outputs that several nodes have, and what they read of them."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from ..models.host import folders, loading
from .sockets import MotionFieldSocket, TracksSocket

AUTO_PRECISION = "Of the weights. auto: what the host takes for its device."
WHERE = (
    "Files in models/motion_i2v/ (and in models/diffusers/Motion-I2V/models/): the released .bin, "
    "or a converted .safetensors."
)


def field_input(name: str = "field", tooltip: str = "The motion field to change.") -> io.Input:
    return MotionFieldSocket.Input(name, tooltip=tooltip)


def field_output(tooltip: str, name: str = "result") -> io.Output:
    # The host wants the names of inputs and outputs to differ.
    return MotionFieldSocket.Output(name, display_name="motion field", tooltip=tooltip)


def tracks_output(tooltip: str) -> io.Output:
    return TracksSocket.Output("tracks", display_name="tracks", tooltip=tooltip)


def file_input(what: str, *likely: str) -> io.Input:
    """A choice among the checkpoints, the likeliest first."""
    return io.Combo.Input(
        "file", options=folders.checkpoints(*likely), tooltip=f"The checkpoint of {what}. {WHERE}"
    )


def precision_input(default: str = "auto", tooltip: str = AUTO_PRECISION) -> io.Input:
    return io.Combo.Input(
        "precision", options=list(loading.DTYPES), default=default, tooltip=tooltip
    )


def picture_size(picture: torch.Tensor) -> tuple[int, int]:
    """(W, H) of an IMAGE [B, H, W, C]."""
    return int(picture.shape[2]), int(picture.shape[1])
