"""The motion brush: regions, grown, feathered, inverted, combined, and shown over a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch

from ..types.motion_field import check_size
from .cut_out import cut_out
from .lab import edge_colours

Combination = Literal["union", "intersect", "subtract"]

SNAP_IN, SNAP_OUT = 0.02, 0.012
"""How loose a brush may be that snaps to edges, inwards and outwards, in picture diagonals."""

SNAP_PIXELS = 500_000
"""Outlines are looked for in at most so many pixels."""


def check_region(region: torch.Tensor) -> torch.Tensor:
    """One region [H, W] float32 out of a MASK ([H, W] or [1, H, W]).

    Raises:
        ValueError: for another shape, several masks, or values that are not in 0..1.
    """
    if region.ndim == 3 and region.shape[0] > 1:
        raise ValueError(
            f"a region is one mask, got a batch of {region.shape[0]}: pick one of them, or join "
            "them with Combine Regions"
        )
    single = region[0] if region.ndim == 3 and region.shape[0] == 1 else region
    if single.ndim != 2 or 0 in single.shape:
        raise ValueError(
            f"a region is a mask [height, width] or [1, height, width], got {list(region.shape)}"
        )
    single = single.detach().cpu().float()
    low, high = single.aminmax()
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"a region's values lie in 0..1, got {float(low):.3g}..{float(high):.3g}: divide a "
            "mask of 0..255 by 255, and check it for NaN"
        )
    return single


def resized(region: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """A region [H, W] at another size (W', H'): each axis shrunk by means, or grown bilinearly."""
    import cv2

    check_size(size)
    height, width = region.shape
    covered = (min(width, size[0]), min(height, size[1]))
    mask = region.numpy()
    if covered != (width, height):
        mask = cv2.resize(mask, covered, interpolation=cv2.INTER_AREA)
    if covered != size:
        mask = cv2.resize(mask, size, interpolation=cv2.INTER_LINEAR)
    return torch.from_numpy(mask).clamp(0, 1)


def region_of(region: torch.Tensor, size: tuple[int, int]) -> torch.Tensor | None:
    """What may move, [H, W] at `size`; None where an empty brush leaves everything free."""
    single = check_region(region)
    return resized(single, size) if bool(single.any()) else None


def brush(
    region: torch.Tensor,
    size: tuple[int, int],
    *,
    grow: int = 0,
    feather: float = 0.0,
    invert: bool = False,
    fill_holes: bool = False,
    empty_is_everything: bool = True,
    snap_to: torch.Tensor | None = None,
) -> torch.Tensor:
    """A region as it will be used, from a painted mask.

    In this order: holes filled, resized to the picture, snapped, grown, inverted, feathered.

    Args:
        region: a MASK, [H, W] or [1, H, W] in 0..1, of any size.
        size: (W, H) of the picture.
        grow: pixels of the picture to grow by; negative to shrink.
        feather: width in pixels of the soft edge. It is laid inside the region, so that what was
            not painted stays exactly 0.
        invert: what was painted is what stays.
        fill_holes: what is enclosed by the region becomes part of it.
        empty_is_everything: an empty mask, also one like LoadImage's 64 x 64 for a picture without
            transparency, gives a region of ones, inverted or not. Otherwise it is an error.
        snap_to: the picture [H, W, C] or [B, H, W, C], to whose outlines the region is led; None
            leaves it as it was painted.

    Returns:
        [H, W] float32 in 0..1.

    Raises:
        ValueError: for a mask that is none, a grow or feather out of bounds, or nothing left.
    """
    check_size(size)
    longest = max(size)
    if abs(grow) > longest:
        raise ValueError(f"grow is {grow} px; the picture is {longest} px long, stay within that")
    if not 0 <= feather <= longest:
        raise ValueError(f"feather is {feather} px; give 0 to {longest}, the picture's length")
    painted = check_region(region)
    if not painted.any():
        if not empty_is_everything:
            raise ValueError(
                "the brush is empty: paint what may move, or let an empty brush mean everything"
            )
        return torch.ones(size[1], size[0])
    if fill_holes:
        painted = torch.from_numpy(_filled(painted.numpy()))
    mask = resized(painted, size).numpy()
    if snap_to is not None:
        mask = snapped(mask, snap_to)
    mask = _grown(mask, grow)
    if invert:
        mask = 1 - mask
    if not mask.any():
        raise ValueError(
            f"nothing is left of the region after grow {grow} px and invert {invert}: later nodes "
            "would take that for an empty brush, with which everything moves; shrink it less"
        )
    return torch.from_numpy(_feathered(mask, feather).astype(np.float32))


def snapped(mask: np.ndarray, picture: torch.Tensor) -> np.ndarray:
    """A loose brush [H, W] led to the outline of what it covers (see `cut_out.py`); 0 or 1.

    What lies deep in the brush stays, and nothing is added further out than SNAP_OUT.

    Raises:
        ValueError: for a brush whose values are all below 0.5, or a picture that is none.
    """
    import cv2

    height, width = mask.shape
    painted = (mask >= 0.5).astype(np.uint8)
    if not painted.any():
        raise ValueError(
            f"the brush is {float(mask.max()):.2g} at most: to snap it to edges, paint what "
            "belongs to the object with at least 0.5"
        )
    shrink = min(1.0, (SNAP_PIXELS / mask.size) ** 0.5)
    size = max(1, round(width * shrink)), max(1, round(height * shrink))
    covered = cv2.resize(painted.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    small = (covered > 0.25).astype(np.uint8)
    depth = cv2.distanceTransform(np.pad(small, 1, mode="edge"), cv2.DIST_L2, 5)[1:-1, 1:-1]
    outside = cv2.distanceTransform(1 - small, cv2.DIST_L2, 5)
    diagonal = float(np.hypot(*size))
    rim = min(SNAP_IN * diagonal, float(np.max(depth)) / 3)
    found = cut_out(
        edge_colours(picture, size), depth > 2 * rim, depth > rim, outside <= SNAP_OUT * diagonal
    )
    smooth = cv2.medianBlur(found.astype(np.uint8), 5).astype(np.float32)
    full = cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR)
    return (full > 0.5).astype(np.float32)


def combine(regions: Sequence[torch.Tensor], how: Combination) -> torch.Tensor:
    """Joins regions [H, W], soft ones too, at the size of the first.

    Args:
        regions: at least one MASK, each [H, W] or [1, H, W].
        how: "union" (the larger value), "intersect" (the smaller), "subtract" (the first, times
            what is left of each other). An empty one counts as nothing here.

    Raises:
        ValueError: where nothing is left, for no region, or for another way to combine.

    >>> first, second = torch.tensor([[1.0, 0.5]]), torch.tensor([[0.0, 0.5]])
    >>> combine([first, second], "subtract").tolist()
    [[1.0, 0.25]]
    """
    if not regions:
        raise ValueError("no region to combine: connect at least one")
    if how not in ("union", "intersect", "subtract"):
        raise ValueError(f'regions combine by "union", "intersect" or "subtract", not {how!r}')
    result = check_region(regions[0]).clone()
    size = (result.shape[1], result.shape[0])
    for other in regions[1:]:
        mask = resized(check_region(other), size)
        if how == "union":
            result = torch.maximum(result, mask)
        elif how == "intersect":
            result = torch.minimum(result, mask)
        else:
            result = result * (1 - mask)
    if not result.any():
        raise ValueError(
            f"nothing is left of the regions ({how}): later nodes would take that for an empty "
            "brush, with which everything moves"
        )
    return result


def overlay(
    picture: torch.Tensor,
    region: torch.Tensor,
    colour: tuple[float, float, float] = (1.0, 0.25, 0.2),
    opacity: float = 0.5,
) -> torch.Tensor:
    """The picture [H, W, 3] with the region [H, W] tinted, its outline drawn, the rest dimmed."""
    import cv2

    height, width = picture.shape[:2]
    mask = resized(region, (width, height)).numpy()
    base = picture[..., :3].detach().cpu().float().clamp(0, 1).numpy()
    tint = np.asarray(colour, dtype=np.float32)
    part = (mask * opacity)[..., None]
    shown = (base * (1 - part) + tint * part) * (0.65 + 0.35 * mask[..., None])
    contours, _ = cv2.findContours(
        (mask >= 0.5).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE
    )
    canvas = np.ascontiguousarray((shown * 255).round().astype(np.uint8))
    line = max(1, round(min(width, height) / 300))
    cv2.drawContours(canvas, contours, -1, (255, 255, 255), line, cv2.LINE_AA)
    return torch.from_numpy(canvas.astype(np.float32) / 255)


def _filled(mask: np.ndarray) -> np.ndarray:
    """Everything that the outside cannot reach without crossing the region becomes 1."""
    from scipy.ndimage import binary_fill_holes

    solid = mask >= 0.5
    return np.where(binary_fill_holes(solid) & ~solid, np.float32(1), mask)


def _grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    import cv2

    if pixels == 0:
        return mask
    width = 2 * abs(pixels) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    return cv2.dilate(mask, disc) if pixels > 0 else cv2.erode(mask, disc)


def _feathered(mask: np.ndarray, pixels: float) -> np.ndarray:
    """A smooth ramp over `pixels` inwards from the edge; the picture's border is no edge."""
    import cv2

    if pixels == 0:
        return mask
    depth = cv2.distanceTransform((mask > 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    ramp = (depth / (pixels + 1)).clip(0, 1)
    return mask * ramp * ramp * (3 - 2 * ramp)
