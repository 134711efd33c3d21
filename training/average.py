"""The running average of the weights, which is what gets sampled from and published."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

Tensors = tuple[torch.Tensor, ...] | list[torch.Tensor]


def decay_at(updates: int, decay: float) -> float:
    """Decay of an exponential average after a number of updates: min(decay, (1 + s) / (10 + s)).

    With the full decay from the start, the random first weights would stay in the average for
    several times 1 / (1 - decay) steps.
    """
    return min(decay, (1 + updates) / (10 + updates))


def warmed_up(decay: float) -> Callable[[Tensors, Tensors, torch.Tensor | int], None]:
    """The averaging rule with that decay, for torch's AveragedModel."""

    def update(averaged: Tensors, current: Tensors, updates: torch.Tensor | int) -> None:
        get_ema_multi_avg_fn(decay_at(int(updates), decay))(averaged, current, updates)

    return update


def average_of(modules: nn.Module, decay: float) -> AveragedModel:
    """Returns the average, not updated yet; its first update copies the weights.

    Raises:
        ValueError: for a decay outside 0..1.
    """
    if not 0 <= decay <= 1:
        raise ValueError(f"the decay of the average of the weights lies in 0..1, not {decay}")
    averaged = AveragedModel(modules, multi_avg_fn=warmed_up(decay))
    averaged.requires_grad_(False).train(False)
    return averaged
