"""The motion of a clip as a picture is warped by it: as large as the picture, within the window
that changes, its soft borders laid along contours, without what is too slow to be seen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..types.motion_field import MotionField
from ..types.progress import Tick
from . import tears
from .contours import Contours, contours, scale_of
from .pixels import span_of

SEEN = 1 / 32
"""Pixels that never move further than this (in pixels) stay as they are."""


@dataclass(frozen=True)
class WarpMotion:
    """The field, as large as the picture and within a window of it, with its soft borders laid
    along contours, and without what is too slow to be seen.

    Args:
        field, size: (W, H) of the picture.
        window: rows and columns.
        still: [h, w] bool, pixels of the window that are taken to stay; None for no such.
    """

    field: MotionField
    size: tuple[int, int]
    device: torch.device
    window: tuple[slice, slice]
    contours: Contours | None = None
    still: Tensor | None = None

    @property
    def _shape(self) -> tuple[int, int]:
        """(h, w)"""
        rows, columns = self.window
        return rows.stop - rows.start, columns.stop - columns.start

    def abandoned(self, flow: Tensor) -> Tensor:
        """[h, w] bool: pixels of one frame that go nowhere and are not to be seen."""
        if self.contours is None:
            return torch.zeros_like(flow[0], dtype=torch.bool)
        return self.contours.abandoned(flow)

    def flow(self, frame: int) -> Tensor:
        """[2, h, w] one frame's displacements, which nothing else holds."""
        rows, columns = self.window
        flow = self.field.flow_at(frame, self.size)[:, rows, columns].to(self.device)
        if self.size == self.field.size:
            flow = flow.clone()
        if self.contours is not None:
            flow = self.contours.settle(flow)
        return flow if self.still is None else flow.masked_fill_(self.still, 0)

    def reach(self, tick: Tick) -> Tensor:
        """[h, w] the largest displacement of the clip."""
        square = torch.zeros(self._shape, device=self.device)
        for i in range(1, self.field.frames):
            flow = self.flow(i)
            tick()
            torch.maximum(square, flow[0].square_().addcmul_(flow[1], flow[1]), out=square)
            del flow
            tick()
        return square.sqrt_()

    def torn(self, tick: Tick) -> tuple[Tensor, Tensor, Tensor]:
        """What tears in the clip, as `torn_edges`, and [h, w] bool what is abandoned in it."""
        gone = torch.zeros(self._shape, dtype=torch.bool, device=self.device)
        right, down = gone[:, 1:].clone(), gone[1:].clone()
        for i in range(1, self.field.frames):
            flow = self.flow(i)
            tick()
            torn = tears.torn_edges(flow)
            tick()
            right |= torn[0]
            down |= torn[1]
            gone |= self.abandoned(flow)
            tick()
        return right, down, gone


def motion_of(field: MotionField, picture: Tensor, tick: Tick) -> WarpMotion | None:
    """The field within the window that changes, and some margin; None where nothing moves."""
    height, width, _ = picture.shape
    everywhere = slice(0, height), slice(0, width)
    raw = WarpMotion(field, (width, height), picture.device, everywhere)
    reach = raw.reach(tick)
    moving = reach >= SEEN
    if not bool(moving.any()):
        return None
    low, high = field.flow.amin((0, 2, 3)), field.flow.amax((0, 2, 3))
    scale = low.new_tensor([width / field.size[0], height / field.size[1]])
    low, high = low * scale, high * scale
    rows, columns = (
        _window(moving.any(axis), float(low[axis]), float(high[axis])) for axis in (1, 0)
    )
    raw = replace(raw, window=(rows, columns))
    right, down, _ = raw.torn(tick)
    part = picture[rows, columns].permute(2, 0, 1).contiguous()
    edges = contours(part, reach[rows, columns], right, down, scale_of((width, height)), tick)
    tick()
    settled = replace(raw, contours=edges)
    return replace(settled, still=settled.reach(tick) < SEEN)


def _window(moving: Tensor, back: float, ahead: float) -> slice:
    """Along one axis: what moves and where it goes, with as much around it again for the fill."""
    (low, high), extent = span_of(moving), len(moving)
    margin = max((high - low) // 2, 32) + 32
    start = low - margin + max(min(back, 0.0), -extent)
    end = high + margin + min(max(ahead, 0.0), extent)
    return slice(max(int(start), 0), min(int(end) + 1, extent))
