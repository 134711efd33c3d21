"""Sparse control of stage 1: drawn tracks as squares of known displacement, and a mask of them.

In frame i a square around each track's start holds that track's displacement p_i - p_0 and mask 1.
Everywhere else nothing is known: mask 0 and no displacement. Outside the region that may move, the
control says "known, and still": displacement 0 with mask 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..types.motion_field import encode
from ..types.tracks import Tracks

LATENT = 8
"""Pixels to a latent cell."""


@dataclass(frozen=True)
class SparseControl:
    """What the trajectory ControlNet is told, for the N predicted frames.

    Args:
        flow01: [N, 2, H, W] float32, encoded displacement (0.5 is none).
        mask: [N, 1, H, W] float32, 1 where the displacement is known.
        mask_latent: [N, 1, H // 8, W // 8], the mask's nearest samples.
        frozen: [H, W] float32, 1 where nothing may move.
    """

    flow01: torch.Tensor
    mask: torch.Tensor
    mask_latent: torch.Tensor
    frozen: torch.Tensor


def rasterize(tracks: Tracks, half_size: int, region: torch.Tensor | None = None) -> SparseControl:
    """Paints the tracks' displacements; where squares overlap, the later track wins.

    A square covers rows y0 - half_size .. y0 + half_size - 1 and the same columns, (x0, y0) being
    the start rounded to a pixel; its part outside the picture is dropped. A point that is hidden
    in a frame says nothing in that frame. Equal to the released code where starts are whole pixels
    (`sample_paths(..., pin="released")` gives its one-pixel pins).

    Args:
        tracks: at the size to paint, at least 2 frames.
        half_size: in pixels, at least 1.
        region: [H, W] in 0..1, at least 0.5 where things may move; None, or a region that is empty,
            means that everything may.

    Raises:
        ValueError: for a half size below 1, a single frame, or a region of another size.
    """
    if half_size < 1:
        raise ValueError(f"half_size is at least 1 pixel, not {half_size}")
    if tracks.frames < 2:
        raise ValueError("sparse control needs at least 2 frames: the reference and one to predict")
    predicted = tracks.frames - 1
    width, height = tracks.size
    frozen = _frozen(region, tracks.size)
    flow = torch.zeros(predicted, 2, height, width)
    mask = torch.zeros(predicted, 1, height, width)
    points = tracks.points.detach().to("cpu", torch.float32)
    visible = tracks.visibility.cpu()[1:]
    moved = points[1:] - points[:1]
    starts = torch.floor(points[0].double() + 0.5).long().tolist()
    for index, (x, y) in enumerate(starts):
        rows = slice(max(y - half_size, 0), max(y + half_size, 0))
        columns = slice(max(x - half_size, 0), max(x + half_size, 0))
        seen = visible[:, index]
        flow[seen, :, rows, columns] = moved[seen, index, :, None, None]
        mask[seen, :, rows, columns] = 1.0
    flow = flow * (1 - frozen)
    mask = torch.where(frozen > 0, 1.0, mask)
    return SparseControl(encode(flow), mask, at_latent_size(mask), frozen)


def at_latent_size(mask: torch.Tensor) -> torch.Tensor:
    """The nearest samples of a mask [..., H, W], one a latent cell: [..., H // 8, W // 8].

    >>> at_latent_size(torch.zeros(1, 1, 32, 20)).shape
    torch.Size([1, 1, 4, 2])
    """
    rows, columns = (max(n // LATENT, 1) for n in mask.shape[-2:])
    return mask[..., ::LATENT, ::LATENT][..., :rows, :columns].contiguous()


def _frozen(region: torch.Tensor | None, size: tuple[int, int]) -> torch.Tensor:
    width, height = size
    if region is None:
        return torch.zeros(height, width)
    if list(region.shape) != [height, width]:
        raise ValueError(
            f"the region is {list(region.shape)}, but the tracks belong to a picture of "
            f"[height, width] = {[height, width]}; resize the region to it first"
        )
    if not bool(torch.isfinite(region).all()):
        raise ValueError("the region has a value that is NaN or infinite; all must be finite")
    frozen = (region.detach().cpu() < 0.5).float()
    return torch.zeros_like(frozen) if bool(frozen.all()) else frozen
