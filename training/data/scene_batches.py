"""Batches of synthetic clips: a step decides their shape, a seed and an index each clip.

Autoencoders get batches of `pixels`: pictures in -1..1 and fields as flow01 in 0..1, as they enter
the encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...models.types.motion_field import encode
from ...scenes.photographs import Photographs
from .batches import Batch, MakeBatch
from .clip import TrainingClip, pictures_of, stack
from .scenes import LAST_STRIDE, render
from .seeds import numpy_of, seed_of, short_seed_of, spread

Sizes = Sequence[tuple[int, int]]
"""(W, H) each."""

SIZES = ((128, 128), (160, 96), (96, 160))
TimesOf = Callable[[np.random.Generator], Sequence[float]]


@dataclass(frozen=True)
class StrideTimes:
    """The reference, and frames at given strides."""

    strides: tuple[int, ...]

    def __call__(self, _: np.random.Generator) -> list[float]:
        return [0.0, *(stride / LAST_STRIDE for stride in self.strides)]


@dataclass(frozen=True)
class RandomTimes:
    """The reference, and rising random times of whole strides: k / 120, k in 1..120."""

    frames: int

    def __call__(self, random: np.random.Generator) -> list[float]:
        strides = np.sort(random.choice(LAST_STRIDE, self.frames - 1, replace=False) + 1)
        return [0.0, *(float(stride) / LAST_STRIDE for stride in strides)]


@dataclass(frozen=True)
class SteadyTimes:
    """Even times up to a random end: most clips show the whole motion, some its beginning."""

    frames: int

    def __call__(self, random: np.random.Generator) -> list[float]:
        end = 1.0 if random.uniform() < 0.6 else random.uniform(0.3, 1.0)
        return [float(time) for time in np.linspace(0, end, self.frames)]


@dataclass(frozen=True)
class Shape:
    """What all clips of a batch share: size (W, H), frames with the reference; and their number."""

    size: tuple[int, int]
    frames: int
    batch: int


def shape_of(
    step: int, seed: int, sizes: Sizes = SIZES, frames: Sequence[int] = (8,), pictures: int = 32
) -> Shape:
    """Decides the shape of a step's batch: one of `sizes`, one of `frames`, about `pictures`
    frames in all (at least one clip)."""
    random = numpy_of(seed, step, 0x5A9E)
    count = int(frames[int(random.integers(len(frames)))])
    width, height = sizes[int(random.integers(len(sizes)))]
    return Shape((int(width), int(height)), count, max(1, pictures // count))


def make_clips(
    seed: int,
    indices: Sequence[int],
    size: tuple[int, int],
    times_of: TimesOf,
    photographs: Photographs,
) -> list[TrainingClip]:
    """Renders the clips of some global indices; (seed, index) alone decides scene and times."""
    seeds = (spread(seed, index, count=2) for index in indices)
    return [render(scene, size, times_of(numpy_of(timing)), photographs) for scene, timing in seeds]


@dataclass(frozen=True)
class SyntheticClips:
    """Batches of synthetic clips (a `batches.MakeBatch`): size and length change with the step.

    Args:
        photographs: what the scenes are made of.
        seed: decides all of it.
        sizes, frames, pictures: of a batch, see `shape_of`.
        times: of a clip, by its frames.
    """

    photographs: Photographs
    seed: int
    sizes: Sizes
    frames: tuple[int, ...]
    pictures: int
    times: Callable[[int], TimesOf]

    def __call__(self, step: int, rank: int, world: int) -> Batch:
        shape = shape_of(step, self.seed, self.sizes, self.frames, self.pictures)
        first = (step * world + rank) * shape.batch
        indices = range(first, first + shape.batch)
        # Batches of different sizes must not share indices: the step is part of the seed.
        seed, times = short_seed_of(self.seed, step), self.times(shape.frames)
        return stack(make_clips(seed, indices, shape.size, times, self.photographs))


@dataclass(frozen=True)
class SyntheticPictures:
    """Batches of single pictures without captions, in sizes taken in turn."""

    photographs: Photographs
    seed: int
    count: int
    sizes: Sizes

    def __call__(self, step: int, rank: int, world: int) -> dict[str, Any]:
        size, seed = self.sizes[step % len(self.sizes)], short_seed_of(self.seed, step, rank)
        pictures = random_crops(seed, self.count, size, self.photographs)
        return {"frames": pictures[:, None], "caption": [""] * self.count}


def random_crops(
    seed: int, count: int, size: tuple[int, int], photographs: Photographs, scenes: float = 0.4
) -> Tensor:
    """Returns pictures [count, 3, H, W] in 0..1: pieces of photographs, and frames of scenes.

    Args:
        seed: decides all of it.
        count: of pictures.
        size: (W, H).
        photographs: what they are made of.
        scenes: the share of pictures that show sprites before a background.
    """
    random = numpy_of(seed, 0xC809)
    out = torch.empty(count, 3, size[1], size[0])
    for i in range(count):
        if random.uniform() < scenes:
            scene = int(random.integers(2**62))
            time = float(random.uniform(0.01, 1))
            out[i] = render(scene, size, (0.0, time), photographs).frames[1]
        else:
            out[i] = pictures_of(photographs.texture(random, size)[0][None])[0]
    return out


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
