"""What every tool for pictures and masks needs: values between pixels, the nearest pixel of a mask,
the rectangle around one, holes filled smoothly, a check for NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..networks.splat_strips import blocks
from ..types.progress import Tick, heard, nothing


def read(
    maps: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding: str = "border",
    corners: bool = False,
) -> Tensor:
    """Reads maps [B, C, H, W] at a grid [B, h, w, 2] (x, y): [B, C, h, w].

    Args:
        grid: -1 to 1 over the whole picture, or (`corners`) from its first pixel's centre to its
            last one's.
        padding: what lies outside, "border", "reflection" or "zeros".
    """
    return F.grid_sample(maps, grid, mode=mode, padding_mode=padding, align_corners=corners)


def read_at(
    image: Tensor, place: Tensor, mode: str = "bilinear", padding: str = "border"
) -> Tensor:
    """Reads [C, H, W] at places [2, K] in pixels, x then y: [C, K]."""
    _, height, width = image.shape
    extent = place.new_tensor([max(width - 1, 1), max(height - 1, 1)])
    grid = 2 * place.T / extent - 1
    return read(image[None], grid[None, None], mode, padding, corners=True)[0, :, 0]


def sampled(maps: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Bilinear samples [F, C, ...] of maps [F, C, H, W] at pixels x, y [F, ...]; border repeated.

    Whole pixels give exactly the stored value, which `read_at` misses by its rounding of places.

    >>> maps = torch.tensor([[[[0.0, 10.0]]]])
    >>> sampled(maps, torch.tensor([[0.25, 9.0]]), torch.tensor([[0.0, 0.0]])).tolist()
    [[[2.5, 10.0]]]
    """
    frames, channels, height, width = maps.shape
    x, y = x.clamp(0, width - 1), y.clamp(0, height - 1)
    left, top = x.floor(), y.floor()
    flat = maps.flatten(2)

    def at(row: Tensor, column: Tensor) -> Tensor:
        index = (row.clamp(max=height - 1) * width + column.clamp(max=width - 1)).long()
        index = index.reshape(frames, 1, -1).expand(-1, channels, -1)
        return flat.gather(2, index).reshape(frames, channels, *x.shape[1:])

    right_part, low_part = (x - left).unsqueeze(1), (y - top).unsqueeze(1)
    upper = torch.lerp(at(top, left), at(top, left + 1), right_part)
    lower = torch.lerp(at(top + 1, left), at(top + 1, left + 1), right_part)
    return torch.lerp(upper, lower, low_part)


def nearest(mask: Tensor, tick: Tick = nothing) -> Tensor:
    """Which pixel of a mask lies nearest to each pixel.

    Args:
        mask: [H, W] bool, not all False.

    Returns:
        [2, H, W] int32, y then x, on the mask's device.

    >>> row, column = nearest(torch.tensor([[True, False, False, False, True]]))
    >>> column.tolist()
    [[0, 0, 0, 4, 4]]
    """
    from scipy.ndimage import distance_transform_edt

    elsewhere = ~mask.cpu().numpy()
    place = heard(
        lambda: distance_transform_edt(elsewhere, return_distances=False, return_indices=True),
        mask.numel(),
        tick,
    )
    return torch.from_numpy(place).to(mask.device, torch.int32)


def distance_between(pixels: Tensor, places: Tensor) -> Tensor:
    """How far [2, K] pixels are from [2, K] places, both y and x: [K] px, float64, on the CPU.

    >>> distance_between(torch.tensor([[0, 0], [1, 2]]), torch.tensor([[3, 0], [5, 2]])).tolist()
    [5.0, 0.0]
    """
    return (places.long() - pixels).square_().sum(0).cpu().double().sqrt_()


def span_of(there: Tensor) -> tuple[int, int]:
    """The first of those that are there, of [N] bool, and the one after the last.

    >>> span_of(torch.tensor([False, True, False, True, False]))
    (1, 4)
    """
    which = there.nonzero()
    return int(which.min()), int(which.max()) + 1


def box_of(mask: Tensor, margin: Callable[[int], int] = lambda length: 0) -> tuple[slice, slice]:
    """The rows and columns that hold a mask, and some margin where there is room for it.

    Args:
        mask: [H, W] bool, not all False.
        margin: the length of the mask along an axis -> pixels more at either end.

    >>> mask = torch.zeros(9, 9, dtype=torch.bool)
    >>> mask[2:4, 5] = True
    >>> box_of(mask, lambda length: 3 * length)
    (slice(0, 9, None), slice(2, 9, None))
    """
    spans = []
    for axis, extent in enumerate(mask.shape):
        low, high = span_of(mask.any(1 - axis))
        more = margin(high - low)
        spans.append(slice(max(low - more, 0), min(high + more, extent)))
    return spans[0], spans[1]


