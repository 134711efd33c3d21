"""Clips with the motion from each frame to the next, from a folder of videos."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import cv2
import numpy as np
import torch

from . import keypoint_flow
from .batches import Batch
from .clip import pictures_of
from .clip_plans import ClipPlan
from .field_cache import FieldCache
from .folder_data import FolderClips
from .keypoint_flow import Correction
from .seeds import seed_of
from .sparse_flow import USUAL, Sampling
from .step_clips import StepClip, drawn_on
from .video_fields import VideoField, work_size
from .videos import Video, read_frames


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


@dataclass(eq=False)
class StepFolder(FolderClips):
    """`StepClip`s of videos by global index, and batches of them with strokes.

    Args:
        cache: a `StepFields`.
        options: `StepOptions`.
        correction: how keypoints correct the flow.
        sampling: what is drawn on it.
    """

    correction: Correction = keypoint_flow.USUAL
    sampling: Sampling = USUAL

    def make_batch(self, step: int, rank: int, world: int) -> Batch:
        seed = seed_of(self.options.seed, step, rank)
        return drawn_on(self.clips_of(step, rank, world), seed, self.sampling)

    def _made(
        self, video: Video, plan: ClipPlan, motion: VideoField, chance: random.Random
    ) -> StepClip:
        numbers = [plan.start, *(plan.start + stride for stride in plan.strides)]
        # Keypoints are followed in as many pixels as the tracker sees.
        large = read_frames(video, numbers, plan.crop, work_size(plan))
        small = [cv2.resize(frame, plan.size, interpolation=cv2.INTER_AREA) for frame in large]
        mend = partial(keypoint_flow.annotated, correction=self.correction)
        flow, keypoints = zip(*map(mend, large[:-1], large[1:], motion.flow), strict=True)
        objects = torch.zeros(motion.visible.shape, dtype=torch.int64)
        return StepClip(pictures_of(np.stack(small)), torch.stack(flow), objects, keypoints)
