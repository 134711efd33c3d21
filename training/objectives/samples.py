"""Sampling while training, to see what a network has learned: few steps, fresh noise in each.

The host's samplers are what users run; this one exists because a network in training is not loaded
into the host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from ..data.batches import Batch, placed
from ..data.seeds import torch_of
from ..objective import Objective
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


Shown = tuple[dict[str, Any], dict[str, torch.Tensor]]
"""What a report tells: figures, and pictures [N, 3, H, W] with the truth below."""


@dataclass(eq=False, kw_only=True)
class Reporting(Objective):
    """An objective that shows what its networks make of a trial. Subclasses give `shown`.

    Args:
        metadata: of the files.
        trial: a batch for reports; None: no reports.
    """

    metadata: dict[str, str] = field(default_factory=dict)
    trial: Batch | None = None

    def shown(self, batch: Batch, generator: torch.Generator) -> Shown:
        """What a report tells of a batch."""
        raise NotImplementedError

    def report(self, modules: Any, writer: Any, step: int) -> None:
        """What the averaged networks make of the trial, beside the truth."""
        if self.trial is None:
            return
        batch = placed(self.trial, next(modules.parameters()).device)
        with weights_of(modules, self.modules):
            figures, pictures = self.shown(batch, torch_of(0))
        for name, value in figures.items():
            writer.add_scalar(f"trial/{name}", float(value), step)
        for name, made in pictures.items():
            writer.add_images(f"trial/{name}, truth below", made.cpu(), step)

    def told(self, kind: str) -> dict[str, str]:
        """The metadata of a file of that kind."""
        return {**self.metadata, "motion_i2v.kind": kind}
