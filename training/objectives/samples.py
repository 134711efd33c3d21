"""Sampling while training, to see what a network has learned: few steps, fresh noise in each.

The host's samplers are what users run; this one exists because a network in training is not loaded
into the host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from .noise import TIMESTEPS, Schedule

Predict = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(what the network sees [B, ...], timesteps [B] int64) -> what it says, like it."""


@torch.no_grad()
def sample(
    predict: Predict,
    noise: torch.Tensor,
    schedule: Schedule,
    generator: torch.Generator,
    steps: int = 8,
) -> torch.Tensor:
    """Clean latents from noise [B, ...]: ancestral sampling (DDIM with eta 1, arXiv 2010.02502).

    Args:
        noise: of variance 1, on the CPU or where the network is.
        generator: of the noise that is added in each step, on the CPU.
        steps: evenly from the last timestep down ("trailing", arXiv 2305.08891).
    """
    levels = schedule.levels().to(noise)
    times = (TIMESTEPS * (1 - torch.arange(steps) / steps)).round().long() - 1
    x = noise * (levels[times[0]] ** 2 + 1).sqrt()
    for i, time in enumerate(times):
        sigma = levels[time]
        seen = x / (sigma**2 + 1).sqrt()
        t = torch.full((len(x),), int(time))
        clean = schedule.clean(seen, predict(seen, t), sigma.expand(len(x)))
        if i == steps - 1:
            return clean
        after = levels[times[i + 1]]
        fresh = (after**2 * (sigma**2 - after**2) / sigma**2).sqrt()
        kept = (after**2 - fresh**2).sqrt()
        step = torch.randn(x.shape, generator=generator).to(x)
        x = clean + kept * (x - clean) / sigma + fresh * step
    return x


@contextmanager
def weights_of(other: nn.Module, network: nn.Module) -> Iterator[None]:
    """Inside, a network has another's weights.

    An average of a network is a copy whose hooks still call the layers that it was copied from, so
    it is not run itself.
    """
    own = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.load_state_dict(other.state_dict())
    try:
        yield
    finally:
        network.load_state_dict(own)
