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


class Correlation:
    """All-pairs correlation of two feature maps, looked up around given places.

    The volume of all pairs is kept where it fits in `most_bytes`, else it is made anew, part by
    part, at every look-up: the same numbers, in bounded memory.

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
        self.cells = source.flatten(1).T
        self.target = target.flatten(1)
        self.target_size = target.shape[1:]
        self.offsets = square(radius, source)
        # Levels are a quarter each of the one before.
        per_cell = 4 * self.target[0].numel() * 4 // 3
        self.part = max(1, most_bytes // per_cell)
        self._kept = self._volume(self.cells) if len(self.cells) <= self.part else None

    def __call__(self, places: Tensor) -> Tensor:
        """The correlations [L, h, w] of each cell around its place [2, h, w] in the target.

        Channels: levels, then the square with x as the slow index.
        """
        h = places.shape[1]
        centres = places.flatten(1).T
        if self._kept is not None:
            found = self._look_up(self._kept, centres, self.offsets)
        else:
            parts = zip(self.cells.split(self.part), centres.split(self.part), strict=True)
            found = torch.cat([self._look_up(self._volume(c), p, self.offsets) for c, p in parts])
        return rearrange(found, "(h w) k -> k h w", h=h)

    def _volume(self, cells: Tensor) -> list[Tensor]:
        volume = (cells @ self.target) / cells.shape[1] ** 0.5
        return list(self._pyramid(volume.view(-1, 1, *self.target_size)))

    def _pyramid(self, volume: Tensor) -> Iterator[Tensor]:
        return pyramid(volume)

    def _look_up(self, levels: list[Tensor], centres: Tensor, offsets: Tensor) -> Tensor:
        return look_up(levels, centres, offsets)


class BorderCorrelation(Correlation):
    """AllTracker's: a level more, whose last cells cover what is left over; outside, the edge's.

    Source: AllTracker (arXiv 2506.07310), section 3.
    """

    LEVELS = 5

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
