"""What objectives of denoising share: examples, noise, the loss of an answer, sampling, reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import Any

import torch
from torch import Tensor

from ..data.batches import Batch
from ..data.seeds import following
from .networks import recompute
from .noise import RELEASED, Schedule
from .samples import Predict, Reporting, sample

Encode = Callable[[Tensor], Tensor]
"""A frozen VAE's encoder: [B, C, H, W] -> the posterior's mean [B, 4, H / 8, W / 8]."""

Text = Callable[[list[str]], Tensor]
"""Captions -> [B, tokens, width]."""


@dataclass(frozen=True)
class Frozen:
    """What the networks of both stages are fed from, and seen through; none of it is trained.

    Args:
        image: encodes pictures in -1..1, unscaled latents.
        flow: encodes flow01, unscaled latents.
        text: captions -> [B, tokens, width].
        schedule: of the noise.
        picture, field: the decoders, of unscaled latents, for reports; None: no reports.
    """

    image: Encode
    flow: Encode
    text: Text
    schedule: Schedule = RELEASED
    picture: Encode | None = None
    field: Encode | None = None


def exactly(function: Callable[..., Any]) -> Callable[..., Any]:
    """Leaves autocast and gradients out: at 16 bits a latent of a field is off by half a pixel."""

    @wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
            return function(*args, **kwargs)

    return torch.no_grad()(wrapped)


@dataclass(eq=False, kw_only=True)
class Denoising(Reporting):
    """Networks that predict noise, or v, in latents. Subclasses give `example` and `schedule`."""

    recomputes = True
    """Whether the backward pass can make activations anew."""
    known = 0
    """How many frames at the beginning of a clip are given, and not asked for."""

    @property
    def schedule(self) -> Schedule:
        """Of the noise."""
        raise NotImplementedError

    @cached_property
    def levels(self) -> Tensor:
        """See `Schedule.levels`."""
        return self.schedule.levels()

    def example(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Predict]:
        """Clean latents [B, ...], and the network's answer for noisy ones."""
        raise NotImplementedError

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, dict[str, Any]]:
        """The mean squared error of what the network predicts."""
        generator = following(generator)
        return self.denoised(*self.example(batch, generator), generator), {}

    def denoised(self, clean: Tensor, predict: Predict, generator: torch.Generator) -> Tensor:
        """The loss at random timesteps, one for each of the B."""
        t = self.schedule.timesteps(len(clean), generator)
        noise = torch.randn(clean.shape, generator=generator).to(clean)
        seen, target = self.schedule.noised(clean, noise, self.levels[t].to(clean))
        return (predict(seen, t).float() - target)[:, self.known :].square().mean()

    @torch.no_grad()
    def latents(
        self, clean: Tensor, predict: Predict, generator: torch.Generator, steps: int = 8
    ) -> Tensor:
        """What the network makes of noise instead of clean latents like these."""
        noise = torch.randn(clean.shape, generator=generator).to(clean)
        return sample(predict, noise, self.schedule, generator, steps)

    def gradient_checkpointing(self) -> None:
        if self.recomputes:
            recompute(self.modules)
        else:
            super().gradient_checkpointing()