def window_of(changing: Tensor, flow: Tensor, margin: int = 4) -> tuple[slice, slice] | None:
    """Rows and columns that hold some pixels, where they go, and some margin; None for no pixels.

    Args:
        changing: [H, W] bool.
        flow: [2, H, W] their displacements, x then y.
    """
    if not bool(changing.any()):
        return None
    spans = []
    for axis, extent in enumerate(changing.shape):
        low, high = span_of(changing.any(1 - axis))
        place = torch.arange(extent, device=flow.device, dtype=flow.dtype)
        goal = (flow[1 - axis] + (place if axis else place[:, None])).clamp_(0, extent)
        first = int(torch.where(changing, goal, extent).min())
        last = int(torch.where(changing, goal, 0).max())
        low, high = min(low, first) - margin, max(high - 1, last) + margin + 1
        spans.append(slice(max(low, 0), min(high, extent)))
    return spans[0], spans[1]


def with_margin(rows: slice, margin: int, height: int) -> tuple[slice, slice]:
    """Rows and so many more above and below, where there are any; and which of these the rows are.

    >>> with_margin(slice(1, 4), 2, 9)
    (slice(0, 6, None), slice(1, 4, None))
    """
    near = slice(max(rows.start - margin, 0), min(rows.stop + margin, height))
    return near, slice(rows.start - near.start, rows.stop - near.start)


def grown(mask: Tensor, by: int = 1) -> Tensor:
    """A mask [H, W] bool with the pixels around it, so many to each side, diagonals included.

    >>> grown(torch.tensor([[False, False, True, False, False]])).int().tolist()
    [[0, 1, 1, 1, 0]]
    """
    for axis, length in enumerate(mask.shape):
        wider = mask.clone()
        for step in range(1, min(by, length - 1) + 1):
            for start, to in ((0, step), (step, 0)):
                part = wider.narrow(axis, to, length - step)
                part |= mask.narrow(axis, start, length - step)
        mask = wider
    return mask


def shrunk(mask: Tensor) -> Tensor:
    """Those pixels of a mask [H, W] bool that have no other around them.

    >>> shrunk(torch.tensor([[False, True, True, True, True]])).int().tolist()
    [[0, 0, 1, 1, 1]]
    """
    return ~grown(~mask)


def closed(mask: Tensor) -> Tensor:
    """A mask [H, W] bool without its gaps of up to two pixels.

    >>> closed(torch.tensor([[True, False, False, True, False, False, False]])).int().tolist()
    [[1, 1, 1, 1, 0, 0, 0]]
    """
    return shrunk(grown(mask))


def spread(values: Tensor, weight: Tensor, tick: Tick = nothing) -> Tensor:
    """Fills in smoothly where the weight is low, from wherever it is not: pull and push.

    Args:
        values: [C, H, W], filled in in place.
        weight: [H, W] in 0..1; where it is 1 the values stay as they are.
        tick: called after every part of the work.

    Returns:
        The values.

    Source: Gortler et al., "The Lumigraph", SIGGRAPH 1996.
    """
    values *= weight
    _pull_push(values, _levels(weight, tick), tick)
    return values


def halved(x: Tensor) -> Tensor:
    """[..., C, H, W] at half the size: the means of squares of four pixels, at the border of two or
    of one."""
    return F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)


def check_finite(values: Tensor, name: str, cure: str = "all must be finite") -> None:
    """Raises ValueError, saying what to do, for a value that is NaN or infinite."""
    # One pass, without a map of its own: NaN comes through a least value, too.
    if values.numel() and not all(bool(torch.isfinite(end)) for end in values.aminmax()):
        bad = int((~torch.isfinite(values)).sum())
        raise ValueError(
            f"{name} holds NaN or infinite values ({bad} of {values.numel()} are not finite)"
            f"; {cure}"
        )


@dataclass(frozen=True)
class _Level:
    """One level of the pyramid of weights: [h, w] of it, and what the sums that go into the next
    one, half as large, are multiplied by; None where there is none."""

    weight: Tensor
    gain: Tensor | None


def _levels(weight: Tensor, tick: Tick) -> list[_Level]:
    """Of weights [H, W], the finest first."""
    levels = []
    while max(weight.shape) > 1:
        coarse = 4 * halved(weight[None])[0]
        kept = coarse.clamp(max=1)
        levels.append(_Level(weight, kept / coarse.clamp_(min=1e-12)))
        weight = kept
        tick()
    return [*levels, _Level(weight, None)]


def _pull_push(weighted: Tensor, levels: list[_Level], tick: Tick) -> None:
    """Fills values [C, h, w] in, in place, that are multiplied by the first level's weight."""
    (level, *coarser), size = levels, weighted.shape[1:]
    if level.gain is None:
        weighted /= level.weight.clamp(min=1e-12)
        return
    coarse = halved(weighted).mul_(4).mul_(level.gain)
    tick()
    _pull_push(coarse, coarser, tick)
    behind = F.interpolate(coarse[None], size, mode="bilinear", align_corners=False)[0]
    tick()
    for rows in blocks(*size):
        weighted[:, rows] += (1 - level.weight[rows]) * behind[:, rows]
    tick()
