"""A motion field of one picture, put onto another."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..picture.pixels import nearest, read
from ..picture.region import region_of
from ..types.motion_field import MotionField, check_size, still
from .field_ops import mixed, scaled

Size = tuple[int, int]
STRETCH, COVER, CONTAIN, ALIGN = "stretch", "crop", "fit", "align regions"
PLACINGS = (STRETCH, COVER, CONTAIN, ALIGN)
SOLID = 0.5
PART_ONLY = "switch only_region off"


@dataclass(frozen=True)
class Placement:
    """Where a picture lies in another: place in the other = scale * place + shift.

    Places are measured in pixels from the upper left corner of the upper left pixel.

    Args:
        scale: (x, y), more than 0.
        shift: (x, y) pixels.
    """

    scale: tuple[float, float]
    shift: tuple[float, float]


def placement(
    how: str, source: Size, target: Size, here: Tensor | None = None, there: Tensor | None = None
) -> Placement:
    """How a picture of one size is laid onto another.

    Args:
        how: "stretch" (each side by its own ratio), "crop" (same ratio, covering all), "fit" (same
            ratio, all of it visible), or "align regions" (same ratio, region onto region).
        source: (W, H) of the picture that the field belongs to.
        target: (W, H) of the other.
        here: [h, w] the region in the source, for "align regions".
        there: [h, w] the region in the target.

    Raises:
        ValueError: for another `how`, or a region that is needed and missing or empty.

    >>> placement("crop", (100, 50), (100, 100))
    Placement(scale=(2.0, 2.0), shift=(-50.0, 0.0))
    >>> placement("fit", (100, 50), (100, 100))
    Placement(scale=(1.0, 1.0), shift=(0.0, 25.0))
    """
    ratios = (target[0] / source[0], target[1] / source[1])
    if how == STRETCH:
        return Placement(ratios, (0.0, 0.0))
    if how in (COVER, CONTAIN):
        ratio = max(ratios) if how == COVER else min(ratios)
        middle = tuple((t - ratio * s) / 2 for s, t in zip(source, target, strict=True))
        return Placement((ratio, ratio), (middle[0], middle[1]))
    if how != ALIGN:
        raise ValueError(f"cannot place a field by '{how}'; there are {', '.join(PLACINGS)}")
    from_area, from_centre = _extent(here, source, "source_region")
    to_area, to_centre = _extent(there, target, "target_region")
    ratio = (to_area / from_area) ** 0.5
    shift = tuple(t - ratio * s for s, t in zip(from_centre, to_centre, strict=True))
    return Placement((ratio, ratio), (shift[0], shift[1]))


def placed(field: MotionField, size: Size, where: Placement) -> MotionField:
    """The field over another picture: displacements grow with it, edges go on outside.

    Args:
        field: of the source.
        size: (W, H) of the target.
        where: from `placement`.
    """
    check_size(size)
    grid = _grid(field, size, where)
    ratio = field.flow.new_tensor(where.scale).view(1, 2, 1, 1)
    flow = torch.cat([read(frame[None], grid) for frame in field.flow]) * ratio
    if field.visibility is None:
        return MotionField(flow)
    seen = torch.cat([read(frame[None, None], grid) for frame in field.visibility])
    return MotionField(flow, seen[:, 0].clamp(0, 1))


def transfer(
    field: MotionField,
    size: Size,
    how: str,
    *,
    strength: float = 1.0,
    source_region: Tensor | None = None,
    target_region: Tensor | None = None,
    only_region: bool = False,
    background: MotionField | None = None,
) -> MotionField:
    """Puts the motion of one picture onto another.

    Args:
        field: of the source.
        size: (W, H) of the target picture.
        how: one of PLACINGS.
        strength: times every displacement.
        source_region: [h, w] at any size, the moving object in the source.
        target_region: [h, w] at any size, what is to move in the target.
        only_region: move nothing but the target region, by the object's motion alone, which is
            continued where the target's shape is larger than the object's.
        background: what moves outside the region then; None: nothing.

    Raises:
        ValueError: for a missing region, or a background of another number of frames.
    """
    if only_region:
        field = continued(field, _solid(source_region, field.size, "source_region"))
    where = placement(how, field.size, size, source_region, target_region)
    moved = scaled(placed(field, size, where), strength)
    if not only_region:
        return moved
    region = _needed(target_region, size, "target_region", PART_ONLY)
    outside = still(field.frames, size) if background is None else background.resized(size)
    if outside.frames != field.frames:
        raise ValueError(
            f"the object moves for {field.frames} frames, but the background for "
            f"{outside.frames}; re-time one of them"
        )
    return mixed(moved, outside, region)


def continued(field: MotionField, solid: Tensor) -> MotionField:
    """Outside `solid` (bool [H, W]), the motion of the nearest pixel inside it."""
    rows, columns = nearest(solid.to(field.flow.device))
    seen = field.visibility
    return MotionField(
        field.flow[:, :, rows, columns], None if seen is None else seen[:, rows, columns]
    )


def _extent(region: Tensor | None, size: Size, name: str) -> tuple[float, tuple[float, float]]:
    """Area and centre of a region, in pixels of its picture."""
    weight = _needed(region, size, name).double()
    total = float(weight.sum())
    x = float((weight.sum(0) * (torch.arange(size[0]) + 0.5)).sum()) / total
    y = float((weight.sum(1) * (torch.arange(size[1]) + 0.5)).sum()) / total
    return total, (x, y)


def _solid(region: Tensor | None, size: Size, name: str) -> Tensor:
    given = _needed(region, size, name, PART_ONLY)
    solid = given > SOLID
    if not bool(solid.any()):
        most = float(given.max())
        raise ValueError(f"{name} is {most:.2f} at most: paint the object with more than {SOLID}")
    return solid


def _needed(
    region: Tensor | None, size: Size, name: str, otherwise: str = "choose another placing"
) -> Tensor:
    fitted = None if region is None else region_of(region, size)
    if fitted is None:
        raise ValueError(
            f"this needs a {name.replace('_', ' ')}: connect a mask that is not empty to "
            f"'{name}', or {otherwise}"
        )
    return fitted.cpu().float()


def _grid(field: MotionField, size: Size, where: Placement) -> Tensor:
    """[1, H, W, 2] the place in the source of each target pixel, -1 to 1 over the picture."""
    axes = []
    for axis in (0, 1):
        centres = torch.arange(size[axis], dtype=torch.float64) + 0.5
        place = (centres - where.shift[axis]) / where.scale[axis] / field.size[axis]
        axes.append((2 * place - 1).to(field.flow))
    rows, columns = torch.meshgrid(axes[1], axes[0], indexing="ij")
    return torch.stack([columns, rows], dim=-1)[None]
