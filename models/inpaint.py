"""Paints over a part of a picture: tones led in from its rim, grain mirrored across it.

The tones are a membrane: the smooth part of what is known, continued so that every hidden pixel is
the mean of its neighbours. It can't invent an object or a tone, which a preview must not. The fine
texture, which a membrane lacks, is what lies opposite, across the nearest rim.

Sources: Perez, Gangnet and Blake, "Poisson Image Editing", SIGGRAPH 2003 (the membrane);
Bornemann and Deuflhard, "The cascadic multigrid method", Numer. Math. 1996; Gortler et al., "The
Lumigraph", SIGGRAPH 1996 (`spread`).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SMOOTH = 5.0
"""What is finer than this many pixels is texture, what is coarser is tone."""

_SWEEPS = 16
_COARSEST = 8


def inpaint(picture: Tensor, hidden: Tensor) -> Tensor:
    """Replaces the hidden pixels by what could be behind them.

    Args:
        picture: [3, H, W] in 0..1.
        hidden: [H, W] bool.

    Returns:
        [3, H, W], equal to the picture where nothing is hidden; the picture itself where nothing
        or everything is.
    """
    if not bool(hidden.any()) or bool(hidden.all()):
        return picture
    rows, columns = _surroundings(hidden)
    part, unknown = picture[:, rows, columns], hidden[rows, columns]
    tone = _tone(part, unknown)
    painted = _membrane(torch.where(unknown, 0, tone), unknown) + _grain(part - tone, unknown)
    result = picture.clone()
    result[:, rows, columns] = torch.where(unknown, painted.clamp(0, 1), part)
    return result


def spread(values: Tensor, weight: Tensor) -> Tensor:
    """Fills in smoothly where the weight is low, from wherever it is not.

    Args:
        values: [C, H, W]
        weight: [H, W] in 0..1; where it is 1 the values stay as they are.
    """
    return _pull_push(values[None] * weight, weight[None, None])[0]


def _pull_push(weighted: Tensor, weight: Tensor) -> Tensor:
    height, width = weight.shape[-2:]
    if max(height, width) > 1:
        coarse_weight = 4 * _halved(weight)
        kept = coarse_weight.clamp(max=1)
        gain = kept / coarse_weight.clamp(min=1e-12)
        coarse = _pull_push(4 * _halved(weighted) * gain, kept)
        behind = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
        return weighted + (1 - weight) * behind
    return weighted / weight.clamp(min=1e-12)


def _halved(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)


def _surroundings(hidden: Tensor) -> tuple[slice, slice]:
    """The rectangle of what is hidden, with as much around it again, for the mirrored grain."""
    spans = []
    for axis, extent in ((1, hidden.shape[0]), (0, hidden.shape[1])):
        there = hidden.any(axis).nonzero()
        low, high = int(there.min()), int(there.max()) + 1
        margin = max((high - low) // 2, 32)
        spans.append(slice(max(low - margin, 0), min(high + margin, extent)))
    return spans[0], spans[1]


def _tone(picture: Tensor, unknown: Tensor) -> Tensor:
    """[3, H, W] the smooth part of the picture, from known pixels alone."""
    known = (~unknown).to(picture)
    share = _blurred(known[None])
    return _blurred(picture * known) / share.clamp(min=1e-6)


def _blurred(x: Tensor) -> Tensor:
    """Gaussian of standard deviation SMOOTH; beyond the picture's border counts as nothing."""
    reach = int(3 * SMOOTH)
    at = torch.arange(-reach, reach + 1, dtype=x.dtype, device=x.device)
    kernel = torch.exp(-0.5 * (at / SMOOTH).square())
    kernel = kernel / kernel.sum()
    x = F.conv2d(x[:, None], kernel[None, None, None], padding=(0, reach))
    return F.conv2d(x, kernel[None, None, :, None], padding=(reach, 0))[:, 0]


def _membrane(values: Tensor, unknown: Tensor) -> Tensor:
    """Fills the unknown part so that each pixel is the mean of its four neighbours.

    Coarse to fine: every level starts from the one below, so that few sweeps do.

    Args:
        values: [C, H, W], 0 in the unknown part.
        unknown: [H, W] bool, not all of it.
    """
    height, width = unknown.shape
    known = (~unknown).to(values)
    if min(height, width) <= _COARSEST or not bool(unknown.any()):
        filled = spread(values, known)
    else:
        share = _halved(known[None])
        coarse = _halved(values[None])[0] / share.clamp(min=1e-6)
        below = _membrane(torch.where(share[0] > 0, coarse, 0), share[0] == 0)
        up = F.interpolate(below[None], (height, width), mode="bilinear", align_corners=False)[0]
        filled = torch.where(unknown, up, values)
    for _ in range(_SWEEPS):
        filled = torch.where(unknown, _mean_of_neighbours(filled), filled)
    return filled


def _mean_of_neighbours(x: Tensor) -> Tensor:
    padded = F.pad(x[None], (1, 1, 1, 1), mode="replicate")[0]
    beside = padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
    return (beside + padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1]) / 4


def _grain(texture: Tensor, unknown: Tensor) -> Tensor:
    """[3, H, W] the texture, mirrored into the unknown part across the nearest known pixel.

    It fades with the distance, and there is none where the mirrored place is unknown itself.
    """
    from scipy.ndimage import distance_transform_edt

    distance, nearest = distance_transform_edt(unknown.cpu().numpy(), return_indices=True)
    height, width = unknown.shape
    rim = torch.from_numpy(nearest).long().to(unknown.device)
    here = torch.stack(torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")).to(
        unknown.device
    )
    row, column = 2 * rim - here
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    row, column = row.clamp(0, height - 1), column.clamp(0, width - 1)
    there = inside & ~unknown[row, column]
    depth = torch.from_numpy(distance).to(texture)
    fading = 1 - depth / (depth.max() + 1)
    return torch.where(there, fading * texture[:, row, column], 0)
