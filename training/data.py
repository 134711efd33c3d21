"""Batches by the number of the step: what a training saw does not depend on when it was stopped."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

Batch = dict[str, Any]
MakeBatch = Callable[[int, int, int], Batch]
"""(step, rank, world) -> the batch of that step on the rank-th of `world` processes."""


@dataclass(frozen=True)
class Steps(Dataset):
    """Batches as a data set, so that the workers of a DataLoader make them."""

    make: MakeBatch
    rank: int
    world: int

    def __getitem__(self, step: int) -> Batch:
        return self.make(step, self.rank, self.world)


def batches(
    make: MakeBatch,
    steps: range,
    rank: int = 0,
    world: int = 1,
    workers: int = 0,
    pin: bool = False,
) -> Iterator[Batch]:
    """Yields the batch of each step in order; `workers` processes make them ahead of time.

    Args:
        make: with workers, it must not use a GPU; on Windows it must be picklable.
        pin: keep them in pinned memory, from which a GPU copies faster.
    """
    yield from DataLoader(
        Steps(make, rank, world),
        batch_size=None,
        sampler=steps,
        num_workers=workers,
        worker_init_fn=begin_worker,
        pin_memory=pin,
    )


def begin_worker(_: int) -> None:
    """Leaves signals to the process that trains: it needs its workers until it has saved."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    torch.set_num_threads(1)
    try:
        import cv2

        cv2.setNumThreads(0)
    except ImportError:
        pass


def placed(batch: Batch, device: torch.device) -> Batch:
    """The batch with its tensors on a device."""
    return {
        key: value.to(device, non_blocking=True) if isinstance(value, torch.Tensor) else value
        for key, value in batch.items()
    }


LONGEST = 120
"""The stride at which the motion of a synthetic clip ends."""


def data_arguments(parser: argparse.ArgumentParser, batch: int = 1) -> None:
    """Adds what says where clips come from: `--videos` and its options, or `--synthetic`.

    Args:
        batch: the default of `--batch`.
    """
    from . import folder_data

    folder_data.add_arguments(parser)
    parser.add_argument(
        "--synthetic",
        action="store_true",
        help="endless synthetic clips with exact motion, instead of --videos",
    )
    parser.add_argument("--batch", type=int, default=batch, help="clips a batch and process")


def batches_of(args: argparse.Namespace) -> MakeBatch:
    """The batches that the options ask for, as `training.loop.train` takes them.

    Raises:
        ValueError: for no source or two, and for options or files that cannot be used.
    """
    if args.synthetic == (args.videos is not None):
        raise ValueError("give either --videos FOLDER --cache FOLDER, or --synthetic")
    if args.batch < 1:
        raise ValueError(f"a batch has at least 1 clip, not {args.batch}")
    if args.synthetic:
        return _synthetic(args)
    from . import folder_data

    return folder_data.from_arguments(args, args.batch).make_batch


def told_of(args: argparse.Namespace) -> str:
    """What a file says of the data that it was trained on."""
    return "synthetic clips, see training/scenes.py" if args.synthetic else "a folder of videos"


@dataclass(frozen=True)
class StrideTimes:
    """Frames at given strides, in times of a synthetic clip."""

    strides: tuple[int, ...]

    def __call__(self, _: np.random.Generator) -> list[float]:
        return [0.0, *(stride / LONGEST for stride in self.strides)]


def _synthetic(args: argparse.Namespace) -> MakeBatch:
    from .clip_plans import EVEN
    from .field_cache import options_of
    from .photographs import Photographs
    from .scene_batches import RandomTimes, Shape, synthetic_batch

    options = options_of(args)
    strides = options.kind
    if strides == EVEN:
        step = options.longest // (options.frames - 1)
        strides = tuple(step * frame for frame in range(1, options.frames))
    longest = strides[-1] if isinstance(strides, tuple) else options.longest
    if longest > LONGEST:
        raise ValueError(f"synthetic clips have strides up to {LONGEST}, not {longest}")
    return partial(
        synthetic_batch,
        seed=options.seed,
        shape=Shape(options.size, options.frames, args.batch),
        times_of=StrideTimes(strides)
        if isinstance(strides, tuple)
        else RandomTimes(options.frames),
        photographs=Photographs("train"),
    )
