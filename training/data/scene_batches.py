"""Batches of synthetic clips: a step decides their shape, a seed and an index each clip."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from .clip import TrainingClip, stack
from .photographs import Photographs
from .scenes import USUAL, SceneOptions, render

SIZES = ((128, 128), (160, 96), (96, 160))
TimesOf = Callable[[np.random.Generator], Sequence[float]]


@dataclass(frozen=True)
class Shape:
    """What all clips of a batch share: size (W, H), frames with the reference; and their number."""

    size: tuple[int, int]
    frames: int
    batch: int


def shape_of(
    step: int,
    seed: int,
    sizes: Sequence[tuple[int, int]] = SIZES,
    frames: Sequence[int] = (8,),
    pictures: int = 32,
) -> Shape:
    """Decides the shape of a step's batch: one of `sizes`, one of `frames`, about `pictures`
    frames in all (at least one clip)."""
    random = np.random.default_rng((seed, step, 0x5A9E))
    count = int(frames[int(random.integers(len(frames)))])
    size = sizes[int(random.integers(len(sizes)))]
    return Shape((int(size[0]), int(size[1])), count, max(1, pictures // count))


@dataclass(frozen=True)
class EvenTimes:
    """Times that divide the whole motion evenly: 0, 1 / (F - 1), ..., 1."""

    frames: int

    def __call__(self, random: np.random.Generator) -> Sequence[float]:
        return [float(time) for time in np.linspace(0, 1, self.frames)]


@dataclass(frozen=True)
class RandomTimes:
    """The reference, and rising random times of whole strides: k / 120, k in 1..120."""

    frames: int

    def __call__(self, random: np.random.Generator) -> Sequence[float]:
        strides = np.sort(random.choice(120, self.frames - 1, replace=False) + 1)
        return [0.0, *(float(stride) / 120 for stride in strides)]


def make_clips(
    seed: int,
    indices: Sequence[int],
    size: tuple[int, int],
    times_of: TimesOf,
    photographs: Photographs,
    options: SceneOptions = USUAL,
) -> list[TrainingClip]:
    """Renders the clips of some global indices; (seed, index) alone decides scene and times."""
    clips = []
    for index in indices:
        scene, timing = np.random.SeedSequence((seed, index)).generate_state(2, np.uint64)
        times = times_of(np.random.default_rng(timing))
        clips.append(render(int(scene), size, times, photographs, options))
    return clips


class SyntheticClips(Dataset):
    """Clips of one shape by global index."""

    def __init__(
        self,
        seed: int,
        size: tuple[int, int],
        times_of: TimesOf,
        photographs: Photographs,
        options: SceneOptions = USUAL,
        length: int = 2**31,
    ):
        self.seed, self.size, self.times_of = seed, size, times_of
        self.photographs, self.options, self.length = photographs, options, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> TrainingClip:
        if not 0 <= index < self.length:
            raise IndexError(index)
        made = make_clips(
            self.seed, [index], self.size, self.times_of, self.photographs, self.options
        )
        return made[0]


def synthetic_batch(
    step: int,
    rank: int,
    world: int,
    seed: int,
    shape: Shape,
    times_of: TimesOf,
    photographs: Photographs,
    options: SceneOptions = USUAL,
) -> dict[str, Tensor | list[str]]:
    """Makes a step's batch for one of `world` processes: the same for the same arguments."""
    first = (step * world + rank) * shape.batch
    indices = range(first, first + shape.batch)
    # Batches of different sizes must not share indices: the step is part of the seed.
    state = np.random.SeedSequence((seed, step)).generate_state(1)
    return stack(make_clips(int(state[0]), indices, shape.size, times_of, photographs, options))


def random_crops(
    seed: int,
    count: int,
    size: tuple[int, int],
    photographs: Photographs,
    scenes: float = 0.4,
    options: SceneOptions = USUAL,
) -> Tensor:
    """Returns pictures [count, 3, H, W] in 0..1: pieces of photographs, and frames of scenes.

    Args:
        seed: decides all of it.
        count: of pictures.
        size: (W, H).
        photographs: what they are made of.
        scenes: the share of pictures that show sprites before a background.
        options: what scenes are like.
    """
    random = np.random.default_rng((seed, 0xC809))
    out = torch.empty(count, 3, size[1], size[0])
    for i in range(count):
        if random.uniform() < scenes:
            scene = int(random.integers(2**62))
            time = float(random.uniform(0.01, 1))
            out[i] = render(scene, size, (0.0, time), photographs, options).frames[1]
        else:
            piece, _ = photographs.texture(random, size)
            out[i] = torch.from_numpy(piece).permute(2, 0, 1).to(torch.float32) / 255
    return out
