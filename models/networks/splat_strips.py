"""Forward splatting of one large picture, strip by strip, in the memory of a strip.

Into a strip of the target goes what lands there, in its order in the source: every sum is that of
the whole picture's plan, to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .splat import EPSILON, SplatPlan

BOUND = 1 << 18
"""So many pixels a strip has at most, and so many land in it, as far as whole rows allow."""

NOWHERE = -2
"""Where what is lost lands, or beyond the picture's borders."""


@dataclass(frozen=True)
class Strip:
    """Some rows of the target, and what lands there.

    Pixels that rest where nothing else lands, which most of a picture may be, are in no plan: what
    a plan would give for them is known. The features of a strip are those of its K planned and its
    A resting pixels in a line, [C, 1, K + A].

    Args:
        rows: of the target.
        source: two [K + A] int64, row and column of the pixels.
        plan: of the first K.
    """

    rows: slice
    source: tuple[Tensor, Tensor]
    plan: SplatPlan

    def gathered(self, maps: Tensor) -> Tensor:
        """The features of the strip from those of the whole source, [C, H, W]."""
        return maps[:, self.source[0], self.source[1]][:, None]

    @property
    def coverage(self) -> Tensor:
        """[1, h, w], as `SplatPlan.coverage`."""
        return self._put(self.plan.coverage[0], 1.0)

    def average(self, x: Tensor) -> Tensor:
        """[C, h, w], as `SplatPlan.average`."""
        planned, resting = self._parted(x)
        whole = torch.ones_like(resting)
        return self._put(self.plan.average(planned)[0], resting * (whole / (whole + EPSILON)))

    def sum(self, x: Tensor) -> Tensor:
        """[C, h, w], as `SplatPlan.sum`."""
        planned, resting = self._parted(x)
        return self._put(self.plan.sum(planned)[0], resting)

    def layers(
        self, x: Tensor, importance: Tensor, tick: Callable[[], None] = lambda: None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Two [C, h, w] and their shares [1, h, w], as `SplatPlan.layers`.

        Args:
            importance: [1, K + A].
        """
        planned, resting = self._parted(x)
        layers = self.plan.layers(planned, importance[:, : planned.shape[-1]], tick)
        alone: tuple[Tensor | float, ...] = (
            resting / (torch.ones_like(resting) + EPSILON),
            1.0,
            0.0,
            0.0,
        )
        front, front_share, back, back_share = (
            self._put(layer[0], known) for layer, known in zip(layers, alone, strict=True)
        )
        return front, front_share, back, back_share

    def _parted(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The features [C, 1, K] that are planned and those [C, A] that rest."""
        return x[..., : self.plan.points], x[:, 0, self.plan.points :]

    def _put(self, maps: Tensor, resting: Tensor | float) -> Tensor:
        """Maps [C, h, w] with the resting pixels' values [C, A] in their places."""
        row, column = (place[self.plan.points :] for place in self.source)
        maps[:, row - self.rows.start, column] = resting
        return maps


def strips(flow: Tensor, lost: Tensor, tick: Callable[[], None] = lambda: None) -> Iterator[Strip]:
    """All strips of the target, from its first row to its last.

    Args:
        flow: [2, H, W] pixels.
        lost: [H, W] bool, source pixels that land nowhere.
        tick: called after every part of what comes before the first.
    """
    height, width = lost.shape
    resting = _resting(flow, lost, tick)
    nowhere = lost | resting
    top = torch.full_like(lost, NOWHERE, dtype=torch.int16 if height < 2**15 else torch.int32)
    counts = torch.zeros(height + 2, dtype=torch.int64, device=lost.device)
    for rows in blocks(height, width):
        top[rows] = _landing_rows(flow, nowhere, rows)
        counts += torch.bincount(top[rows].flatten().int() - NOWHERE, minlength=height + 2)
        tick()
    del nowhere
    landed = counts.tolist()[1:]
    lowest, highest = torch.where(top == NOWHERE, height, top).amin(1), top.amax(1)
    for rows in _cuts(landed, width):
        # What lands between two rows lands in both.
        near = ((lowest < rows.stop) & (highest >= rows.start - 1)).nonzero()[:, 0]
        part = top[near]
        row, column = ((part < rows.stop) & (part >= rows.start - 1)).nonzero(as_tuple=True)
        row = near[row]
        x = flow[0, row, column] + column.to(flow.dtype)
        y = flow[1, row, column] + row.to(flow.dtype)
        plan = SplatPlan.of_points(x, y, (width, rows.stop - rows.start), rows.start)
        alone = resting[rows].nonzero(as_tuple=True)
        source = torch.cat([row, alone[0] + rows.start]), torch.cat([column, alone[1]])
        yield Strip(rows, source, plan)


def parts(count: int) -> Iterator[slice]:
    """So many pixels, as many at once as a strip has."""
    for k in range(0, count, BOUND):
        yield slice(k, k + BOUND)


def blocks(height: int, width: int, strips: int = 1, first: int = 0) -> Iterator[slice]:
    """Rows of a picture, from the first on, as many at once as some strips have."""
    step = max(1, strips * BOUND // width)
    for start in range(first, height, step):
        yield slice(start, min(start + step, height))


def _landing_rows(flow: Tensor, nowhere: Tensor, rows: slice) -> Tensor:
    """[h, W] the upper of the two rows between which pixels of some rows land, or NOWHERE."""
    height, width = nowhere.shape
    row = torch.arange(rows.start, rows.stop, device=flow.device)[:, None]
    x = flow[0, rows] + torch.arange(width, device=flow.device)
    y = flow[1, rows] + row
    inside = (x > -1) & (x < width) & (y > -1) & (y < height) & ~nowhere[rows]
    return torch.where(inside, y.floor(), NOWHERE)


def _resting(flow: Tensor, lost: Tensor, tick: Callable[[], None]) -> Tensor:
    """[H, W] bool, pixels that do not move and on which no other lands."""
    height, width = lost.shape
    moving = (flow != 0).any(0)
    hit = torch.zeros_like(lost)
    for rows in blocks(height, width):
        row, column = (moving[rows] & ~lost[rows]).nonzero(as_tuple=True)
        row = row + rows.start
        x = (flow[0, row, column] + column).clamp(-2, width + 1).floor().long()
        y = (flow[1, row, column] + row).clamp(-2, height + 1).floor().long()
        for right, down in ((0, 0), (1, 0), (0, 1), (1, 1)):
            inside = (x + right >= 0) & (x + right < width) & (y + down >= 0) & (y + down < height)
            hit[(y + down)[inside], (x + right)[inside]] = True
        tick()
    return ~(moving | lost | hit)


def _cuts(landed: list[int], width: int) -> Iterator[slice]:
    """Rows of the strips.

    Args:
        landed: [H + 1] how many land between a row and the next, first those above row 0.
    """
    start, held = 0, landed[0]
    for row, more in enumerate(landed[1:]):
        if row > start and (held + more > BOUND or (row + 1 - start) * width > BOUND):
            yield slice(start, row)
            start, held = row, landed[row]
        held += more
    yield slice(start, len(landed) - 1)
