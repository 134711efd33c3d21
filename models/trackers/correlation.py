"""How alike each cell of one feature map is to the surroundings of a place in another."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from ..picture.pixels import read

LEVELS = 4
DEFAULT_BYTES = 1 << 30
TILE = 32
"""Sides of the tiles, in cells, that are looked up together where not all pairs are kept."""


class Correlation:
    """All-pairs correlation of two feature maps, looked up around given places.

    The volume of all pairs is kept where it fits in `most_bytes`. Else it is made anew at every
    look-up, for tiles of cells, and of the target only what these look at: the same numbers, in
    bounded memory, and at full size in a fraction of the time.

    Args:
        source: [C, h, w].
        target: [C, h', w'].
        radius: of the square of places that is looked up.
        most_bytes: the bound.

    Source: RAFT (arXiv 2003.12039), section 3.2.
    """

    def __init__(
        self, source: Tensor, target: Tensor, radius: int = 4, most_bytes: int = DEFAULT_BYTES
    ) -> None:
        self.source, self.target = source, target
        self.radius, self.most_bytes = radius, most_bytes
        self.offsets = square(radius, source)
        cells = source.flatten(1).T
        self._kept = self._volume(cells, target) if len(cells) <= self._part(target) else None

    def __call__(self, places: Tensor) -> Tensor:
        """The correlations [L, h, w] of each cell around its place [2, h, w] in the target.

        Channels: levels, then the square with x as the slow index.
        """
        h, w = places.shape[1:]
        if self._kept is not None:
            found = self._look_up(self._kept, places.flatten(1).T, self.offsets)
            return rearrange(found, "(h w) k -> k h w", h=h)
        rows = []
        for row in range(0, h, TILE):
            tiles = [(slice(row, row + TILE), slice(c, c + TILE)) for c in range(0, w, TILE)]
            rows.append(torch.cat([self._tile(*tile, places) for tile in tiles], dim=2))
        return torch.cat(rows, dim=1)

    def _tile(self, rows: slice, columns: slice, places: Tensor) -> Tensor:
        """The correlations [L, h, w] of a tile of cells."""
        cells, centres = self.source[:, rows, columns], places[:, rows, columns]
        target, corner = self._seen(centres)
        part = self._part(target)
        parts = zip(
            cells.flatten(1).T.split(part),
            (centres.flatten(1).T - corner).split(part),
            strict=True,
        )
        found = [self._look_up(self._volume(c, target), p, self.offsets) for c, p in parts]
        return rearrange(torch.cat(found), "(h w) k -> k h w", h=centres.shape[1])

    def _seen(self, centres: Tensor) -> tuple[Tensor, Tensor]:
        """The part of the target around places [2, h, w] that is looked at, and its corner [2]
        (x, y). All levels have the cells that they have of the whole."""
        coarsest = 2 ** (LEVELS - 1)
        reach, spans = (self.radius + 1) * coarsest, []
        for place, side in zip(centres, self.target.shape[:0:-1], strict=True):
            low, high = (float(end) for end in place.nan_to_num(0).clamp(0, side - 1).aminmax())
            start = max(0, int(low) - reach) // coarsest * coarsest
            end = -(-(int(high) + 1 + reach) // coarsest) * coarsest
            spans.append(slice(start, min(end, side)))
        columns, rows = spans
        corner = centres.new_tensor([columns.start, rows.start])
        return self.target[:, rows, columns], corner

    def _part(self, target: Tensor) -> int:
        """For how many cells the correlations with a target are made at once."""
        # Levels are a quarter each of the one before.
        per_cell = 4 * target[0].numel() * 4 // 3
        return max(1, self.most_bytes // per_cell)

    def _volume(self, cells: Tensor, target: Tensor) -> list[Tensor]:
        volume = (cells @ target.flatten(1)) / cells.shape[1] ** 0.5
        return list(self._pyramid(volume.view(-1, 1, *target.shape[1:])))

    def _pyramid(self, volume: Tensor) -> Iterator[Tensor]:
        return pyramid(volume)

    def _look_up(self, levels: list[Tensor], centres: Tensor, offsets: Tensor) -> Tensor:
        return look_up(levels, centres, offsets)


class BorderCorrelation(Correlation):
    """AllTracker's: a level more, whose last cells cover what is left over; outside, the edge's.

    Source: AllTracker (arXiv 2506.07310), section 3.
    """

    LEVELS = 5

    def _seen(self, centres: Tensor) -> tuple[Tensor, Tensor]:
        """All of the target: where its border is, matters."""
        return self.target, centres.new_zeros(2)

    def _pyramid(self, volume: Tensor) -> Iterator[Tensor]:
        yield volume
        for _ in range(self.LEVELS - 1):
            volume = F.adaptive_avg_pool2d(volume, (volume.shape[2] // 2, volume.shape[3] // 2))
            yield volume

    def _look_up(self, levels: list[Tensor], centres: Tensor, offsets: Tensor) -> Tensor:
        found = []
        for level, volume in enumerate(levels):
            last = centres.new_tensor([max(1, side - 1) for side in volume.shape[:1:-1]])
            places = (centres[:, None, None] / 2**level + offsets) * 2 / last - 1
            # The border goes on by the bound of the places: not every device has it in reading.
            values = read(volume, places.clamp(-1, 1), padding="zeros", corners=True)
            found.append(values.flatten(1))
        return torch.cat(found, dim=1)


def pyramid(volume: Tensor) -> Iterator[Tensor]:
    """[n, 1, h, w], and its means over squares of 2, 4 and 8."""
    yield volume
    for _ in range(LEVELS - 1):
        volume = F.avg_pool2d(volume, 2)
        yield volume


def square(radius: int, like: Tensor) -> Tensor:
    """Offsets [1, 2r+1, 2r+1, 2] (x, y); the slow index is x, as RAFT's code has it."""
    steps = torch.arange(-radius, radius + 1, device=like.device, dtype=like.dtype)
    return torch.stack(torch.meshgrid(steps, steps, indexing="ij"), dim=-1)[None]


def look_up(levels: list[Tensor], centres: Tensor, offsets: Tensor) -> Tensor:
    """Bilinear values [n, levels * k * k] around centres [n, 2]; 0 outside."""
    from torchvision.models.optical_flow._utils import grid_sample

    found = []
    for level, volume in enumerate(levels):
        places = centres[:, None, None] / 2**level + offsets
        found.append(grid_sample(volume, places, align_corners=True).flatten(1))
    return torch.cat(found, dim=1)
