"""The trackers by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from .anchored import Anchored
from .clip_frames import ClipFrames
from .dis import DenseInverseSearch, check_size
from .pairwise import Chained
from .steps import Tracker

ANCHORED, CHAINED = "accurate", "fast"
WITHOUT_WEIGHTS = (ANCHORED, CHAINED)


def without_weights(name: str) -> Tracker:
    """A tracker that needs no learned weights: "accurate" (anchored chain), "fast" (chain)."""
    if name == ANCHORED:
        return Anchored()
    if name == CHAINED:
        return Chained(DisPairs)
    raise ValueError(f"there is no tracker '{name}'; there are {', '.join(WITHOUT_WEIGHTS)}")


class DisPairs:
    """Dense inverse search as `pairwise.Pairs`."""

    def __init__(self) -> None:
        self.search = DenseInverseSearch()

    def read(self, clip: ClipFrames, i: int) -> np.ndarray:
        check_size(clip)
        return clip.grey(i)

    def flow(self, source: Any, target: Any) -> np.ndarray:
        return self.search(source, target)
