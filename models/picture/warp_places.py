"""Where in the picture that is warped a pixel of a frame comes from, solved for exactly."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..networks.splat_strips import blocks
from ..types.progress import Tick
from .pixels import read_at, with_margin

Pixels = tuple[Tensor, Tensor]
"""Two [K] int64, row and column."""

_NEWTON_STEPS = 4


def pixels_of(mask: Tensor, first_row: int = 0) -> Pixels:
    """The pixels of a mask [h, w] bool that is a part of a picture, from a row on."""
    row, column = mask.nonzero(as_tuple=True)
    return row + first_row, column


def sources(
    flow: Tensor, slopes: Tensor, pixels: Pixels, guess: Tensor, torn: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Solves q + f(q) = p by Newton's method.

    Args:
        flow: [2, H, W]
        slopes: [4, K], as from `slopes_of`, where the guess is.
        pixels: the K p to solve for.
        guess: [2, K], q - p to start from.
        torn: [H, W] bool, squares of the reference picture that are no surface; None: no such.

    Returns:
        place [2, K] the q, and solved [K] bool: q lies on an unbroken surface of the picture.
    """
    _, height, width = flow.shape
    row, column = pixels
    target = torch.stack([column, row]).to(flow.dtype)
    place = target + guess
    xx, xy, yx, yy = slopes
    xx, yy = xx + 1, yy + 1
    det = xx * yy - xy * yx
    det = torch.where(det.abs() < 0.05, torch.where(det < 0, -0.05, 0.05), det)
    for _ in range(_NEWTON_STEPS):
        rx, ry = place + read_at(flow, place) - target
        place = place - torch.stack([yy * rx - xy * ry, xx * ry - yx * rx]) / det
    miss = (place + read_at(flow, place) - target).abs().amax(0)
    x, y = place
    inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    solved = (miss < 0.1) & inside
    if torn is not None:
        solved &= ~torn[y.floor().long().clamp(0, height - 1), x.floor().long().clamp(0, width - 1)]
    return place, solved


def slopes_of(flow: Tensor, rows: slice) -> Tensor:
    """[4, h, W] the derivatives of x along x and y, and of y along x and y, of some rows."""
    near, inner = with_margin(rows, 1, flow.shape[1])
    made = (_slope_of(one[near], along)[inner] for one in flow for along in (1, 0))
    return torch.stack(list(made))


def made_where_reached(
    slopes: Callable[[Tensor, slice], Tensor], flow: Tensor, reached: slice, tick: Tick
) -> Tensor:
    """[4, H, W] slopes of a flow [2, H, W], of which only the rows that are reached are made, and
    take memory."""
    _, height, width = flow.shape
    maps = flow.new_empty(4, height, width)
    for rows in blocks(reached.stop, width, first=reached.start):
        maps[:, rows] = slopes(flow, rows)
        tick()
    return maps


def reached_rows(y: Tensor, height: int, margin: int) -> slice:
    """The rows of a picture that are read at heights y, so many around them included."""
    low, high = (int(end) for end in y.clamp(0, height).aminmax())
    return slice(max(low - margin, 0), min(high + margin + 1, height))


def _slope_of(values: Tensor, along: int) -> Tensor:
    """Central differences of [H, W] along one axis; 0 where it has a single pixel."""
    if values.shape[along] < 2:
        return torch.zeros_like(values)
    return torch.gradient(values, dim=along)[0]
