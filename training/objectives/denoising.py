"""What objectives of denoising share: examples, noise, the loss of an answer, sampling, reports."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from ..data.batches import Batch, placed
from ..data.seeds import following, torch_of
from ..objective import Objective
from .networks import recompute
from .noise import RELEASED, Schedule
from .samples import Predict, sample, weights_of

Encode = Callable[[Tensor], Tensor]
"""A frozen VAE's encoder: [B, C, H, W] -> the posterior's mean [B, 4, H / 8, W / 8]."""

Text = Callable[[list[str]], Tensor]
"""Captions -> [B, tokens, width]."""

Shown = tuple[dict[str, Tensor], dict[str, Tensor]]
"""What a report tells: figures, and pictures [N, 3, H, W] with the truth below."""


def exactly(function: Callable[..., Any]) -> Callable[..., Any]:
    """Leaves autocast and gradients out: at 16 bits a latent of a field is off by half a pixel."""

    @wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
            return function(*args, **kwargs)

    return torch.no_grad()(wrapped)


class Denoising(Objective):
    """Networks that predict noise, or v, in latents. Subclasses give `example`.

    Args:
        schedule: of the noise.
        metadata: of the files.
        trial: a batch for reports; None: no reports.
    """

    recomputes = True
    """Whether the backward pass can make activations anew."""
    known = 0
    """How many frames at the beginning of a clip are given, and not asked for."""

    def __init__(
        self,
        schedule: Schedule = RELEASED,
        metadata: dict[str, str] | None = None,
        trial: Batch | None = None,
    ) -> None:
        self.schedule, self.metadata, self.trial = schedule, metadata or {}, trial
        self.levels = schedule.levels()

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

    def gradient_checkpointing(self) -> None:
        if self.recomputes:
            recompute(self.modules)
        else:
            super().gradient_checkpointing()

    def told(self, kind: str) -> dict[str, str]:
        """The metadata of a file of that kind."""
        return {**self.metadata, "motion_i2v.kind": kind}


def decibels(frames: Tensor, truth: Tensor) -> Tensor:
    """The PSNR of frames in 0..1."""
    return -10 * torch.log10((frames - truth).square().mean())
