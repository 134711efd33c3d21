"""Trackers made of a flow between two frames: chained, or always from the first frame.

What measures the flow is exchangeable: dense inverse search, RAFT.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..types.progress import Tick, nothing
from . import fields
from .clip_frames import ClipFrames
from .fields import Array
from .steps import Tracked, tracked


class Pairs(Protocol):
    """Measures the flow between frames of one clip."""

    def read(self, clip: ClipFrames, i: int) -> Any:
        """Frame i in the form that `flow` takes; done once a frame."""

    def flow(self, source: Any, target: Any) -> Array:
        """The displacement [h, w, 2] of the source's pixels to the target."""


@dataclass(frozen=True)
class Chained:
    """Adds up the steps between neighbouring frames: fast motion holds, small errors add up.

    Args:
        pairs: makes what measures the flow, anew for every clip.
    """

    pairs: Callable[[], Pairs]

    def steps(self, frames: int) -> int:
        return frames - 1

    def __call__(self, clip: ClipFrames, tick: Tick = nothing) -> Iterator[Tracked]:
        """Yields frames 1, 2, ...; a pixel once lost stays hidden."""
        pairs = self.pairs()
        previous = pairs.read(clip, 0)
        forward: Array | None = None
        alive: Array | None = None
        for i in range(1, len(clip)):
            current = pairs.read(clip, i)
            there, back = pairs.flow(previous, current), pairs.flow(current, previous)
            error, bound = fields.round_trip(there, back)
            sure = (error < bound).astype(np.float32)
            if forward is None or alive is None:
                forward, alive = there, sure > 0.5
            else:
                alive &= fields.sample(sure, fields.targets(forward)) > 0.5
                forward = fields.chain(forward, there)
            alive &= fields.inside(forward)
            previous = current
            tick()
            yield tracked(forward, alive)


@dataclass(frozen=True)
class Direct:
    """Matches every frame with the first: no drift, but fast motion gets lost.

    Args:
        pairs: makes what measures the flow, anew for every clip.
    """

    pairs: Callable[[], Pairs]

    def steps(self, frames: int) -> int:
        return frames - 1

    def __call__(self, clip: ClipFrames, tick: Tick = nothing) -> Iterator[Tracked]:
        """Yields frames 1, 2, ...; visible is what comes back to where it started."""
        pairs = self.pairs()
        first = pairs.read(clip, 0)
        for i in range(1, len(clip)):
            current = pairs.read(clip, i)
            forward, backward = pairs.flow(first, current), pairs.flow(current, first)
            error, bound = fields.round_trip(forward, backward)
            tick()
            yield tracked(forward, fields.inside(forward) & (error < bound))
