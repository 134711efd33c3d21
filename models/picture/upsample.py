"""Joint bilateral upsampling: a map of few cells, enlarged so that its jumps follow a picture.

Every pixel takes a weighted mean of the 3 x 3 cells around it, by distance and by likeness of
colour: what is constant stays constant, and an edge stays as sharp as in the picture.

Source: Kopf, Cohen, Lischinski and Uyttendaele, "Joint Bilateral Upsampling", SIGGRAPH 2007.
"""

from __future__ import annotations

import torch
from torch import Tensor

Tap = tuple[int, int]
"""A cell beside a pixel's own: so many further to the right, so many further down."""

TAPS: tuple[Tap, ...] = tuple((dx, dy) for dy in (-1, 0, 1) for dx in (-1, 0, 1))


class Cells:
    """A grid over a picture: the cell that each pixel lies in, and where in it.

    Args:
        size: (W, H) of the picture.
        grid: (w, h) of the cells.
        dtype: that places are computed in.

    Attributes:
        x, y: [W] and [H], how far each column and row lies from its cell's centre, in cells.
    """

    def __init__(
        self, size: tuple[int, int], grid: tuple[int, int], dtype: torch.dtype = torch.float64
    ) -> None:
        self.grid = grid
        self._column, self.x = _places(size[0], grid[0], dtype)
        self._row, self.y = _places(size[1], grid[1], dtype)

    def beside(self, values: Tensor, tap: Tap) -> Tensor:
        """[C, H, W] for every pixel, the value in [C, h, w] of the cell beside its own."""
        column = (self._column + tap[0]).clamp(0, self.grid[0] - 1)
        row = (self._row + tap[1]).clamp(0, self.grid[1] - 1)
        return values.index_select(2, column).index_select(1, row)


class JointBilateral:
    """The weights of one picture, made once for all maps that belong to it.

    Args:
        cells: of the maps that will come.
        weights: [H, W] for each of TAPS, not normalised.
    """

    def __init__(self, cells: Cells, weights: list[Tensor]) -> None:
        self.cells = cells
        total = torch.stack(weights).sum(0)
        self.weights = [weight / total for weight in weights]

    def __call__(self, values: Tensor) -> Tensor:
        """Enlarges [C, h, w] to [C, H, W]; every result lies between the values around it.

        Raises:
            ValueError: for a map of another size.
        """
        w, h = self.cells.grid
        if values.shape[1:] != (h, w):
            raise ValueError(f"expected fields of {w}x{h}, got {values.shape[2]}x{values.shape[1]}")
        result = values.new_zeros(values.shape[0], len(self.cells.y), len(self.cells.x))
        for tap, weight in zip(TAPS, self.weights, strict=True):
            result += self.cells.beside(values, tap) * weight
        return result


def _places(pixels: int, cells: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    place = (torch.arange(pixels, dtype=dtype) + 0.5) * (cells / pixels) - 0.5
    own = place.round().clamp(0, cells - 1)
    return own.long(), (place - own).float()
