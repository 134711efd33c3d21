"""Motion-augmented attention in the order of the released code: warped and projected in each call.

The result is the same. Here, the warp is planned once a run and the projected reference is warped
(see `models/networks/motion_attention.py`); there, every call warps the reference's features once
for each later frame and projects all 2 N - 1 tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import torch
from motion_i2v.models.host import motion_module, motion_run
from motion_i2v.models.networks.motion_attention import MotionAttention
from motion_i2v.models.networks.reference_warp import ReferenceWarp
from motion_i2v.models.networks.splat import splat_average

from benchmarks.stage2 import ordinary, tokens_of


class UnplannedWarp(ReferenceWarp):
    """A field at a layer's resolution, of which nothing is prepared."""

    def __init__(self, flow: torch.Tensor, strength: float = 1.0) -> None:
        self.flow = flow
        self.strength = strength

    def tokens(self, x: torch.Tensor) -> torch.Tensor:
        """[h * w, 2 N - 1, C] of one clip's frames [h * w, N, C]."""
        height, width = self.flow.shape[-2:]
        reference = x[:, 0].T.unflatten(1, (height, width)).float()
        warped = splat_average(reference.contiguous(), self.flow).flatten(2).permute(2, 0, 1)
        return tokens_of(x, warped.to(x.dtype))


class ReleasedOrder(MotionAttention):
    """Temporal attention of N frames to 2 N - 1 tokens, all of which are projected."""

    def forward(self, x: torch.Tensor, warp: ReferenceWarp | None = None) -> torch.Tensor:
        assert isinstance(warp, UnplannedWarp)
        pixels = warp.flow.shape[-2] * warp.flow.shape[-1]
        clips = [ordinary(self, clip, warp.tokens(clip)) for clip in x.split(pixels)]
        return torch.cat(clips)


@contextmanager
def released_order() -> Iterator[None]:
    """Inside, motion modules are loaded with that attention, and run with nothing prepared."""
    attention = mock.patch.object(motion_module, "MotionAttention", ReleasedOrder)
    with attention, mock.patch.object(motion_run, "ReferenceWarp", UnplannedWarp):
        yield
