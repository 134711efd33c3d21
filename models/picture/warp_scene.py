"""What all frames of a warped picture have in common: what is in front, and what it uncovers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..networks.splat_strips import blocks
from ..types.progress import Tick, heard
from . import tears
from .inpaint import inpaint
from .pixels import grown, nearest, with_margin
from .warp_motion import WarpMotion

MOTION_CONTRAST = 20.0
"""Importance of the pixel that moves most; a still one has 0."""

DEPTH_CONTRAST = 50.0
"""Importance of depth 1 over depth 0."""

SURFACE_CONTRAST = 10.0
"""Importance that the foreground has besides: its slow parts, too, cover what is behind."""

FRINGE = 2
"""Pixels around the foreground that hold some of its colour, by the camera's blur."""


@dataclass(frozen=True)
class Cutout:
    """The foreground: its colours, the two of its importance, and its soft outline; all but the
    last are carried on beyond that outline. Made map by map, where they are wanted.

    Args:
        picture, importance, foreground, inward: as in `WarpScene`, of the whole scene.
        window: rows and columns of it that are meant.
    """

    picture: Tensor
    importance: Tensor
    foreground: Tensor
    inward: Tensor
    window: tuple[slice, slice]

    def maps(self, rows: slice) -> Iterator[Tensor]:
        """Yields six [h, w] of the window, of which some rows are made, and take memory."""
        row, column = self.window
        part = slice(row.start + rows.start, row.start + rows.stop), column
        step = torch.where(self.foreground[part], 0, self.inward[:, part[0], part[1]])
        size = row.stop - row.start, column.stop - column.start
        for one in (*self.picture, *self.importance):
            carried = one.new_empty(size)
            carried[rows] = moved_by(one, step, (part[0].start, column.start))
            yield carried
        outline = self.picture.new_empty(size)
        outline[rows] = _outline(self.foreground, part[0], self.picture)[:, column]
        yield outline


@dataclass(frozen=True)
class WarpScene:
    """What all frames have in common.

    Args:
        picture: [3, H, W]
        importance: [2, H, W], larger covers smaller; and how much of it is the same surface.
        foreground: [H, W] bool, what uncovers something when it moves.
        cutout: the foreground, carried on beyond its outline.
        inward: [2, H, W] whole steps from each pixel to the nearest well inside the foreground, y
            then x; 0 there.
        plate: [3, H, W], the picture without its foreground; None where holes stay black.
        average: mix all that lands in one place instead of ordering it.
        tick: to be called after every part of a frame.
    """

    picture: Tensor
    importance: Tensor
    foreground: Tensor
    cutout: Cutout
    inward: Tensor
    plate: Tensor | None
    average: bool
    tick: Tick

    def beyond(self, rows: slice) -> Tensor:
        """[2, h, W] of some rows, `inward` where the foreground is not; 0 in it."""
        return torch.where(self.foreground[rows], 0, self.inward[:, rows])

    def cropped(self, row: slice, column: slice) -> WarpScene:
        return WarpScene(
            self.picture[:, row, column],
            self.importance[:, row, column],
            self.foreground[row, column],
            replace(self.cutout, window=(row, column)),
            self.inward[:, row, column],
            None if self.plate is None else self.plate[:, row, column],
            self.average,
            self.tick,
        )


def scene_of(
    source: Tensor,
    motion: WarpMotion,
    near: Tensor | None,
    order: str,
    splatting: str,
    fill: str,
    tick: Tick,
) -> WarpScene:
    """Looks once through the clip for what is in front and what it will uncover."""
    reach = motion.reach(tick)
    right, down, gone = motion.torn(tick)
    # By the clip's largest displacement: the order must not flip while something turns back.
    fastest = reach.max().clamp(min=1e-6)
    importance = reach.mul_(MOTION_CONTRAST).div_(fastest)
    by_depth = near is not None and order in ("auto", "depth")
    if near is not None and by_depth:
        importance = DEPTH_CONTRAST * near
    del reach, near
    tick()
    if motion.contours is not None and motion.contours.front is not None and not by_depth:
        front = motion.contours.front
    else:
        front = tears.foreground(importance, right, down, tick)
    plate = None
    if fill == "background":
        hidden = front | tears.loose_pixels(right, down) | gone
        tick()
        plate = _background_plate(source, hidden, tick)
        del hidden
    del gone
    tick()
    importance = importance.add_(front, alpha=SURFACE_CONTRAST)
    if order == "none":
        importance.zero_()
    tick()
    slack = _slack(importance, right, down, tick)
    importance = torch.stack([importance, slack])
    del right, down, slack
    tick()
    inward = _inward(front, tick)
    tick()
    everywhere = slice(0, front.shape[0]), slice(0, front.shape[1])
    cutout = Cutout(source, importance, front, inward, everywhere)
    average = splatting == "average" or order == "none"
    return WarpScene(source, importance, front, cutout, inward, plate, average, tick)


