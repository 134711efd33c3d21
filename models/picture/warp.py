"""Moves a picture by a motion field, with no learned model: a fast look at a motion.

For every frame, forward splatting tells what lands where and what is in front. Where a target
lies on one unbroken surface, its place in the reference picture is then solved for exactly and
read with a bicubic filter. The foreground's outline is drawn softly over what is behind it, and
what nothing reaches is taken from the background plate.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..types.motion_field import MotionField
from ..types.progress import OnStep
from .pixels import check_finite
from .region import region_of, resized
from .warp_frame import draw
from .warp_motion import motion_of
from .warp_scene import scene_of

ORDERS = ("auto", "motion", "depth", "none")
SPLATTINGS = ("softmax", "average")
FILLS = ("background", "none")

_STEPS_A_FRAME = 12


def warp_picture(
    picture: Tensor,
    field: MotionField,
    *,
    depth: Tensor | None = None,
    region: Tensor | None = None,
    order: str = "auto",
    splatting: str = "softmax",
    fill: str = "background",
    on_step: OnStep | None = None,
) -> tuple[Tensor, Tensor]:
    """Moves a picture by a motion field, by forward splatting, and fills what it uncovers.

    Frame 0 is the picture, bit for bit, and so is every pixel that does not move (by SEEN, at
    most) and on which nothing lands. A field of another size is resized to the picture.

    Args:
        picture: [H, W, 3] in 0..1.
        field: F frames.
        depth: a MASK, [h, w] or [1, h, w] in 0..1, larger is nearer; resized to the picture.
        region: a MASK, resized to the picture: where it is 0 every frame is the picture, bit for
            bit; between 0 and 1 both are mixed. An empty one means that everything may move.
        order: what covers what: "motion" (the larger displacement in the clip is in front),
            "depth", "auto" (depth where it is given, else motion), "none" (nothing).
        splatting: "softmax" (what is in front covers what is behind) or "average" (everything that
            lands in one place is mixed; this is what stage 2 does with its features).
        fill: "background" (from what is behind the hole), or "none" (holes stay black).
        on_step: called with (steps done, steps in all), several times a frame.

    Returns:
        frames [F, H, W, 3], float32, and filled [F, H, W], float32: the share of each pixel that
        nothing in the picture reached, 1 in a hole.

    Raises:
        ValueError: for another shape, an unknown choice, order "depth" without a depth, a mask
            that is not finite.
    """
    _check(picture, depth, order, splatting, fill)
    height, width, _ = picture.shape
    size = (width, height)
    source = picture.to(torch.float32)
    near = None if depth is None else _nearness(depth, size)
    matte = None if region is None else region_of(region, size)
    matte = None if matte is None else matte.to(source.device)
    progress = _Progress(field.frames, on_step)
    motion = motion_of(field, source, progress.tick)
    if motion is None:
        progress.finish(field.frames)
        return _resting(source, field.frames)
    rows, columns = motion.window
    part = source.permute(2, 0, 1)[:, rows, columns]
    near = None if near is None else near[rows, columns].to(source.device)
    scene = scene_of(part, motion, near, order, splatting, fill, progress.tick)
    progress.finish(0)
    frames, filled = _resting(source, field.frames)
    progress.tick()
    for i in range(field.frames):
        frame, hole = frames[i, rows, columns].permute(2, 0, 1), filled[i, rows, columns]
        flow = motion.flow(i)
        progress.tick()
        draw(scene, flow, motion.abandoned(flow), frame, hole)
        if matte is not None:
            frame.copy_(torch.lerp(part, frame, matte[rows, columns]))
            hole *= matte[rows, columns]
        progress.finish(i + 1)
    return frames, filled


def _resting(picture: Tensor, frames: int) -> tuple[Tensor, Tensor]:
    """The clip in which nothing moves, and nothing is filled in."""
    clip = picture.expand(frames, -1, -1, -1).contiguous()
    return clip, clip.new_zeros(clip.shape[:3])


class _Progress:
    """Tells how far a clip is, several times within each frame, so that it can be stopped there."""

    def __init__(self, frames: int, on_step: OnStep | None) -> None:
        self._total = (frames + 1) * _STEPS_A_FRAME
        self._on_step = on_step
        self._done = 0
        self._end = _STEPS_A_FRAME

    def tick(self) -> None:
        """One more step within a frame (the preparation counts as one) is done."""
        self._tell(min(self._done + 1, self._end - 1))

    def finish(self, frames: int) -> None:
        """So many frames are done."""
        self._tell((frames + 1) * _STEPS_A_FRAME)
        self._end = self._done + _STEPS_A_FRAME

    def _tell(self, done: int) -> None:
        self._done = done
        if self._on_step is not None:
            self._on_step(done, self._total)


def _nearness(depth: Tensor, size: tuple[int, int]) -> Tensor:
    """[H, W] a depth mask at another size."""
    single = depth[0] if depth.ndim == 3 and depth.shape[0] == 1 else depth
    if single.ndim != 2 or 0 in single.shape:
        raise ValueError(
            f"the depth is one mask [height, width] of the first frame, got {list(depth.shape)}"
        )
    low, high = (float(x) for x in single.aminmax())
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"the depth lies in 0 (far) to 1 (near), got {low:.3g}..{high:.3g}: normalise it, "
            "and check it for NaN"
        )
    return resized(single.detach().cpu().float(), size)


def _check(picture: Tensor, depth: Tensor | None, order: str, splatting: str, fill: str) -> None:
    if picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise ValueError(
            f"the picture has shape {tuple(picture.shape)}; a warp needs [height, width, 3]"
        )
    check_finite(picture, "the picture", "its colours must lie in 0..1")
    for name, choice, choices in (
        ("order", order, ORDERS),
        ("splatting", splatting, SPLATTINGS),
        ("fill", fill, FILLS),
    ):
        if choice not in choices:
            raise ValueError(f"{name} is {choice!r}; it must be one of {', '.join(choices)}")
    if order == "depth" and depth is None:
        raise ValueError(
            'the order is "depth", but no depth is connected: connect a depth mask, '
            'or choose "motion"'
        )
