"""AllTracker over a whole clip: windows of 16 frames that overlap by half.

Each window starts from what the one before found; a frame is given as the last window that holds
it has it, so that all but the clip's end are followed with frames to come in view.

Source: Harley et al., "AllTracker: Efficient Dense Point Tracking at High Resolution", ICCV 2025
(arXiv 2506.07310).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .alltracker_network import AllTrackerNetwork, WindowState
from .clip_frames import ClipFrames
from .cotracker_windows import window_starts
from .steps import Tick, Tracked, nothing

UPDATES = 4


@dataclass(frozen=True)
class AllTracker:
    """Tracks every pixel of a clip's first frame; keeps one window's frames on the device.

    Args:
        network: with its weights, on the device that is to be used, in float32.
        updates: how often a window's flow is bettered.
        threshold: of the chance that a pixel is visible and rightly followed, as its authors
            judge it.
    """

    network: AllTrackerNetwork
    updates: int = UPDATES
    threshold: float = 0.6

    def steps(self, frames: int) -> int:
        return frames + len(self._starts(frames)) * self.updates

    def __call__(self, clip: ClipFrames, tick: Tick = nothing) -> Iterator[Tracked]:
        """Yields frames 1, 2, ... of the clip."""
        for flow, chances in self.followed(clip, tick):
            visible = (chances.prod(0) >= self.threshold).float()
            yield Tracked(flow.cpu(), visible.cpu())

    def followed(self, clip: ClipFrames, tick: Tick = nothing) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields, for frames 1, 2, ..., the flow and chances of `AllTrackerNetwork.picture`."""
        frames, size = len(clip), clip.read_size[::-1]
        starts, state = self._starts(frames), None
        with torch.inference_mode():
            anchor = self._read(clip, 0, tick)
        maps = anchor[None]
        for first in starts:
            with torch.inference_mode():
                maps = self._window(clip, first, maps, tick)
                state = self.network(anchor, maps, self._begin(state), self.updates, tick)
            done = frames if first == starts[-1] else starts[starts.index(first) + 1]
            for i in range(max(1, first), done):
                with torch.inference_mode():
                    found = self.network.picture(state, i - first, size)
                yield found

    @property
    def _hop(self) -> int:
        return self.network.shape.frames // 2

    def _starts(self, frames: int) -> range:
        """The first frames of the windows; a clip of two frames is one of its second alone."""
        return range(1, 2) if frames == 2 else window_starts(frames, self._hop)

    def _read(self, clip: ClipFrames, i: int, tick: Tick) -> Tensor:
        picture = clip.picture(i).to(self.network.time_emb.device)
        tick()
        return self.network.features(picture)

    def _window(self, clip: ClipFrames, first: int, before: Tensor, tick: Tick) -> Tensor:
        """The features [S, C, h, w] of a window; beyond the clip, its last frame again."""
        if len(clip) == 2:
            return self._read(clip, 1, tick)[None]
        length = self.network.shape.frames
        known = before[self._hop :] if first else before
        new = range(first + len(known), min(first + length, len(clip)))
        maps = torch.stack([*known, *(self._read(clip, i, tick) for i in new)])
        return torch.cat([maps, maps[-1:].expand(length - len(maps), -1, -1, -1)])

    def _begin(self, before: WindowState | None) -> WindowState | None:
        """The first guess: what the last window found, its end repeated."""
        if before is None:
            return None
        flow, seen = (
            torch.cat([values[self._hop :], values[-1:].expand_as(values[self._hop :])])
            for values in (before.flow, before.seen)
        )
        return WindowState(flow, seen, before.hidden)
