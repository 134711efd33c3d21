"""What a user might draw for one step: flow at a few points, out of flow that is known everywhere.

MCDiff (arXiv 2304.14404) takes it at keypoints, the likelier the more they move, and at some points
of what rests. Users point anywhere on a thing, so part of our drawings do as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import torch
from torch import Tensor

from ...models.drawing.momentary_strokes import HALF_SIZE, SparseFlow, paint
from .ranges import Range, Share, Whole
from .seeds import chance, whole
from .strokes import one_or_two


@dataclass(frozen=True)
class Sampling:
    """How strokes are chosen.

    Args:
        strokes: the least and the most of them on what moves.
        background: the most on what rests, or moves least.
        each: the share of drawings in which every thing that moves gets one, where it is known
            what is one thing: what nobody drew on cannot be known to move.
        anywhere: the share of strokes at any pixel instead of at a keypoint.
        nothing: the share of steps on which nothing is drawn.
        half_size: the least and the greatest of a stroke's square, px.
        many: the share of drawings with up to MANY strokes: a network that starts from nothing
            learns from them how flow spreads, long before few strokes would tell it.
    """

    strokes: Range = (1, 6)
    background: Whole = 2
    each: Share = 0.7
    anywhere: Share = 0.5
    nothing: Share = 0.02
    half_size: tuple[int, int] = (HALF_SIZE, HALF_SIZE)
    many: Share = 0.0


USUAL = Sampling()
MANY = 64
MOVES = 0.25
"""px a step from which a thing, or a pixel, counts as moving."""
CORNERS = 200
QUALITY = 0.01
APART = 3
"""Of `cv2.goodFeaturesToTrack`."""


def keypoints(picture: Tensor) -> Tensor:
    """Corners (Shi and Tomasi, CVPR 1994, by OpenCV) of a picture [3, H, W] in 0..1: int64 [P, 2],
    x then y."""
    grey = picture.mean(0).mul(255).round().byte().cpu().numpy()
    found = cv2.goodFeaturesToTrack(grey, CORNERS, QUALITY, APART)
    if found is None:
        return torch.empty(0, 2, dtype=torch.long)
    height, width = grey.shape
    points = np.rint(found[:, 0]).astype(np.int64)
    return torch.from_numpy(np.clip(points, 0, [width - 1, height - 1]))


def sparse_flow(
    flow: Tensor,
    corners: Tensor,
    generator: torch.Generator,
    objects: Tensor | None = None,
    sampling: Sampling = USUAL,
) -> SparseFlow:
    """Draws on one step.

    Args:
        flow: [2, H, W] px to the next frame.
        corners: int64 [P, 2], where keypoints are.
        objects: int64 [H, W], which thing each pixel shows; None or all 0: not known.
    """
    height, width = flow.shape[1:]
    speed = torch.hypot(*flow).flatten()
    moving = partial(_moving, speed, corners[:, 1] * width + corners[:, 0], sampling.anywhere)
    points: list[Tensor] = [torch.empty(0, dtype=torch.long)]
    if chance(generator) >= sampling.nothing:
        if chance(generator) < sampling.many:
            count = round(MANY ** chance(generator))
            points += [moving(count, generator), _resting(speed, count // 2, generator)]
        elif objects is not None and bool(objects.any()) and chance(generator) < sampling.each:
            points += _one_each(objects, speed, generator)
        else:
            points.append(moving(whole(*sampling.strokes, generator), generator))
        points.append(_resting(speed, whole(0, sampling.background, generator), generator))
    at = torch.cat(points)
    x, y = at % width, at // width
    half_size = whole(*sampling.half_size, generator)
    return paint(torch.stack([x, y], dim=1).float(), flow[:, y, x].T, (width, height), half_size)


def _moving(
    speed: Tensor, corners: Tensor, anywhere: float, count: int, generator: torch.Generator
) -> Tensor:
    """Pixel numbers of points, some of them corners', each the likelier the faster it is."""
    free = int((torch.rand(count, generator=generator) < anywhere).sum())
    if len(corners) == 0:
        free = count
    chosen = _weighted(speed, free, generator)
    return torch.cat([chosen, corners[_weighted(speed[corners], count - free, generator)]])


def _one_each(objects: Tensor, speed: Tensor, generator: torch.Generator) -> list[Tensor]:
    """Pixel numbers: one or two well inside each thing that moves, some in what rests."""
    chosen = []
    for thing in torch.unique(objects):
        own = objects == thing
        if float(speed[own.flatten()].mean()) > MOVES or chance(generator) < 1 / 3:
            chosen.append(one_or_two(own, generator))
    return chosen


def _resting(speed: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Pixel numbers among the slower half."""
    slow = (speed <= speed.median()).nonzero()[:, 0]
    return slow[torch.randint(0, len(slow), (count,), generator=generator)]


def _weighted(weight: Tensor, count: int, generator: torch.Generator) -> Tensor:
    if count == 0:
        return torch.empty(0, dtype=torch.long)
    return torch.multinomial(weight + 1e-3, count, replacement=True, generator=generator)
