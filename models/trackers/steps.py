"""What every tracker gives: one frame after the other, so that no clip need fit in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
import torch

from ..types.progress import Tick
from .clip_frames import ClipFrames


class Tracked(NamedTuple):
    """Where frame 0's pixels are in one later frame.

    flow: [2, h, w] float32 pixels. visibility: [h, w] float32, 0 (hidden) to 1.
    """

    flow: torch.Tensor
    visibility: torch.Tensor


class Tracker(Protocol):
    """Follows every pixel of a clip's first frame."""

    def steps(self, frames: int) -> int:
        """How many times `tick` will be called for a clip of that many frames."""

    def __call__(self, clip: ClipFrames, tick: Tick) -> Iterator[Tracked]:
        """Yields frames 1, 2, ... of the clip, at the size at which the clip is read."""


def tracked(flow: np.ndarray, visible: np.ndarray) -> Tracked:
    """A frame from arrays [h, w, 2] and [h, w]."""
    planes = np.ascontiguousarray(flow.transpose(2, 0, 1), dtype=np.float32)
    return Tracked(torch.from_numpy(planes), torch.from_numpy(visible.astype(np.float32)))
