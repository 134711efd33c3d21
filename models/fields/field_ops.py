"""What can be done with motion fields: scale, add, compose, chain, mix, re-time, invert, sample.

Fields that are put together have one size and one number of frames; `MotionField.resized` and
`retimed` make them so. Where only one of two fields knows its visibility, the other counts as
visible everywhere.
"""

from __future__ import annotations

import math

import torch

from ..networks.splat import SplatPlan
from ..picture.pixels import sampled
from ..types.motion_field import MotionField, check_frames
from ..types.progress import Tick, nothing
from ..types.tracks import Tracks


def scaled(field: MotionField, strength: float) -> MotionField:
    """Every displacement times `strength`: 0 is still, 1 as it is, -1 the other way."""
    if not math.isfinite(strength):
        raise ValueError(f"the strength is a finite number, not {strength}")
    return MotionField(field.flow * strength, field.visibility)


def add(first: MotionField, second: MotionField) -> MotionField:
    """The sum of both displacements at each pixel of the reference frame."""
    _check_same(first, second)
    return MotionField(first.flow + second.flow, _both(first.visibility, second.visibility))


def compose(first: MotionField, second: MotionField) -> MotionField:
    """In every frame `first`, then `second` from where `first` has led: f1(p) + f2(p + f1(p)).

    An object's own motion, then a camera's. `second` is sampled bilinearly, with its border's
    values outside the picture; a pixel that `first` has led outside is hidden where either field
    knows about visibility.
    """
    _check_same(first, second)
    flow, visibility = _after(first.flow, first.visibility, second)
    return MotionField(flow, visibility)


def chained(first: MotionField, second: MotionField) -> MotionField:
    """One clip after the other: `second` starts from `first`'s last frame; F1 + F2 - 1 frames."""
    _check_same_size(first, second)
    repeated = first.flow[-1:].expand(second.frames, -1, -1, -1)
    seen = None if first.visibility is None else first.visibility[-1:].expand_as(second.flow[:, 0])
    flow, visibility = _after(repeated, seen, second)
    flow = torch.cat([first.flow, flow[1:]])
    if visibility is None:
        return MotionField(flow)
    before = first.visibility
    if before is None:
        before = torch.ones_like(first.flow[:, 0])
    return MotionField(flow, torch.cat([before, visibility[1:]]))


def mixed(inside: MotionField, outside: MotionField, mask: torch.Tensor) -> MotionField:
    """`inside` where the mask is 1, `outside` where it is 0, in proportion between.

    Args:
        mask: [H, W] in 0..1, over the reference frame.
    """
    _check_same(inside, outside)
    if mask.shape != inside.flow.shape[-2:]:
        raise ValueError(
            f"the mask is {list(mask.shape)}, but the fields are [height, width] = "
            f"{list(inside.flow.shape[-2:])}"
        )
    mask = mask.to(inside.flow)
    if not bool(((mask >= 0) & (mask <= 1)).all()):
        raise ValueError("the mask has values outside 0..1")
    flow = outside.flow * (1 - mask) + inside.flow * mask
    if inside.visibility is None and outside.visibility is None:
        return MotionField(flow)
    ones = torch.ones_like(flow[:, 0])
    seen_inside = ones if inside.visibility is None else inside.visibility
    seen_outside = ones if outside.visibility is None else outside.visibility
    return MotionField(flow, (seen_outside * (1 - mask) + seen_inside * mask).clamp(0, 1))


def retimed(field: MotionField, frames: int) -> MotionField:
    """The whole motion in another number of frames, linear in time; both ends stay as they are."""
    check_frames(frames)
    if frames == field.frames:
        return field
    return at_times(field, torch.linspace(0, field.frames - 1, frames, dtype=torch.float64))


def at_times(field: MotionField, time: torch.Tensor) -> MotionField:
    """The field's frames at `time` [F'] float64, counted in its own frames and beginning at 0.

    Linear between two of them.
    """
    before, after = time.floor().long(), time.ceil().long()
    part = (time - before).to(field.flow)
    flow = torch.lerp(field.flow[before], field.flow[after], part.view(-1, 1, 1, 1))
    if field.visibility is None:
        return MotionField(flow)
    seen = torch.lerp(field.visibility[before], field.visibility[after], part.view(-1, 1, 1))
    return MotionField(flow, seen.clamp(0, 1))


def squared_reach(
    field: MotionField, size: tuple[int, int] | None = None, tick: Tick = nothing
) -> torch.Tensor:
    """[H, W] px^2: the square of how far each pixel of the reference goes at most in the clip.

    Args:
        size: (W, H) of the reference; None: the field's own.
        tick: called once a frame.
    """
    size = size or field.size
    farthest = field.flow.new_zeros(size[1], size[0])
    for frame in range(field.frames):
        x, y = field.flow_at(frame, size)
        torch.maximum(farthest, x.square() + y.square(), out=farthest)
        tick()
    return farthest


