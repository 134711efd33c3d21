"""Batches of `pixels` for autoencoders: from synthetic clips, or from a folder of videos.

Pictures are in -1..1 and fields are flow01 in 0..1, as they enter the encoder.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ...models.types.motion_field import encode
from ...scenes.photographs import Photographs
from .batches import Batch, MakeBatch
from .scene_batches import SIZES, RandomTimes, Sizes, make_clips, random_crops
from .seeds import seed_of


@dataclass(frozen=True)
class PicturePixels:
    """Batches of `count` pictures, crops and frames of scenes, in sizes taken in turn."""

    photographs: Photographs
    seed: int
    count: int = 8
    sizes: Sizes = SIZES

    def __call__(self, step: int, rank: int, world: int) -> Batch:
        size, seed = self.sizes[step % len(self.sizes)], seed_of(self.seed, step, rank)
        return {"pixels": random_crops(seed, self.count, size, self.photographs) * 2 - 1}


@dataclass(frozen=True)
class FieldPixels:
    """Batches of fields: `frames` random times of each of `clips` scenes, sizes taken in turn."""

    photographs: Photographs
    seed: int
    clips: int = 2
    frames: int = 4
    sizes: Sizes = SIZES

    def __call__(self, step: int, rank: int, world: int) -> Batch:
        size, seed = self.sizes[step % len(self.sizes)], seed_of(self.seed, step, rank)
        times = RandomTimes(self.frames + 1)
        made = make_clips(seed, range(self.clips), size, times, self.photographs)
        return {"pixels": encode(torch.cat([clip.flow[1:] for clip in made]))}


@dataclass(frozen=True)
class ClipPixels:
    """Batches of clips as batches of an autoencoder: their pictures, or their fields."""

    kind: str
    make: MakeBatch

    def __call__(self, step: int, rank: int, world: int) -> Batch:
        clips = self.make(step, rank, world)
        if self.kind == "image_vae":
            return {"pixels": clips["frames"].flatten(0, 1) * 2 - 1}
        return {"pixels": encode(clips["flow"][:, 1:].flatten(0, 1))}
