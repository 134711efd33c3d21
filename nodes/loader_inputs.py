"""What the loaders of checkpoints share: their inputs, and that a replaced file is loaded anew."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..models.host import folders, loading
from .node import Node

WHERE = (
    "Files in models/motion_i2v/ (and in models/diffusers/Motion-I2V/models/): the released .bin, "
    "or a converted .safetensors."
)


def file_input(what: str, *likely: str) -> io.Combo.Input:
    """A choice among the checkpoints, the likeliest first."""
    return io.Combo.Input(
        "file", options=folders.checkpoints(*likely), tooltip=f"The checkpoint of {what}. {WHERE}"
    )


def precision_input(
    default: str = "auto",
    tooltip: str = "Of the weights. auto: what the host takes for its device.",
) -> io.Combo.Input:
    return io.Combo.Input(
        "precision", options=list(loading.DTYPES), default=default, tooltip=tooltip
    )


class LoaderNode(Node):
    """A loader of one file, which is loaded anew where it was replaced."""

    @classmethod
    def fingerprint_inputs(cls, file: str, **others: Any) -> str:
        return folders.fingerprint(file)