def inverted(field: MotionField) -> MotionField:
    """For each frame, where its pixels came from: the displacement back to the reference frame.

    -f is splatted forward; where several pixels of the reference land on one, the one that moved
    more is taken to be in front. Where none lands (disoccluded), the displacement is 0 and the
    visibility 0.
    """
    magnitude = field.flow.square().sum(dim=1, keepdim=True).sqrt()
    magnitude.clamp_(max=torch.finfo(magnitude.dtype).max)  # the square of 1e20 px has no float32
    plan = SplatPlan(field.flow)
    back = plan.softmax(-field.flow, magnitude)
    back[0] = 0
    return MotionField(back, plan.coverage[:, 0].clamp(0, 1).to(torch.float32))


def tracks_at(field: MotionField, starts: torch.Tensor) -> Tracks:
    """Follows points of the reference frame through the field, sampled bilinearly.

    Args:
        starts: [P, 2] pixels, x then y, inside the picture.

    Returns:
        Tracks of P points; visible where the field is, or knows nothing about it.

    Raises:
        ValueError: for a start outside the picture, where the field says nothing.
    """
    width, height = field.size
    starts = starts.to(field.flow)
    low = starts.min(dim=1).values < -0.5
    outside = low | (starts[:, 0] > width) | (starts[:, 1] > height)
    if bool(outside.any()):
        index = int(torch.nonzero(outside)[0])
        x, y = starts[index].tolist()
        raise ValueError(
            f"point {index} starts at ({x:g}, {y:g}), outside the picture of {width}x{height}: "
            "the motion field says nothing there; start it inside"
        )
    at = starts.expand(field.frames, -1, -1)
    points = at + sampled(field.flow, at[..., 0], at[..., 1]).transpose(1, 2)
    seen = torch.ones(points.shape[:2], dtype=torch.bool, device=points.device)
    if field.visibility is not None:
        seen = sampled(field.visibility[:, None], at[..., 0], at[..., 1])[:, 0] >= 0.5
    return Tracks(points.contiguous(), seen, field.size)


def grid_points(size: tuple[int, int], spacing: int) -> torch.Tensor:
    """Points [P, 2] on a centred grid over a picture (W, H), `spacing` pixels apart.

    >>> grid_points((5, 3), 2).tolist()
    [[0.0, 0.0], [2.0, 0.0], [4.0, 0.0], [0.0, 2.0], [2.0, 2.0], [4.0, 2.0]]
    """
    if spacing < 1:
        raise ValueError(f"the grid's spacing is at least 1 pixel, not {spacing}")
    columns, rows = (
        torch.arange((n - 1) % spacing // 2, n, spacing, dtype=torch.float32) for n in size
    )
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([x, y], dim=-1).reshape(-1, 2)


def landing(flow: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Where the pixels land that flow [F, 2, H, W] moves: x, y, and whether inside, all [F, H, W].

    A picture reaches half a pixel beyond its outermost pixels.

    >>> flow = torch.tensor([[2.0, 0.0]]).view(1, 2, 1, 1).expand(1, 2, 1, 3)
    >>> x, y, inside = landing(flow)
    >>> x.tolist(), inside.tolist()
    ([[[2.0, 3.0, 4.0]]], [[[True, False, False]]])
    """
    height, width = flow.shape[-2:]
    x = torch.arange(width, device=flow.device) + flow[:, 0]
    y = torch.arange(height, device=flow.device)[:, None] + flow[:, 1]
    inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    return x, y, inside


def _after(
    flow: torch.Tensor, seen: torch.Tensor | None, second: MotionField
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """`second` applied after displacements [F, 2, H, W]: flow and visibility."""
    x, y, inside = landing(flow)
    total = flow + sampled(second.flow, x, y)
    if seen is None and second.visibility is None:
        return total, None
    visibility = inside.to(flow.dtype)
    if second.visibility is not None:
        visibility = visibility * sampled(second.visibility[:, None], x, y)[:, 0]
    return total, (visibility if seen is None else visibility * seen).clamp(0, 1)


def _both(first: torch.Tensor | None, second: torch.Tensor | None) -> torch.Tensor | None:
    if first is None or second is None:
        return second if first is None else first
    return torch.minimum(first, second)


def _check_same(first: MotionField, second: MotionField) -> None:
    _check_same_size(first, second)
    if first.frames != second.frames:
        raise ValueError(
            f"the two motion fields have {first.frames} and {second.frames} frames; "
            f"bring one of them to the other's number with Retime Motion Field first"
        )


def _check_same_size(first: MotionField, second: MotionField) -> None:
    if first.size != second.size:
        raise ValueError(
            f"the two motion fields have sizes {first.size} and {second.size}; resize one first"
        )
