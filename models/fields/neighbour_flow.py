"""Motion from picture to picture, and motion from the first picture: each made from the other.

A motion field f says where the pixels of frame 0 are in frame i; the neighbour flow n_i where the
pixels of frame i go in frame i + 1. At r = p + f_i(p): f_{i+1}(p) = f_i(p) + n_i(r). A neighbour
flow, or step, travels as a motion field of two frames, whose reference is the earlier picture.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..picture.pixels import check_finite, nearest, sampled
from ..types.motion_field import MotionField
from ..types.progress import OnStep
from .field_ops import landing
from .landings import landings


def to_neighbours(field: MotionField, on_step: OnStep | None = None) -> list[MotionField]:
    """The steps of a motion field: n_i(r) = f_{i+1}(p) - f_i(p), where r = p + f_i(p).

    Exact, to float32, where the field is bilinear between its pixels; where several of them have
    come to one, the one that has moved farthest counts. A pixel to which none has come (uncovered,
    or from outside the picture) has the motion of the nearest other one, and visibility 0; with
    nothing left in the picture, it rests.

    Args:
        field: of F >= 2 frames. Points that it knows to be hidden in frame i say nothing of n_i.
        on_step: called after every step with (steps done, steps in all).

    Returns:
        F - 1 fields of 2 frames. Their visibility in frame 1 is the field's own of the same points
        (1 where it knows nothing).

    Raises:
        ValueError: for a field of a single frame.
    """
    if field.frames < 2:
        raise ValueError(
            "a motion field of 1 frame has no steps: give one of at least 2 frames "
            "(Retime Motion Field, or more frames where the field is made)"
        )
    steps = []
    for i in range(field.frames - 1):
        steps.append(step_of(field, i))
        if on_step is not None:
            on_step(i + 1, field.frames - 1)
    return steps


def step_of(field: MotionField, i: int) -> MotionField:
    """The step of a motion field from frame i to the next; see `to_neighbours`.

    Raises:
        ValueError: for a step that the field does not have.
    """
    if not 0 <= i < field.frames - 1:
        raise ValueError(
            f"a motion field of {field.frames} frames has the steps 0..{field.frames - 2}, not {i}"
        )
    before, after = field.flow[i : i + 2].cpu().double()
    seen = None if field.visibility is None else field.visibility[i : i + 2].cpu().double()
    points = landings(before, None if seen is None else seen[0])
    flow = _filled(points.of(after - before), points.found)
    known = points.found.double() if seen is None else points.of(seen[1:])[0]
    visibility = torch.stack([torch.ones_like(known), known]).clamp(0, 1)
    return MotionField(as_step(flow.to(field.flow)).flow, visibility.to(field.flow))


def as_step(flow: Tensor) -> MotionField:
    """A neighbour flow [2, H, W] px, float32, as it travels: a field of 2 frames."""
    return MotionField(torch.stack([torch.zeros_like(flow), flow]))


def advance(field: MotionField, step: Tensor) -> MotionField:
    """Appends the frame to which a neighbour flow leads: f_{i+1}(p) = f_i(p) + n(p + f_i(p)).

    Args:
        field: F frames.
        step: n [2, H, W] px, from the field's last frame to the next.

    Returns:
        F + 1 frames. Visibility is 0 from the frame on in which a pixel has left the picture; it
        goes on with the motion of the border.

    Raises:
        ValueError: for a step of another size, or with values that are not finite.
    """
    width, height = field.size
    if tuple(step.shape) != (2, height, width):
        raise ValueError(
            f"the step is {list(step.shape)}, but the motion field of {width}x{height} px goes on "
            f"with one of [2, {height}, {width}]"
        )
    check_finite(step, "the step")
    return extended(field, [as_step(step.to(field.flow))])


def extended(field: MotionField, steps: Sequence[MotionField]) -> MotionField:
    """A field of F frames with those appended to which steps lead, one after the other.

    Args:
        steps: fields of 2 frames, of the field's size. What one marks as hidden (or as unknown, see
            `to_neighbours`) stays hidden.

    Returns:
        F + len(steps) frames, visibility as `advance` makes it.
    """
    flow = list(field.flow)
    seen = [*(torch.ones_like(field.flow[:, 0]) if field.visibility is None else field.visibility)]
    for step in steps:
        known = None if step.visibility is None else step.visibility[1].to(field.flow)
        after = moved_on(flow[-1], step.flow[1].to(field.flow))
        seen.append(_seen_on(flow[-1], seen[-1], after, known))
        flow.append(after)
    return MotionField(torch.stack(flow), torch.stack(seen))


def accumulated(steps: Sequence[MotionField]) -> MotionField:
    """One motion field, from the first picture, of steps that follow each other.

    Args:
        steps: fields of 2 frames and one size, each from the picture that the last one leads to.
            What a step marks as hidden (or as unknown, see `to_neighbours`) stays hidden.

    Returns:
        len(steps) + 1 frames, visibility as `advance` makes it.

    Raises:
        ValueError: for no steps, steps of other than 2 frames, or of different sizes.
    """
    _check_steps(steps)
    return extended(MotionField(steps[0].flow[:1]), steps)


def moved_on(flow: Tensor, step: Tensor) -> Tensor:
    """f(p) + n(p + f(p)) for f and n [2, H, W] px; n bilinear, its border repeated outside.

    At a motion's edge a point between whole pixels takes a part of what moves beside it.
    """
    x, y, _ = landing(flow[None])
    return flow + sampled(step[None], x, y)[0]


def _seen_on(flow: Tensor, seen: Tensor, after: Tensor, known: Tensor | None) -> Tensor:
    """Visibility [H, W] after a step from displacements `flow` to `after` [2, H, W]."""
    x, y, inside = landing(flow[None])
    seen = seen * inside[0] * landing(after[None])[2][0]
    if known is None:
        return seen
    # Of the pixel that a point is on; mixed with its neighbours, edges would fade step by step.
    return seen * sampled(known[None, None], x.round(), y.round())[0, 0]


def _filled(flow: Tensor, found: Tensor) -> Tensor:
    """Flow [2, H, W] with the nearest found pixel's wherever none was found; 0 if none at all."""
    if bool(found.all()) or not bool(found.any()):
        return flow
    row, column = nearest(found)
    return flow[:, row, column]


def _check_steps(steps: Sequence[MotionField]) -> None:
    if not steps:
        raise ValueError("there are no steps: give a list of at least one")
    for i, step in enumerate(steps):
        if step.frames != 2:
            raise ValueError(
                f"step {i} has {step.frames} frames, but must have 2, as it goes from a picture to "
                "the next; Motion Field to Steps splits a field that starts from one picture"
            )
        if step.size != steps[0].size:
            raise ValueError(
                f"step {i} is of {step.size[0]}x{step.size[1]} px and step 0 of "
                f"{steps[0].size[0]}x{steps[0].size[1]}; bring them to one size with Resize "
                f"Motion Field first"
            )
