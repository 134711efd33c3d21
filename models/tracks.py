"""Tracks: points followed through a clip, as ComfyUI's TRACKS socket carries them."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Tracks:
    """Points followed through the frames of a clip.

    Args:
        points: [F, P, 2] float32 pixels, x then y.
        visibility: [F, P] bool.
        size: (W, H) of the picture that the points belong to.

    Raises:
        ValueError: for any other shape, or a coordinate that is not finite.
    """

    points: torch.Tensor
    visibility: torch.Tensor
    size: tuple[int, int]
