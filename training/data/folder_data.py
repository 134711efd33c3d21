"""Training clips from a folder of videos."""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset

from .clip import TrainingClip, stack
from .clip_plans import ClipOptions, ClipPlan
from .field_cache import CLIPS_PER_VIDEO, FieldCache
from .video_fields import VideoField
from .videos import Video, VideoError, probe, read_frames

DRAWS = 64

logger = logging.getLogger(__name__)


class FolderClips(Dataset):
    """Clips of videos by global index: (seed, index) alone decides which.

    Args:
        videos: the files.
        captions: of each; a file that is missing here has none.
        cache: has the motion fields, or makes them.
        options: size, frames, strides and seed of the clips.
        clips_per_video: how many different clips a video gives.
        batch: how many clips `make_batch` puts together.
        skip_broken: draw another clip where a video turns out to be broken, and say so once.
        length: how many indices there are.
    """

    def __init__(
        self,
        videos: Sequence[Path],
        captions: Mapping[Path, str],
        cache: FieldCache,
        options: ClipOptions,
        *,
        clips_per_video: int = CLIPS_PER_VIDEO,
        batch: int = 1,
        skip_broken: bool = False,
        length: int = 2**31,
    ):
        self.videos, self.captions, self.cache, self.options = videos, captions, cache, options
        self.clips_per_video, self.batch = clips_per_video, batch
        self.skip_broken, self.length = skip_broken, length
        self._broken: dict[Path, VideoError] = {}

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> TrainingClip:
        """The clip of an index; those below 0 are clips too, which no step of a training takes.

        Raises:
            VideoError: where its video is broken, unless such are to be skipped.
        """
        if index >= self.length:
            raise IndexError(index)
        for draw in range(DRAWS):
            chance = random.Random(f"{self.options.seed}/{index}/{draw}")
            path = self.videos[chance.randrange(len(self.videos))]
            try:
                return self._clip(path, chance)
            except VideoError as error:
                self._note(path, error)
        raise VideoError(f"{DRAWS} videos drawn in a row are broken; the last: {path}")

    def make_batch(self, step: int, rank: int, world: int) -> dict[str, Any]:
        """The batch of a step on the rank-th of `world` processes."""
        first = (step * world + rank) * self.batch
        return stack([self[index] for index in range(first, first + self.batch)])

    def _clip(self, path: Path, chance: random.Random) -> TrainingClip:
        if path in self._broken:
            raise self._broken[path]
        video = probe(path)
        number = chance.randrange(self.clips_per_video)
        plan, field = self.cache.usable(video, number, self.options)
        return self._made(video, plan, field, chance)

    def _made(
        self, video: Video, plan: ClipPlan, field: VideoField, chance: random.Random
    ) -> TrainingClip:
        """The clip of a plan and its motion, of which it may be a part."""
        places = self.options.chosen(plan, chance)
        strides = [plan.strides[place] for place in places]
        numbers = [plan.start, *(plan.start + stride for stride in strides)]
        pictures = torch.from_numpy(read_frames(video, numbers, plan.crop, plan.size))
        flow, visible = field.flow[places], field.visible[places]
        return TrainingClip(
            frames=pictures.permute(0, 3, 1, 2).to(torch.float32) / 255,
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
