"""Forward splatting of one large picture, strip by strip, in the memory of a strip.

Into a strip of the target goes what lands there, in its order in the source: every sum is that of
the whole picture's plan, to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .splat import SplatPlan, landings

BOUND = 1 << 19
"""A strip has at most so many pixels, and at most so many land in it, as far as whole rows allow."""


@dataclass(frozen=True)
class Strip:
    """Some rows of the target, and the plan of what lands there.

    Args:
        rows: of the target.
        source: two [K] int64, row and column of the source pixels that land in it.
        plan: theirs.
    """

    rows: slice
    source: tuple[Tensor, Tensor]
    plan: SplatPlan

    def gathered(self, maps: Tensor) -> Tensor:
        """[C, H, W] of the source's pixels as the plan takes them, [C, 1, K]."""
        return maps[:, self.source[0], self.source[1]][:, None]


def strips(flow: Tensor, lost: Tensor) -> Iterator[Strip]:
    """All strips of the target, from its first row to its last.

    Args:
        flow: [2, H, W] pixels.
        lost: [H, W] bool, source pixels that land nowhere.
    """
    height, width = lost.shape
    top = _landing_rows(flow, lost)
    landed = torch.bincount(top.flatten().int() + 2, minlength=height + 2).tolist()[1:]
    lowest, highest = torch.where(top < -1, height, top).amin(1), top.amax(1)
    for rows in _cuts(landed, width):
        # What lands between two rows lands in both.
        near = ((lowest < rows.stop) & (highest >= rows.start - 1)).nonzero()[:, 0]
        part = top[near]
        row, column = ((part < rows.stop) & (part >= rows.start - 1)).nonzero(as_tuple=True)
        row = near[row]
        x = flow[0, row, column] + column.to(flow.dtype)
        y = flow[1, row, column] + row.to(flow.dtype)
        plan = SplatPlan.of_points(x, y - rows.start, (width, rows.stop - rows.start))
        yield Strip(rows, (row, column), plan)


def blocks(height: int, width: int) -> Iterator[slice]:
    """Rows of a picture, as many at once as a strip has."""
    step = max(1, BOUND // width)
    for start in range(0, height, step):
        yield slice(start, min(start + step, height))


def _landing_rows(flow: Tensor, lost: Tensor) -> Tensor:
    """[H, W] the upper row between which and the next a pixel lands; -2: nowhere in the picture."""
    height, width = lost.shape
    rows = torch.empty_like(lost, dtype=torch.int16 if height < 2**15 else torch.int32)
    x, y = (place[0] for place in landings(flow[None]))
    inside = (x > -1) & (x < width) & (y > -1) & (y < height) & ~lost
    return rows.copy_(torch.where(inside, y.floor(), -2))


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
