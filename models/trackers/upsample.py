"""A field that was found at a lower size, enlarged so that its jumps follow the picture's edges."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

REACH = 1
COLOUR = 0.06
DISTANCE = 0.7
LEAST = 1e-3


class EdgeAwareUpsampler:
    """Joint bilateral upsampling for one picture: each pixel mixes the 9 cells around it.

    A cell counts the more, the nearer it lies and the more its colour is the pixel's. The weights
    depend on the picture only and are made once for a clip.

    Args:
        picture: [3, H, W] in 0..1, the frame that fields belong to.
        small: (w, h) of the fields that will come.

    Source: Kopf, Cohen, Lischinski and Uyttendaele, "Joint Bilateral Upsampling", SIGGRAPH 2007.
    """

    def __init__(self, picture: Tensor, small: tuple[int, int]) -> None:
        self.size = (picture.shape[2], picture.shape[1])
        self.small = small
        self.identity = small == self.size
        if self.identity:
            return
        guide = F.interpolate(picture[None], size=(small[1], small[0]), mode="area")[0]
        self._columns, x = _places(self.size[0], small[0], picture)
        self._rows, y = _places(self.size[1], small[1], picture)
        weights = [self._weight(picture, guide, dx, dy, x, y) for dx, dy in _around()]
        total = torch.stack(weights).sum(0)
        self._weights = [weight / total for weight in weights]

    def __call__(self, values: Tensor) -> Tensor:
        """Enlarges [c, h, w] to [c, H, W]; every result lies between the values around it."""
        if self.identity:
            return values
        if values.shape[1:] != (self.small[1], self.small[0]):
            raise ValueError(
                f"expected fields of {self.small[0]}x{self.small[1]}, got "
                f"{values.shape[2]}x{values.shape[1]}"
            )
        out: Tensor | None = None
        for weight, (dx, dy) in zip(self._weights, _around(), strict=True):
            part = self._moved(values, dx, dy) * weight
            out = part if out is None else out.add_(part)
        assert out is not None
        return out

    def flow(self, flow: Tensor) -> Tensor:
        """Enlarges displacements [2, h, w], whose pixels become smaller."""
        ratio = flow.new_tensor([self.size[0] / self.small[0], self.size[1] / self.small[1]])
        return self(flow) * ratio.view(2, 1, 1)

    def _moved(self, values: Tensor, dx: int, dy: int) -> Tensor:
        """For every pixel, the value of the cell (dx, dy) away from its own."""
        rows = (self._rows + dy).clamp(0, self.small[1] - 1)
        columns = (self._columns + dx).clamp(0, self.small[0] - 1)
        return values[:, rows][:, :, columns]

    def _weight(
        self, picture: Tensor, guide: Tensor, dx: int, dy: int, x: Tensor, y: Tensor
    ) -> Tensor:
        unlike = ((picture - self._moved(guide, dx, dy)) ** 2).sum(0)
        apart = (x - dx) ** 2 + (y - dy)[:, None] ** 2
        alike = torch.exp(-unlike / (2 * COLOUR**2)) + LEAST
        return torch.exp(-apart / (2 * DISTANCE**2)) * alike


def _around() -> list[tuple[int, int]]:
    steps = range(-REACH, REACH + 1)
    return [(dx, dy) for dy in steps for dx in steps]


def _places(pixels: int, cells: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Each pixel's cell, and how far its centre lies from the cell's, in cells."""
    place = (torch.arange(pixels, device=like.device) + 0.5) * (cells / pixels) - 0.5
    own = place.round().clamp(0, cells - 1)
    return own.long(), (place - own).to(like.dtype)