def _outline(front: Tensor, rows: slice, like: Tensor) -> Tensor:
    """[h, W] some rows of the foreground [H, W], softened by a pixel."""
    near, inner = with_margin(rows, 1, len(front))
    outline = F.pad(front[near].to(like)[None, None], (1, 1, 1, 1), mode="replicate")[0, 0]
    # By 1, 2 and 1 in both directions, to the bit; a convolution would take many times the memory.
    outline = (outline[:, :-2] + outline[:, 2:]).add_(outline[:, 1:-1], alpha=2)
    outline = (outline[:-2] + outline[2:]).add_(outline[1:-1], alpha=2).div_(16)
    return outline[inner]


def moved_by(values: Tensor, step: Tensor, corner: tuple[int, int] = (0, 0)) -> Tensor:
    """Reads [H, W] at every pixel plus whole steps [2, h, w], y then x; the steps' first pixel is
    the `corner` (row, column)."""
    height, width = values.shape
    moved = torch.empty_like(step[0], dtype=values.dtype)
    column = corner[1] + torch.arange(step.shape[2], device=values.device)
    for rows in blocks(*step.shape[1:]):
        row = corner[0] + torch.arange(rows.start, rows.stop, device=values.device)
        y, x = row.view(-1, 1) + step[0, rows], column + step[1, rows]
        moved[rows] = values[y.clamp_(0, height - 1), x.clamp_(0, width - 1)]
    return moved


def _slack(importance: Tensor, right: Tensor, down: Tensor, tick: Tick) -> Tensor:
    """[H, W] how far importances may differ on one surface nearby: thrice what untorn neighbours
    differ by, and 1."""
    slack = torch.zeros_like(importance)
    for torn, axis in ((right, 1), (down, 0)):
        step = importance.diff(dim=axis).abs_().masked_fill_(torn, 0)
        tick()
        for start in (0, 1):
            part = slack.narrow(axis, start, step.shape[axis])
            torch.maximum(part, step, out=part)
        tick()
    return slack.mul_(3).add_(1)


def _inward(front: Tensor, tick: Tick) -> Tensor:
    """[2, H, W] steps, y then x, from each pixel to the nearest one that lies inside the foreground
    with all its neighbours (or merely inside, where the foreground is all thin)."""
    from scipy.ndimage import binary_erosion

    mask = front.cpu().numpy()
    inner = heard(
        lambda: binary_erosion(mask, np.ones((3, 3)), border_value=1), front.numel(), tick
    )
    goal = torch.from_numpy(inner).to(front.device) if inner.any() else front
    short = torch.int16 if max(front.shape) < 2**15 else torch.int32
    if not bool(goal.any()):
        return torch.zeros(2, *front.shape, dtype=short, device=front.device)
    row, column = place = nearest(goal, tick)
    height, width = front.shape
    row -= torch.arange(height, device=front.device).view(-1, 1)
    column -= torch.arange(width, device=front.device)
    return place.to(short)


def _background_plate(picture: Tensor, hidden: Tensor, tick: Tick) -> Tensor:
    """The picture with its foreground taken out and painted over from around it.

    Args:
        picture: [3, H, W] in 0..1.
        hidden: [H, W] bool, the foreground; a fringe of it is taken out too.
        tick: called after every part of the work.

    Returns:
        [3, H, W], equal to the picture away from the foreground. Unchanged where nothing or
        everything is hidden.
    """
    return inpaint(picture, grown(hidden, FRINGE), tick)
