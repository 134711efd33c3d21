"""Batches of `pixels` for autoencoders: from synthetic clips, or from a folder of videos.

Pictures are in -1..1 and fields are flow01 in 0..1, as they enter the encoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch

from ...models.types.motion_field import encode
from .batches import Batch, MakeBatch
from .photographs import Photographs
from .scene_batches import SIZES, RandomTimes, make_clips, random_crops
from .scenes import USUAL, SceneOptions
from .seeds import seed_of


def image_batches(
    photographs: Photographs,
    seed: int,
    count: int = 8,
    sizes: Sequence[tuple[int, int]] = SIZES,
) -> MakeBatch:
    """Batches of `count` pictures, crops and frames of scenes, in sizes (W, H) taken in turn."""
    return partial(_pictures, photographs, seed, count, sizes)


def flow_batches(
    photographs: Photographs,
    seed: int,
    clips: int = 2,
    frames: int = 4,
    sizes: Sequence[tuple[int, int]] = SIZES,
    options: SceneOptions = USUAL,
) -> MakeBatch:
    """Batches of fields: `frames` random times of each of `clips` scenes, sizes taken in turn."""
    return partial(_fields, photographs, seed, clips, frames, sizes, options)


def _pictures(
    photographs: Photographs,
    seed: int,
    count: int,
    sizes: Sequence[tuple[int, int]],
    step: int,
    rank: int,
    world: int,
) -> Batch:
    size = sizes[step % len(sizes)]
    return {"pixels": random_crops(seed_of(seed, step, rank), count, size, photographs) * 2 - 1}


def _fields(
    photographs: Photographs,
    seed: int,
    clips: int,
    frames: int,
    sizes: Sequence[tuple[int, int]],
    options: SceneOptions,
    step: int,
    rank: int,
    world: int,
) -> Batch:
    size = sizes[step % len(sizes)]
    times, first = RandomTimes(frames + 1), seed_of(seed, step, rank)
    made = make_clips(first, range(clips), size, times, photographs, options)
    return {"pixels": encode(torch.cat([clip.flow[1:] for clip in made]))}


def pixels_of(kind: str, make: MakeBatch) -> MakeBatch:
    """Batches of clips as batches of an autoencoder: their pictures, or their fields."""
    return partial(_of_clips, kind, make)


def _of_clips(kind: str, make: MakeBatch, step: int, rank: int, world: int) -> Batch:
    clips = make(step, rank, world)
    if kind == "image_vae":
        return {"pixels": clips["frames"].flatten(0, 1) * 2 - 1}
    return {"pixels": encode(clips["flow"][:, 1:].flatten(0, 1))}
