"""How well a motion field or a video does: errors, shares and decibels, in plain torch.

Notation: F frames (frame 0 is the reference, and never counts by itself), H x W pixels, P points.
Displacements are pixels from frame 0, x then y. A mean over nothing is NaN, and `mean` of several
clips leaves NaN out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from skimage.metrics import structural_similarity
from torch import Tensor

from ..models.networks.splat import SplatPlan
from ..models.picture import pixels

COVERED = 0.25
"""From this sum of bilinear weights on, a pixel is reached. A surface that is stretched by less
than half in both directions has no gap then, and a soft edge counts from its middle on."""


def end_point_error(flow: Tensor, truth: Tensor) -> Tensor:
    """The distance between where two fields say that each pixel is.

    Args:
        flow, truth: [F, 2, H, W], or points' displacements [F, 2, P].

    Returns:
        [F, H, W] or [F, P], pixels.
    """
    return torch.linalg.vector_norm(flow - truth, dim=1)


def mean_where(values: Tensor, where: Tensor | None = None) -> float:
    """The mean over the frames after the first, NaN over nothing.

    Args:
        values: [F, ...].
        where: bool, [F, ...] or what is the same in each frame [...]; None: everywhere.
    """
    later = values[1:]
    if where is not None:
        later = later[where[1:] if where.ndim == values.ndim else where.expand_as(later)]
    return mean_of(later)


def mean_of(values: Tensor) -> float:
    """The mean of all numbers, NaN of none."""
    return float(values.double().mean()) if values.numel() else math.nan


def mean(values: Iterable[float]) -> float:
    """The mean of those numbers that are not NaN; NaN where none is left."""
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def correct_within(error: Tensor, pixels: float, where: Tensor | None = None) -> float:
    """PCK: the share of errors of at most so many pixels, with the arguments of `mean_where`."""
    return mean_where((error <= pixels).double(), where)


def motion(flow: Tensor, where: Tensor | None = None) -> float:
    """The mean length of displacements [F, 2, H, W] after the first frame, pixels."""
    return mean_where(torch.linalg.vector_norm(flow, dim=1), where)


def at_points(flow: Tensor, points: Tensor) -> Tensor:
    """A field read at points of the reference, bilinearly; its border goes on outside.

    Args:
        flow: [F, 2, H, W].
        points: [P, 2] pixels, x then y; pixel centres are at whole numbers.

    Returns:
        [F, 2, P].
    """
    grid = _grid(points.to(flow), flow.shape[-2:])[None, None].expand(flow.shape[0], -1, -1, -1)
    return pixels.read(flow, grid)[:, :, 0]


def along(moved: Tensor, drawn: Tensor) -> float:
    """How far points went in the drawn direction, as a part of the drawn length: 1 is as drawn.

    The mean over points of (moved . drawn) / |drawn|^2 in the last frame. Points that were drawn
    to end within a pixel of their start do not count.

    Args:
        moved, drawn: [F, 2, P] displacements.
    """
    square = drawn[-1].square().sum(0)
    counts = square > 1
    part = (moved[-1] * drawn[-1]).sum(0)[counts] / square[counts]
    return mean_of(part)


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """The slope of the straight line that fits y(x) best in least squares."""
    across, up = torch.tensor(x, dtype=torch.float64), torch.tensor(y, dtype=torch.float64)
    across = across - across.mean()
    return float((across * (up - up.mean())).sum() / across.square().sum())


def psnr(frames: Tensor, truth: Tensor, where: Tensor | None = None) -> float:
    """The peak signal-to-noise ratio of colours in 0..1 over the frames after the first, dB.

    Args:
        frames, truth: [F, 3, H, W].
        where: as in `mean_where`, for pixels.
    """
    return decibels(mean_where((frames - truth).square().mean(1), where))


def decibels(squared_error: float) -> float:
    """The PSNR of a mean squared error of values in 0..1; infinite for none, NaN for NaN."""
    return math.inf if squared_error == 0 else -10 * math.log10(squared_error)


def ssim_map(frames: Tensor, truth: Tensor) -> Tensor:
    """The structural similarity of each pixel's surroundings (Gaussian of 1.5 px, as published).

    Args:
        frames, truth: [F, 3, H, W] in 0..1, at least 11 x 11 pixels.

    Returns:
        [F, H, W] float64, the mean over the colours; 1 where they are equal.

    Source: Wang et al., "Image quality assessment: from error visibility to structural
    similarity", IEEE TIP 2004, by scikit-image.
    """
    maps = [
        structural_similarity(
            a.double().cpu().numpy(),
            b.double().cpu().numpy(),
            channel_axis=0,
            data_range=1.0,
            gaussian_weights=True,
            use_sample_covariance=False,
            full=True,
        )[1]
        for a, b in zip(frames, truth, strict=True)
    ]
    return torch.stack([torch.from_numpy(each).mean(0) for each in maps])


def newly_uncovered(flow: Tensor, visible: Tensor) -> Tensor:
    """Pixels of each frame that show what the reference does not.

    Each pixel of the reference that is visible in a frame gives the four pixels about its place
    there its bilinear weights; where they sum to less than COVERED, nothing has landed.

    Args:
        flow: [F, 2, H, W], the true field.
        visible: bool [F, H, W], of the reference's pixels.

    Returns:
        bool [F, H, W], all False in frame 0.
    """
    return SplatPlan(flow).sum(visible[:, None].to(flow.dtype))[:, 0] < COVERED


def followed(frames: Tensor, flow: Tensor) -> Tensor:
    """What each frame shows where the reference's pixels have gone, bilinearly.

    Args:
        frames: [F, C, H, W].
        flow: [F, 2, H, W].

    Returns:
        [F, C, H, W] over the reference's pixels.
    """
    height, width = flow.shape[-2:]
    row, column = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    here = torch.stack([column, row]).to(flow)
    grid = _grid((here + flow).movedim(1, -1), (height, width))
    return pixels.read(frames.to(flow), grid)


def flicker(frames: Tensor, flow: Tensor, visible: Tensor) -> float:
    """The mean change of colour from frame to frame along true motion, in parts of 0..1.

    A video that keeps its colours on what moves has 0; one that jumps, boils or lags behind has
    more. Pixels count where they are visible in both frames.

    Args:
        frames: [F, 3, H, W]; flow: [F, 2, H, W]; visible: bool [F, H, W].
    """
    seen = followed(frames, flow)
    change = (seen[1:] - seen[:-1]).abs().mean(1)
    both = visible[1:] & visible[:-1]
    return mean_of(change[both])


def _grid(places: Tensor, size: Sequence[int]) -> Tensor:
    """Places [..., 2] in pixels of a picture (H, W), as `grid_sample` counts them."""
    return (2 * places + 1) / places.new_tensor([size[1], size[0]]) - 1
