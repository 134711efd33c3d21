"""A mask of the reference picture, carried along a motion field, and what the motion uncovers.

Both by forward splatting, with soft edges. Of a surface that grows, each pixel lands with the area
that it has then; gaps too narrow for a tear (`picture.tears.TEAR`) are closed, and a pixel that
has landings on all its sides is taken for a whole one.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..networks.splat import SplatPlan
from ..picture.pixels import closed, shrunk
from ..picture.tears import TEAR, loose_pixels, torn_edges
from ..types.motion_field import MotionField
from ..types.progress import OnStep
from .field_ops import squared_reach

CONTRAST = 20.0
"""Importance of the pixel that is most in front; the one farthest behind has 0."""

LEAST_MOTION = 1 / 32
"""What never moves further than this (in pixels) does not count as moving."""

_ROUNDING, _REACHED = 1e-5, 0.05  # of a pixel
_FAR = 1e9


def moving(field: MotionField) -> Tensor:
    """[H, W] float32: 1 where the field moves the reference picture in any of its frames."""
    return (_reach(field) >= LEAST_MOTION).to(field.flow)


def carried(
    mask: Tensor,
    field: MotionField,
    nearness: Tensor | None = None,
    at: Tensor | None = None,
    on_frame: OnStep = lambda done, total: None,
) -> tuple[Tensor, Tensor]:
    """Where a mask has come to in each frame, and which pixels are new there.

    Frame 0, and what neither moves nor is covered, is the mask to the bit. Points that the field
    calls hidden (visibility below 0.5) are seen nowhere.

    Args:
        mask: [H, W] in 0..1, over the reference picture; the field has its size.
        nearness: [H, W], the larger covers the smaller. None: what moves furthest in the clip is
            in front.
        at: [M] int64, the frames that are wanted, as `latent_frames` picks them. None: all F.
        on_frame: called with (frames done, frames in all).

    Returns:
        moved [M, H, W] and new [M, H, W], float32 in 0..1; new is 1 where nothing of the reference
        picture is seen: uncovered, or come from outside.

    Raises:
        ValueError: for a mask or a nearness of another size than the field.
    """
    for name, one in (("mask", mask), ("nearness", nearness)):
        if one is not None and one.shape != field.flow.shape[-2:]:
            raise ValueError(
                f"the {name} is {list(one.shape)}, but the field is [height, width] = "
                f"{list(field.flow.shape[-2:])}"
            )
    front = _reach(field) if nearness is None else nearness.to(field.flow)
    front = CONTRAST * front / front.max().clamp(min=1e-6)
    mask = mask.to(field.flow)
    wanted = range(field.frames) if at is None else at.tolist()
    moved = mask.expand(len(wanted), -1, -1).contiguous()
    new = torch.zeros_like(moved)
    for i, frame in enumerate(wanted):
        flow = field.flow[frame]
        seen = field.seen(frame)
        window = _window(flow, seen)
        if window is not None:
            part = None if seen is None else seen[window]
            moving_part = flow[:, window[0], window[1]]
            landed = _landed(mask[window], front[window], moving_part, part)
            moved[i][window], new[i][window] = landed
        on_frame(i + 1, len(wanted))
    return moved, new


def _reach(field: MotionField) -> Tensor:
    """[H, W] the largest displacement of the clip."""
    return squared_reach(field).sqrt()


def _window(flow: Tensor, seen: Tensor | None) -> tuple[slice, slice] | None:
    """Rows and columns that hold all that changes, with a margin for closing; None for nothing."""
    changing = (flow != 0).any(0)
    changing = changing if seen is None else changing | ~seen
    row, column = changing.nonzero(as_tuple=True)
    if not len(row):
        return None
    x, y = flow[:, row, column]
    height, width = changing.shape
    return _span(row, row + y, height), _span(column, column + x, width)


def _span(start: Tensor, end: Tensor, extent: int) -> slice:
    low = min(int(start.min()), int(end.clamp(0, extent).min())) - 4
    high = max(int(start.max()), int(end.clamp(0, extent).max())) + 5
    return slice(max(low, 0), min(high, extent))


def _landed(
    mask: Tensor, front: Tensor, flow: Tensor, seen: Tensor | None
) -> tuple[Tensor, Tensor]:
    """One frame's moved and new [h, w], of all that lies within a window."""
    right, down = torn_edges(flow)
    lost = loose_pixels(right, down)
    lost = lost if seen is None else lost | ~seen
    plan = SplatPlan(torch.where(lost, _FAR, flow)[None])
    area = _side(flow, right, 1) * _side(flow, down, 0)
    parts = plan.layers(torch.stack([mask * area, area]), front)
    ahead, ahead_weight, behind, behind_weight = (part[0] for part in parts)
    ahead_share = (ahead[1] * ahead_weight[0]).clamp(0, 1)
    behind_share = (behind[1] * behind_weight[0]).clamp(0, 1) * (1 - ahead_share)
    share = ahead_share + behind_share
    total = ahead_share * _ratio(ahead) + behind_share * _ratio(behind)
    here, around = share > _REACHED, _mean(torch.stack([total, share]))
    value = torch.where(here, total / share, _ratio(around)).clamp(0, 1)
    surface = closed(here)
    share = torch.where(surface & ~here, around[1].clamp(max=1), share)
    share = torch.where(shrunk(surface) | (share > 1 - _ROUNDING), 1, share)
    settled = (flow == 0).all(0) & ~lost & (plan.coverage[0, 0] == 1)
    return torch.where(settled, mask, value * share), torch.where(settled, 0, 1 - share)


def _side(flow: Tensor, torn: Tensor, dim: int) -> Tensor:
    """[h, w] how long pixels have become along an axis, 1 to TEAR, towards untorn neighbours."""
    step = flow.diff(dim=dim + 1)
    step[1 - dim] += 1
    length = torch.where(torn, 1, torch.hypot(*step)).clamp(1, TEAR)
    before, after = ((0, 0, 1, 0), (0, 0, 0, 1)) if dim == 0 else ((1, 0), (0, 1))
    return torch.maximum(F.pad(length, before, value=1), F.pad(length, after, value=1))


def _ratio(layer: Tensor) -> Tensor:
    return layer[0] / layer[1].clamp(min=1e-12)


def _mean(maps: Tensor) -> Tensor:
    """[C, h, w] over each pixel and those around it."""
    return F.avg_pool2d(maps[None], 3, stride=1, padding=1, count_include_pad=False)[0]
