"""Batches by the number of the step: what a training saw does not depend on when it was stopped."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

Batch = dict[str, Any]
MakeBatch = Callable[[int, int, int], Batch]
"""(step, rank, world) -> the batch of that step on the rank-th of `world` processes."""


@dataclass(frozen=True)
class BatchDataset(Dataset):
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
        BatchDataset(make, rank, world),
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
    cv2.setNumThreads(0)


def placed(batch: Batch, device: torch.device) -> Batch:
    """The batch with its tensors on a device."""
    return {
        key: value.to(device, non_blocking=True) if isinstance(value, torch.Tensor) else value
        for key, value in batch.items()
    }
