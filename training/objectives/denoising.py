"""What objectives of denoising share: random timesteps, noise, and the loss of an answer."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..objective import Objective
from .networks import recompute
from .noise import Schedule


@dataclass(frozen=True)
class Noised:
    """Examples of denoising.

    Args:
        t: [B] int64, their timesteps.
        seen: [B, ...] noisy latents.
        target: [B, ...] what the network should say of them.
    """

    t: Tensor
    seen: Tensor
    target: Tensor

    def loss(self, said: Tensor) -> Tensor:
        """The mean squared error of the network's answer [B, ...]."""
        return (said.float() - self.target).square().mean()


class Denoising(Objective):
    """Networks that predict noise, or v, in latents.

    Args:
        schedule: of the noise.
        metadata: of the files.
    """

    recomputes = True
    """Whether the backward pass can make activations anew."""

    def __init__(self, schedule: Schedule, metadata: dict[str, str] | None = None) -> None:
        self.schedule = schedule
        self.metadata = metadata or {}
        self.levels = schedule.levels()

    def noised(self, clean: Tensor, generator: torch.Generator) -> Noised:
        """Clean latents [B, ...] at random timesteps, one for each of the B."""
        t = self.schedule.timesteps(len(clean), generator)
        noise = torch.randn(clean.shape, generator=generator).to(clean)
        return Noised(t, *self.schedule.noised(clean, noise, self.levels[t].to(clean)))

    def gradient_checkpointing(self) -> None:
        if self.recomputes:
            recompute(self.modules)
        else:
            super().gradient_checkpointing()
