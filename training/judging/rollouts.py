"""Held-out scenes frame by frame, and what MCDiff makes of them with the nodes' own functions."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...models.drawing.momentary_strokes import HALF_SIZE, momentary
from ...models.host.flow_completion import (
    FlowCompleter,
    StepRange,
    complete_steps,
    load_flow_completion,
)
from ...models.host.future_frame import load_future_frame
from ...models.host.mcdiff_file import read_mcdiff
from ...models.host.mcdiff_rollout import Directions, Rollout, by_field, by_strokes, rollout
from ...models.host.sampling import Settings
from ...models.types.motion_field import MotionField
from ...models.types.tracks import Tracks
from ...scenes.photographs import Photographs
from ..data.scenes import Steps, render, render_steps
from .judged_networks import quiet
from .trials import Trial, trials


@dataclass(frozen=True, eq=False)
class Course(Trial):
    """A trial with its motion from each frame to the next.

    Args:
        steps: the same scene at the same times.
    """

    steps: Steps

    @cached_property
    def driven_steps(self) -> Tensor:
        """bool [F - 1, H, W], the objects with a moving point, in each frame but the last."""
        return torch.isin(self.steps.objects, self.clip.objects[self.driven].unique())

    @property
    def pictures(self) -> Tensor:
        """[F - 1, H, W, 3], the one before each step, as nodes take them."""
        return self.steps.frames[:-1].movedim(1, -1).contiguous()

    def inside(self, points: Tensor) -> Tensor:
        """bool [...], which of the points [..., 2] lie in the picture."""
        return ((points >= 0) & (points <= torch.tensor(self.size) - 1)).all(-1)

    def _things(self, points: Tensor, step: int) -> Tensor:
        """Which thing is seen at points [P, 2] in the frame before a step."""
        height, width = self.steps.objects.shape[1:]
        x, y = points.round().long().unbind(1)
        return self.steps.objects[step, y.clamp(0, height - 1), x.clamp(0, width - 1)]

    def frame(self, number: int) -> Tensor:
        """[1, H, W, 3], as nodes take it."""
        return self.steps.frames[number].movedim(0, -1)[None].contiguous()

    def momentary(self, step: int) -> Tracks:
        """The drawing's part of one step as tracks of two frames, as a person would draw it on that
        frame: without the points that have left the picture, are covered by another thing there,
        or have come on top of another point."""
        tracks = self.tracks
        points = tracks.points[step : step + 2]
        inside = self.inside(points[0])
        near = torch.cdist(points[0], points[0]) <= 1
        on_top = (near.tril(-1) & inside).any(1)
        seen = self._things(points[0], step) == self._things(tracks.points[0], 0)
        kept = inside & seen & ~on_top
        return Tracks(points[:, kept], tracks.visibility[step : step + 2, kept], tracks.size)


def courses(count: int, frames: int, size: tuple[int, int], seed: int) -> list[Course]:
    """The first so many held-out scenes in which something moves, at even times.

    Args:
        count: at least 1.
        frames: of a clip, with the reference; the whole motion of a scene goes over them.
        size: (W, H).
        seed: from 0; other seeds give other scenes.
    """
    photographs, times = Photographs("held_out"), np.linspace(0, 1, frames).tolist()
    scene = partial(render, size=size, times=times, photographs=photographs)
    made = []
    for each in trials(scene, count, seed):
        steps = render_steps(each.seed, size, times, photographs)
        made.append(Course(each.clip, each.tracks, each.driven, each.seed, steps))
    return made


@dataclass(frozen=True)
class RolloutNetworks:
    """What is judged: a file's networks, and how they are sampled.

    Args:
        completer: F; None where it is not there.
        model: G; None where it is not there.
        vae: of pictures.
        settings: of the sampler; each scene has a seed of its own.
        stroke: half size of a stroke's square, px.
    """

    completer: FlowCompleter | None
    model: Any
    vae: Any
    settings: Settings = field(default_factory=Settings)
    stroke: int = HALF_SIZE

    @staticmethod
    def load(path: Path, vae: Any, settings: Settings) -> RolloutNetworks:
        """The networks of a "mcdiff" file, one or both.

        Args:
            vae: of pictures, the one that G was trained with.

        Raises:
            ValueError: where it is missing or damaged.
        """
        file = read_mcdiff(path)
        completer = load_flow_completion(file) if file.completion_shape else None
        model = load_future_frame(file, torch.float32) if file.frame_shape else None
        return RolloutNetworks(completer, model, vae, settings, file.stroke)

    def flow(self, course: Course, step: int) -> Tensor:
        """F's flow [2, H, W] px of a step, from what is drawn of it and the true frame."""
        assert self.completer is not None
        return self.completer.complete(course.frame(step), course.momentary(step), 0)

    def accumulated(self, course: Course, warped: bool = False) -> MotionField:
        """F's flow of all steps, joined to a field over the reference.

        Args:
            warped: F sees the reference, warped along what it has said so far, and nothing of the
                truth; else it sees the true frames.
        """
        assert self.completer is not None
        pictures = course.frame(0) if warped else course.pictures
        return complete_steps(self.completer, pictures, StepRange(course.tracks))[1]

    def drawn(self, course: Course) -> Rollout:
        """The full model's video: F makes flow of what is drawn, G the next frame, and so on."""
        assert self.completer is not None
        return self._run(course, by_strokes(self.completer, course.tracks))

    def told(self, course: Course) -> Rollout:
        """G's video along the true flow."""
        return self._run(course, lambda step, picture: course.steps.flow[step])

    def along(self, course: Course, field: MotionField) -> Rollout:
        """G's video along another field over the reference."""
        return self._run(course, by_field(field))

    def sparse(self, course: Course) -> Rollout:
        """G's video where it is told of what is drawn alone."""
        tracks = course.tracks
        return self._run(course, lambda step, picture: momentary(tracks, step, self.stroke))

    def _run(self, course: Course, directions: Directions) -> Rollout:
        settings = replace(self.settings, seed=self.settings.seed + course.seed)
        picture = course.frame(0)
        with quiet():
            return rollout(self.model, self.vae, picture, directions, course.frames, settings)


def frames_of(video: Rollout) -> Tensor:
    """A rollout's frames as [F, 3, H, W]."""
    return video.frames.movedim(-1, 1)
