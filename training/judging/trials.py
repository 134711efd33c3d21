"""What networks are judged on: held-out scenes, with points drawn on the things that move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import torch
from torch import Tensor

from ...models.picture.region import brush
from ...models.types.motion_field import MotionField
from ...models.types.tracks import Tracks
from ...scenes.metrics import newly_uncovered
from ..data.clip import TrainingClip
from ..data.seeds import numpy_of

HELD_OUT = 10**9
"""Scenes from this seed on are never trained on."""

MOST_POINTS = 4
APART = 8.0
"""Least distance of two starts, px."""

INSIDE = 3
"""Starts lie at least so far inside their object, px, where it is wide enough."""

SMALLEST = 100
"""Least part of an object that is seen, in pixels, for a point on it."""

MOVES = 1 / 16
"""An object moves, and is drawn on, if its pixels end this far away on average, as a part of the
picture's mean side: shorter arrows are hard to draw."""

RESTS = 0.25
"""Below this, in pixels, a point is drawn as a pin, and a background rests."""

PINNED = 0.5
"""How many of the resting backgrounds get a pin."""

BRUSH = 8
"""How far the brush goes beyond the objects, px."""


@dataclass(frozen=True, eq=False)
class Trial:
    """A clip and what is drawn on its first frame.

    Args:
        clip: with its truth.
        tracks: the true paths of the drawn points, visible throughout, as a drawing is.
        driven: bool [H, W], the objects with a moving point.
        seed: of the scene.
    """

    clip: TrainingClip
    tracks: Tracks
    driven: Tensor
    seed: int

    @property
    def size(self) -> tuple[int, int]:
        return self.tracks.size

    @property
    def frames(self) -> int:
        return self.tracks.frames

    @property
    def picture(self) -> Tensor:
        """[3, H, W]"""
        return self.clip.frames[0]

    @property
    def pixels(self) -> Tensor:
        """[H, W, 3], the picture as nodes take it."""
        return self.picture.movedim(0, -1)

    @property
    def one_picture(self) -> Tensor:
        """[1, H, W, 3], a batch of it."""
        return self.pixels[None].contiguous()

    @cached_property
    def field(self) -> MotionField:
        return MotionField(self.clip.flow)

    @cached_property
    def uncovered(self) -> Tensor:
        """bool [F, H, W]"""
        return newly_uncovered(self.clip.flow, self.clip.visible)

    @cached_property
    def brush(self) -> Tensor:
        """[H, W], 1 over the driven objects and a little around them."""
        return brush(self.driven.float(), self.size, grow=BRUSH)

    @property
    def drawn(self) -> Tensor:
        """[F, 2, P] displacements of the points."""
        return (self.tracks.points - self.tracks.points[:1]).movedim(2, 1)

    @property
    def leaving(self) -> Tensor:
        """bool [P], the points that are drawn to move."""
        return (self.drawn != 0).any(1).any(0)

    def stretched(self, factor: float) -> Tracks:
        """The drawing with every path so many times as long."""
        start = self.tracks.points[:1]
        points = start + factor * (self.tracks.points - start)
        return Tracks(points, self.tracks.visibility, self.size)


def trials(render: Callable[[int], TrainingClip], count: int, seed: int = 0) -> list[Trial]:
    """The first so many held-out scenes in which something moves, from a seed on.

    Args:
        render: a scene's seed -> its clip.
        count: at least 1.
        seed: from 0; other seeds give other scenes.
    """
    first = HELD_OUT + 1_000_000 * seed
    found = (draw(render(scene), scene) for scene in range(first, first + 1_000_000))
    kept = (trial for trial in found if trial is not None)
    return [next(kept) for _ in range(count)]


def draw(clip: TrainingClip, seed: int) -> Trial | None:
    """Draws 1 to 4 points: one on each thing that moves, perhaps more, perhaps one on a background
    that rests. None where nothing large enough moves."""
    random = numpy_of(seed)
    moving = _moving(clip)
    if not moving:
        return None
    random.shuffle(moving)
    resting = float(clip.flow.abs().amax((0, 1))[clip.objects == 0].amax()) < RESTS
    pinned = resting and random.random() < PINNED
    most = MOST_POINTS - pinned
    wanted = max(int(random.integers(1, most + 1)), min(len(moving), most))
    owners = [moving[i % len(moving)] for i in range(wanted)]
    starts: list[tuple[int, int]] = []
    driven = torch.zeros_like(clip.objects, dtype=torch.bool)
    for owner in owners:
        if _add_point(starts, clip.objects == owner, random):
            driven |= clip.objects == owner
    if pinned:
        _add_point(starts, clip.objects == 0, random)
    return Trial(clip, _tracks(clip, starts), driven, seed)


def _moving(clip: TrainingClip) -> list[int]:
    """The numbers of the objects that move and are large enough."""
    length = torch.linalg.vector_norm(clip.flow[-1], dim=0)
    least = MOVES * sum(length.shape) / 2
    kept = []
    for number in range(1, int(clip.objects.max()) + 1):
        where = clip.objects == number
        if int(where.sum()) >= SMALLEST and float(length[where].mean()) >= least:
            kept.append(number)
    return kept


def _add_point(starts: list[tuple[int, int]], where: Tensor, random: np.random.Generator) -> bool:
    """Adds a pixel (x, y) well inside of where, away from the others, if there is one."""
    mask = where.numpy().astype(np.uint8)
    kernel = np.ones((2 * INSIDE + 1, 2 * INSIDE + 1), np.uint8)
    inner = cv2.erode(mask, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    candidates = np.argwhere(inner if inner.any() else mask)[:, ::-1]
    for start in starts:
        away = np.linalg.norm(candidates - np.array(start), axis=1) >= APART
        candidates = candidates[away]
    if not len(candidates):
        return False
    x, y = candidates[random.integers(len(candidates))]
    starts.append((int(x), int(y)))
    return True


def _tracks(clip: TrainingClip, starts: list[tuple[int, int]]) -> Tracks:
    x, y = torch.tensor(starts).unbind(1)
    moved = clip.flow[:, :, y, x].movedim(1, 2).clone()
    # What rests is drawn as a pin.
    moved[:, moved.abs().amax((0, 2)) < RESTS] = 0
    points = torch.tensor(starts).float() + moved
    visibility = torch.ones(points.shape[:2], dtype=torch.bool)
    return Tracks(points, visibility, (clip.flow.shape[3], clip.flow.shape[2]))
