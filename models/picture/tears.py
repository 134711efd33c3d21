"""Where a motion tears a picture, and which side of a tear is in front of the other."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..networks.splat_strips import blocks
from ..types.progress import Tick, heard, nothing
from .pixels import nearest

TEAR = 3.0
"""Neighbouring pixels that land further apart than this (in pixels) were torn apart: the gap shows
what is behind. Nearer than this they are one stretched surface, which has no gaps."""


def torn_edges(flow: Tensor) -> tuple[Tensor, Tensor]:
    """Finds where neighbouring pixels of the reference picture are torn apart.

    Args:
        flow: [2, H, W] pixels.

    Returns:
        [H, W-1] bool, between a pixel and its right neighbour; [H-1, W] bool, and the one below.

    >>> flow = torch.zeros(2, 1, 3)
    >>> flow[0, 0, 2] = 5
    >>> torn_edges(flow)[0].tolist()
    [[False, True]]
    """
    _, height, width = flow.shape
    right = torch.empty(height, width - 1, dtype=torch.bool, device=flow.device)
    down = torch.empty(height - 1, width, dtype=torch.bool, device=flow.device)
    for rows in blocks(height, width):
        part = flow[:, rows.start : rows.stop + 1]
        x, y = part[:, 1:] - part[:, :-1]
        down[rows] = x.square_() + y.add_(1).square_() > TEAR**2
        x, y = flow[:, rows, 1:] - flow[:, rows, :-1]
        right[rows] = x.add_(1).square_() + y.square_() > TEAR**2
    return right, down


def loose_pixels(right: Tensor, down: Tensor) -> Tensor:
    """[H, W] bool: pixels torn from both sides, horizontally or vertically.

    They lie in the transition of a soft motion edge and belong to neither surface; carried along
    they would be specks in the gap.
    """
    return _all_torn(right, dim=1) | _all_torn(down, dim=0)


def torn_cells(right: Tensor, down: Tensor) -> Tensor:
    """[H, W] bool: whether the square to the right of and below each pixel has a torn side."""
    right = F.pad(right, (0, 1))
    down = F.pad(down, (0, 0, 0, 1))
    right_of_next_row = torch.cat([right[1:], right[-1:]])
    down_of_next_column = torch.cat([down[:, 1:], down[:, -1:]], dim=1)
    return right | right_of_next_row | down | down_of_next_column


def cells_of(pixels: Tensor) -> Tensor:
    """[H, W] bool: whether the square to the right of and below each pixel has one of `pixels`."""
    below = torch.cat([pixels[1:], pixels[-1:]])
    either = pixels | below
    return either | torch.cat([either[:, 1:], either[:, -1:]], dim=1)


def foreground(importance: Tensor, right: Tensor, down: Tensor, tick: Tick = nothing) -> Tensor:
    """Tells the pixels in front of a tear from those behind it.

    At each torn edge the more important side is in front. Every other pixel is in front where it
    is closer, in importance, to the front side of its nearest tear than to the back side, or where
    no tear separates it from such pixels: the hub of a wheel does not move, and is in front.

    Args:
        importance: [H, W], larger is nearer.
        right, down: the torn edges of the whole clip, as from `torn_edges`.
        tick: called while one waits.

    Returns:
        [H, W] bool, without any fringe.
    """
    from scipy.ndimage import label

    front = torch.zeros_like(importance, dtype=torch.bool)
    back = front.clone()
    for torn, first, second in (
        (right, np.s_[:, :-1], np.s_[:, 1:]),
        (down, np.s_[:-1], np.s_[1:]),
    ):
        first_nearer = torn & (importance[first] > importance[second])
        second_nearer = torn & (importance[first] < importance[second])
        front[first] |= first_nearer
        front[second] |= second_nearer
        back[first] |= second_nearer
        back[second] |= first_nearer
    tick()
    if not bool(front.any()):
        return front
    levels = []
    for side in (front, back):
        row, column = nearest(side, tick)
        levels.append(importance[row, column])
    in_front = importance > (levels[0] + levels[1]) / 2
    behind_parts = ~in_front.cpu().numpy()
    parts = heard(lambda: label(behind_parts)[0], in_front.numel(), tick)
    parts = torch.from_numpy(parts).to(importance.device)
    behind = torch.zeros(int(parts.max()) + 1, dtype=torch.bool, device=importance.device)
    behind[parts[back]] = True
    tick()
    front = in_front | ~behind[parts]
    mask, level = front.cpu().numpy(), importance.cpu().numpy()
    filled = heard(lambda: _without_pockets(mask, level), front.numel(), tick)
    return torch.from_numpy(filled).to(front.device)


def _without_pockets(mask: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Gives to the front what is enclosed by it and nearer to it than to the rest, in importance.

    Where the motion within a thing is uneven enough to tear it, its slower parts are no gaps.
    """
    from scipy.ndimage import label, maximum_filter

    parts, count = label(~mask)
    if count < 2:
        return mask
    ring = maximum_filter(parts, size=3) * mask
    means = []
    for which in (parts.ravel(), ring.ravel()):
        size = np.bincount(which, minlength=count + 1)
        means.append(np.bincount(which, level.ravel(), count + 1) / np.maximum(size, 1))
    own, around = means
    base = own[1 + np.argmax(np.bincount(parts.ravel(), minlength=count + 1)[1:])]
    pocket = own - base > (around - base) / 2
    pocket[0] = False
    return mask | pocket[parts]


def _all_torn(edges: Tensor, dim: int) -> Tensor:
    """Along one axis: whether a pixel has no untorn edge."""
    if edges.shape[dim] == 0:
        shape = list(edges.shape)
        shape[dim] = 1
        return edges.new_zeros(shape)
    first = edges.narrow(dim, 0, 1)
    last = edges.narrow(dim, edges.shape[dim] - 1, 1)
    return torch.cat([first, edges], dim) & torch.cat([edges, last], dim)
