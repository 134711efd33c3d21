"""A mask of the reference picture, carried along a motion field, and what the motion uncovers.

Both by forward splatting, with soft edges. Of a surface that grows, each pixel lands with the area
that it has then; gaps too narrow for a tear (`picture.tears.TEAR`) are closed, and a pixel that
has landings on all its sides is taken for a whole one.
"""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from ..networks.splat_strips import blocks, strips
from ..picture.pixels import closed, shrunk, window_of, with_margin
from ..picture.tears import TEAR, loose_pixels, torn_edges
from ..types.motion_field import MotionField
from ..types.progress import OnStep, Tick
from .field_ops import squared_reach

CONTRAST = 20.0
"""Importance of the pixel that is most in front; the one farthest behind has 0."""

LEAST_MOTION = 1 / 32
"""What never moves further than this (in pixels) does not count as moving."""

_ROUNDING, _REACHED = 1e-5, 0.05  # of a pixel

_AROUND = 4
"""Pixels around one that may change what becomes of it: gaps are closed, and surfaces shrunk."""


def carried(
    mask: Tensor | None,
    field: MotionField,
    nearness: Tensor | None = None,
    at: Tensor | None = None,
    on_frame: OnStep = lambda done, total: None,
    size: tuple[int, int] | None = None,
) -> tuple[Tensor, Tensor]:
    """Where a mask has come to in each frame, and which pixels are new there.

    Frame 0, and what neither moves nor is covered, is the mask to the bit. Points that the field
    calls hidden (visibility below 0.5) are seen nowhere.

    Args:
        mask: [H, W] in 0..1, over the reference picture; None: all that the field moves.
        nearness: [H, W], the larger covers the smaller. None: what moves furthest in the clip is
            in front.
        at: [M] int64, the frames that are wanted, as `latent_frames` picks them. None: all F.
        on_frame: called with (frames done, frames in all), several times a frame.
        size: (W, H) of the reference, to which the field is resized frame by frame; None: the
            field's own.

    Returns:
        moved [M, H, W] and new [M, H, W], float32 in 0..1; new is 1 where nothing of the reference
        picture is seen: uncovered, or come from outside.

    Raises:
        ValueError: for a mask or a nearness of another size.
    """
    size = size or field.size
    _check_size(size, mask=mask, nearness=nearness)
    wanted = range(field.frames) if at is None else at.tolist()
    tick = partial(on_frame, 0, len(wanted))
    reach = torch.empty(0)  # where nobody asks for it
    if mask is None or nearness is None:
        reach = squared_reach(field, size, tick).sqrt_()
    front = reach if nearness is None else nearness.to(field.flow)
    front = CONTRAST * front / front.max().clamp(min=1e-6)
    tick()
    mask = (reach >= LEAST_MOTION if mask is None else mask).to(field.flow)
    del reach
    tick()
    moved = mask.expand(len(wanted), -1, -1).contiguous()
    new = torch.zeros_like(moved)
    for i, frame in enumerate(wanted):
        tick = partial(on_frame, i, len(wanted))
        tick()
        flow, seen = field.flow_at(frame, size), field.seen_at(frame, size)
        changing = (flow != 0).any(0)
        tick()
        window = window_of(changing if seen is None else changing | ~seen, flow)
        if window is not None:
            part = None if seen is None else seen[window]
            moving = flow[:, window[0], window[1]]
            tick()
            into = moved[i][window], new[i][window]
            _land(mask[window], front[window], moving, part, tick, into)
        on_frame(i + 1, len(wanted))
    return moved, new


def _check_size(size: tuple[int, int], **masks: Tensor | None) -> None:
    for name, one in masks.items():
        if one is not None and tuple(one.shape) != size[::-1]:
            raise ValueError(
                f"the {name} is {list(one.shape)}, but the field is [height, width] = "
                f"{list(size[::-1])}"
            )


def _land(
    mask: Tensor,
    front: Tensor,
    flow: Tensor,
    seen: Tensor | None,
    tick: Tick,
    into: tuple[Tensor, Tensor],
) -> None:
    """One frame's moved and new [h, w], of all that lies within a window, put into two maps."""
    right, down = torn_edges(flow)
    tick()
    lost = loose_pixels(right, down)
    lost = lost if seen is None else lost | ~seen
    tick()
    area = _side(flow, right, 1)
    del right
    tick()
    area *= _side(flow, down, 0)
    del down
    tick()
    settled = (flow == 0).all(0) & ~lost
    total, share = torch.empty_like(mask), torch.empty_like(mask)
    for strip in strips(flow, lost, tick):
        whole = strip.gathered(area[None])
        carried_in = torch.cat([strip.gathered(mask[None]) * whole, whole])
        parts = strip.layers(carried_in, strip.gathered(front[None])[0], tick)
        total[strip.rows], share[strip.rows] = _both(*parts)
        settled[strip.rows] &= strip.coverage[0] == 1
        tick()
    moved, new = into
    for rows in blocks(*mask.shape):
        near, inner = with_margin(rows, _AROUND, len(mask))
        value, covered = (one[inner] for one in _whole(total[near], share[near]))
        moved[rows] = torch.where(settled[rows], mask[rows], value * covered)
        new[rows] = torch.where(settled[rows], 0, 1 - covered)
        tick()


def _whole(total: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """The mask's value [h, w] and how much of each pixel is covered, with narrow gaps closed."""
    here, around = share > _REACHED, _mean(torch.stack([total, share]))
    value = torch.where(here, total / share, _ratio(around)).clamp(0, 1)
    surface = closed(here)
    share = torch.where(surface & ~here, around[1].clamp(max=1), share)
    return value, torch.where(shrunk(surface) | (share > 1 - _ROUNDING), 1, share)


def _both(
    ahead: Tensor, ahead_weight: Tensor, behind: Tensor, behind_weight: Tensor
) -> tuple[Tensor, Tensor]:
    """The mask of what is in front and behind, times the share of each pixel, and that share."""
    ahead_share = (ahead[1] * ahead_weight[0]).clamp(0, 1)
    behind_share = (behind[1] * behind_weight[0]).clamp(0, 1) * (1 - ahead_share)
    total = ahead_share * _ratio(ahead) + behind_share * _ratio(behind)
    return total, ahead_share + behind_share


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
