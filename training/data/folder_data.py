"""Training clips from a folder of videos."""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from .batches import Batch
from .clip import TrainingClip, pictures_of, stack
from .clip_plans import ClipPlan, Plans
from .field_cache import CLIPS_PER_VIDEO, FieldCache
from .seeds import python_of
from .video_fields import VideoField
from .videos import Video, VideoError, probe, read_frames

DRAWS = 64

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class FolderClips:
    """Clips of videos by global index: (seed, index) alone decides which.

    Args:
        videos: the files.
        cache: has the motion fields, or makes them.
        options: size, frames, strides and seed of the clips.
        captions: of each video; a file that is missing here has none.
        clips_per_video: how many different clips a video gives.
        batch: how many clips `make_batch` puts together.
        skip_broken: draw another clip where a video turns out to be broken, and say so once.
    """

    videos: Sequence[Path]
    cache: FieldCache
    options: Plans
    captions: Mapping[Path, str] = field(default_factory=dict)
    clips_per_video: int = CLIPS_PER_VIDEO
    batch: int = 1
    skip_broken: bool = False
    _broken: dict[Path, VideoError] = field(default_factory=dict, init=False)

    def __getitem__(self, index: int) -> Any:
        """The clip of an index; those below 0 are clips too, which no step of a training takes.

        Raises:
            VideoError: where its video is broken, unless such are to be skipped.
        """
        for draw in range(DRAWS):
            chance = python_of(self.options.seed, index, draw)
            path = self.videos[chance.randrange(len(self.videos))]
            try:
                return self._clip(path, chance)
            except VideoError as error:
                self._note(path, error)
        raise VideoError(f"{DRAWS} videos drawn in a row are broken; the last: {path}")

    def make_batch(self, step: int, rank: int, world: int) -> Batch:
        """The batch of a step on the rank-th of `world` processes."""
        return stack(self.clips_of(step, rank, world))

    def clips_of(self, step: int, rank: int, world: int) -> list[Any]:
        """The clips of that batch."""
        first = (step * world + rank) * self.batch
        return [self[index] for index in range(first, first + self.batch)]

    def _clip(self, path: Path, chance: random.Random) -> Any:
        if path in self._broken:
            raise self._broken[path]
        video, number = probe(path), chance.randrange(self.clips_per_video)
        plan, motion = self.cache.usable(video, number, self.options)
        return self._made(video, plan, motion, chance)

    def _made(self, video: Video, plan: ClipPlan, motion: VideoField, chance: random.Random) -> Any:
        """The clip of a plan and its motion, of which it may be a part."""
        places = plan.chosen(self.options.frames - 1, chance)
        strides = [plan.strides[place] for place in places]
        numbers = [plan.start, *(plan.start + stride for stride in strides)]
        flow, visible = motion.flow[places], motion.visible[places]
        return TrainingClip(
            frames=pictures_of(read_frames(video, numbers, plan.crop, plan.size)),
            flow=torch.cat([torch.zeros_like(flow[:1]), flow]),
            visible=torch.cat([torch.ones_like(visible[:1]), visible]),
            objects=torch.zeros(visible.shape[1:], dtype=torch.int64),
            strides=torch.tensor(strides, dtype=torch.float32),
            caption=self.captions.get(video.path, ""),
        )

    def _note(self, path: Path, error: VideoError) -> None:
        if not self.skip_broken:
            raise VideoError(f"{error}. Such videos are left out with --skip-broken") from error
        if path not in self._broken:
            self._broken[path] = error
            logger.warning("skipped: %s", error)
