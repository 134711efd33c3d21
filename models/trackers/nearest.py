"""A first guess of the dense flow: every cell moves as the nearest track does."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor

CELLS_AT_ONCE = 4096


def from_nearest(source: Tensor, target: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The flow and visibility of the nearest track that is visible in the first frame.

    Args:
        source: [P, 3] in the first frame: x and y as fractions of the picture's last pixel, and
            whether the point is visible (0, 1).
        target: [P, 3], the same points in another frame.
        size: (w, h) in cells.

    Returns:
        flow [2, h, w] in cells, and visibility [h, w].

    Raises:
        ValueError: for no track at all.
    """
    if not len(source):
        raise ValueError("there are no tracks to begin with")
    index = nearest_track(source, size)
    w, h = size
    scale = source.new_tensor([w - 1, h - 1])
    flow = (target[index, :2] - source[index, :2]) * scale
    return rearrange(flow, "(h w) xy -> xy h w", h=h), target[index, 2].reshape(h, w)


def nearest_track(source: Tensor, size: tuple[int, int]) -> Tensor:
    """The track [h * w] that each cell takes; track 0 where none is visible."""
    seen = torch.nonzero(source[:, 2] > 0.5)[:, 0]
    if not len(seen):
        return torch.zeros(size[0] * size[1], dtype=torch.long, device=source.device)
    points = source[seen, :2]
    found = [_closest(c, points) for c in cells(size, source).split(CELLS_AT_ONCE)]
    return seen[torch.cat(found)]


def cells(size: tuple[int, int], like: Tensor) -> Tensor:
    """The places [h * w, 2] of the cells, 0 to 1 from the first to the last."""
    x = torch.linspace(0, 1, size[0], dtype=like.dtype, device=like.device)
    y = torch.linspace(0, 1, size[1], dtype=like.dtype, device=like.device)
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([columns, rows], dim=-1).view(-1, 2)


def _closest(places: Tensor, points: Tensor) -> Tensor:
    apart = places[:, None] - points[None]
    return (apart * apart).sum(-1).argmin(dim=1)
