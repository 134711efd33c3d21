"""The motion field: for every frame, where each pixel of the reference picture has gone."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class MotionField:
    """Displacements from the reference frame, in pixels.

    Args:
        flow: [F, 2, H, W] float32; frame 0 is all zero.
        visibility: [F, H, W] float32 in 0..1, or None where nothing is known about it.

    Raises:
        ValueError: for any other shape, a value that is not finite, or a frame 0 that moves.
    """

    flow: torch.Tensor
    visibility: torch.Tensor | None = None

    @property
    def frames(self) -> int:
        return self.flow.shape[0]

    @property
    def size(self) -> tuple[int, int]:
        """(W, H)"""
        return self.flow.shape[3], self.flow.shape[2]
