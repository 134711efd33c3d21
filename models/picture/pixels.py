"""What every tool for pictures and masks needs: values between pixels, the nearest pixel of a mask,
the rectangle around one, holes filled smoothly, a check for NaN.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

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
        [2, H, W] int64, y then x, on the mask's device.

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
    return torch.from_numpy(place).to(mask.device, torch.int64)


def distance_to(place: Tensor) -> Tensor:
    """How far each pixel is from its place [2, H, W] (y, x): [H, W] px, float64, on the CPU.

    >>> distance_to(nearest(torch.tensor([[True, False, False, False, True]]))).tolist()
    [[0.0, 1.0, 2.0, 1.0, 0.0]]
    """
    row, column = place.cpu()
    apart = (row - torch.arange(row.shape[0])[:, None]).square_()
    return apart.add_((column - torch.arange(row.shape[1])).square_()).double().sqrt_()


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


def grown(mask: Tensor, by: int = 1) -> Tensor:
    """A mask [H, W] bool with the pixels around it, so many to each side, diagonals included.

    >>> grown(torch.tensor([[False, False, True, False, False]])).int().tolist()
    [[0, 1, 1, 1, 0]]
    """
    return F.max_pool2d(mask[None].float(), 2 * by + 1, stride=1, padding=by)[0] > 0


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
        values: [C, H, W]
        weight: [H, W] in 0..1; where it is 1 the values stay as they are.
        tick: called after every part of the work.

    Source: Gortler et al., "The Lumigraph", SIGGRAPH 1996.
    """
    return _pull_push(values[None] * weight, weight[None, None], tick)[0]


def halved(x: Tensor) -> Tensor:
    """[..., C, H, W] at half the size: the means of squares of four pixels, at the border of two or
    of one."""
    return F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)


def check_finite(values: Tensor, name: str, cure: str = "all must be finite") -> None:
    """Raises ValueError, saying what to do, for a value that is NaN or infinite."""
    # Both tell of either without a mask of the size of a clip.
    if values.numel() and not all(bool(torch.isfinite(end)) for end in values.aminmax()):
        bad = int((~torch.isfinite(values)).sum())
        raise ValueError(
            f"{name} holds NaN or infinite values ({bad} of {values.numel()} are not finite)"
            f"; {cure}"
        )


def _pull_push(weighted: Tensor, weight: Tensor, tick: Tick) -> Tensor:
    height, width = weight.shape[-2:]
    if max(height, width) > 1:
        coarse_weight = 4 * halved(weight)
        kept = coarse_weight.clamp(max=1)
        gain = kept / coarse_weight.clamp(min=1e-12)
        tick()
        coarse = 4 * halved(weighted) * gain
        tick()
        coarse = _pull_push(coarse, kept, tick)
        behind = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
        tick()
        return weighted + (1 - weight) * behind
    return weighted / weight.clamp(min=1e-12)
