"""A field that was tracked at a lower size, enlarged along the picture's edges."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..picture.upsample import TAPS, Cells, JointBilateral

COLOUR = 0.06
DISTANCE = 0.7
LEAST = 1e-3


class EdgeAwareUpsampler:
    """Enlarges the fields of one picture; the weights are made once for a clip.

    Args:
        picture: [3, H, W] in 0..1, the frame that fields belong to; on the CPU.
        small: (w, h) of the fields that will come.
    """

    def __init__(self, picture: Tensor, small: tuple[int, int]) -> None:
        self.size = (picture.shape[2], picture.shape[1])
        self.small = small
        self._enlarge = None if small == self.size else _weighed(picture, small)

    def __call__(self, values: Tensor) -> Tensor:
        """Enlarges [c, h, w] to [c, H, W]; every result lies between the values around it."""
        return values if self._enlarge is None else self._enlarge(values)

    def flow(self, flow: Tensor) -> Tensor:
        """Enlarges displacements [2, h, w], whose pixels become smaller."""
        ratio = flow.new_tensor([self.size[0] / self.small[0], self.size[1] / self.small[1]])
        return self(flow) * ratio.view(2, 1, 1)


def _weighed(picture: Tensor, small: tuple[int, int]) -> JointBilateral:
    """A cell counts the more, the nearer it lies and the more its colour is the pixel's."""
    guide = F.interpolate(picture[None], size=(small[1], small[0]), mode="area")[0]
    cells = Cells((picture.shape[2], picture.shape[1]), small, torch.float32)
    weights = []
    for dx, dy in TAPS:
        unlike = ((picture - cells.beside(guide, (dx, dy))) ** 2).sum(0)
        apart = (cells.x - dx) ** 2 + (cells.y - dy)[:, None] ** 2
        alike = torch.exp(-unlike / (2 * COLOUR**2)) + LEAST
        weights.append(torch.exp(-apart / (2 * DISTANCE**2)) * alike)
    return JointBilateral(cells, weights)
