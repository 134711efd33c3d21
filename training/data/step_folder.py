"""Clips with the motion from each frame to the next, from a folder of videos."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise

import cv2
import numpy as np
import torch

from . import keypoint_flow
from .batches import Batch
from .clip import pictures_of
from .clip_plans import CENTER, ClipOptions, ClipPlan
from .field_cache import FieldCache
from .folder_data import FolderClips
from .keypoint_flow import Correction
from .seeds import python_of, seed_of
from .sparse_flow import USUAL, Sampling
from .step_clips import StepClip, drawn_on
from .video_fields import VideoField, work_size
from .videos import Video, read_frames

PACES = (1, 8)
"""The least and the greatest number of video frames from one frame of a clip to the next."""


@dataclass(frozen=True)
class StepOptions:
    """What the clips of a folder are like.

    Args:
        size: (W, H) of a clip.
        frames: of a clip.
        paces: bounds of how many video frames a step takes; drawn evenly in the logarithm.
        crop: see `ClipOptions`.
        seed: of all that is drawn.

    Raises:
        ValueError: for options that fit no video.
    """

    size: tuple[int, int]
    frames: int = 3
    paces: tuple[int, int] = PACES
    crop: str = CENTER
    seed: int = 0

    def __post_init__(self) -> None:
        low, high = self.paces
        if not 1 <= low <= high:
            raise ValueError(
                f"a step takes 1 frame of the video or more, and at most as many as at least; not "
                f"{low} to {high}"
            )
        self._at(low)

    @property
    def needed(self) -> int:
        """How many frames a video must have."""
        return self._at(self.paces[0]).needed

    def plan(self, video: Video, number: int, attempt: int = 0) -> ClipPlan:
        """The `number`-th clip of a video; see `ClipOptions.plan`."""
        low, high = self.paces
        draw = python_of(self.seed, video.digest, number, "pace")
        drawn = round(math.exp(draw.uniform(math.log(low), math.log(high))))
        # Shots may be short, as whole videos may be.
        pace = min(drawn >> attempt // 2, (video.frames - 1) // (self.frames - 1))
        return self._at(max(low, pace)).plan(video, number, attempt)

    def _at(self, pace: int) -> ClipOptions:
        strides = tuple(pace * i for i in range(1, self.frames))
        return ClipOptions(self.size, self.frames, strides, crop=self.crop, seed=self.seed)


def steps_of(plan: ClipPlan) -> list[ClipPlan]:
    """A plan for each step of a clip: from one frame to the next."""
    return [
        replace(plan, start=plan.start + first, strides=(second - first,))
        for first, second in pairwise((0, *plan.strides))
    ]


class StepFields(FieldCache):
    """The motion of clips from each frame to the next; every step is kept by itself."""

    def field(self, video: Video, plan: ClipPlan) -> VideoField:
        """Flow [F - 1, 2, H, W] and visibility, of frame i's pixels in frame i + 1."""
        found = [super(StepFields, self).field(video, step) for step in steps_of(plan)]
        return VideoField(
            torch.cat([one.flow for one in found]), torch.cat([one.visible for one in found])
        )


@dataclass(frozen=True)
class Drawn:
    """What is made of the clips: how keypoints correct the flow, and what is drawn on it."""

    correction: Correction = field(default_factory=Correction)
    sampling: Sampling = USUAL


@dataclass(eq=False)
class StepFolder(FolderClips):
    """`StepClip`s of videos by global index, and batches of them with strokes.

    Args:
        cache: a `StepFields`.
        options: a `StepOptions`.
        drawn: what is made of the clips.
    """

    drawn: Drawn = field(default_factory=Drawn)

    def make_batch(self, step: int, rank: int, world: int) -> Batch:
        seed = seed_of(self.options.seed, step, rank)
        return drawn_on(self.clips_of(step, rank, world), seed, self.drawn.sampling)

    def _made(
        self, video: Video, plan: ClipPlan, motion: VideoField, chance: random.Random
    ) -> StepClip:
        numbers = [plan.start, *(plan.start + stride for stride in plan.strides)]
        # Keypoints are followed in as many pixels as the tracker sees.
        large = read_frames(video, numbers, plan.crop, work_size(plan))
        small = [cv2.resize(frame, plan.size, interpolation=cv2.INTER_AREA) for frame in large]
        mend = partial(keypoint_flow.annotated, correction=self.drawn.correction)
        flow, keypoints = zip(*map(mend, large[:-1], large[1:], motion.flow), strict=True)
        objects = torch.zeros(motion.visible.shape, dtype=torch.int64)
        return StepClip(pictures_of(np.stack(small)), torch.stack(flow), objects, keypoints)
