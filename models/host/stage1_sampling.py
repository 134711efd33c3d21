"""Sampling a motion field's latents, on the host's samplers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import comfy.sample
import comfy.samplers
import latent_preview
import torch

from .sampling import DDIM_LEADING, ddim_leading_sigmas, unit_noise

LATENT_CHANNELS = 4


@dataclass(frozen=True)
class Settings:
    """What a sampler is told.

    Args:
        steps, cfg, seed, sampler, denoise: as in the host's KSampler.
        scheduler: one of the host's, or "DDIM leading", the released one.
    """

    steps: int = 25
    cfg: float = 7.0
    seed: int = 0
    sampler: str = "euler"
    scheduler: str = DDIM_LEADING
    denoise: float = 1.0


def encode_reference(vae: Any, picture: torch.Tensor) -> torch.Tensor:
    """The reference's latent as stage 1 wants it: the picture enters the network in 0..1.

    Args:
        vae: the host's VAE for pictures, which maps 0..1 to -1..1 on its own.
        picture: [1, H, W, 3] in 0..1, H and W multiples of 8.

    Returns:
        [1, 4, H / 8, W / 8], not scaled.

    Raises:
        ValueError: for a VAE whose latents are not those of SD 1.5.
    """
    latent = vae.encode((picture[..., :3] + 1) / 2)
    expected = (1, LATENT_CHANNELS, picture.shape[1] // 8, picture.shape[2] // 8)
    if tuple(latent.shape) != expected:
        raise ValueError(
            f"the VAE for the reference picture gives latents {list(latent.shape)} instead of "
            f"{list(expected)}; use an SD 1.5 VAE"
        )
    return latent.float()


def empty_latent(frames: int, reference: torch.Tensor) -> torch.Tensor:
    """Zeros [frames, 4, h, w] of a reference's size, to be filled with noise."""
    return torch.zeros(frames, *reference.shape[1:])


def sample_flow(
    model: Any,
    positive: list,
    negative: list,
    settings: Settings,
    latent: torch.Tensor | None = None,
    noise: torch.Tensor | None = None,
) -> torch.Tensor:
    """Denoises flow latents.

    Args:
        model: the motion-field MODEL.
        positive, negative: conditioning that holds a `motion_clip`.
        latent: [N, 4, h, w], not scaled, to start from; None: nothing.
        noise: [N, 4, h, w]; None: from the seed, as the host makes it.

    Returns:
        [N, 4, h, w], not scaled.
    """
    if latent is None:
        clip = positive[0][1]["motion_clip"]
        latent = empty_latent(len(clip.strides), clip.reference)
    if noise is None:
        noise = comfy.sample.prepare_noise(latent, settings.seed)
    sampler, sigmas = schedule(model, settings)
    return comfy.sample.sample_custom(
        model,
        noise,
        settings.cfg,
        sampler,
        sigmas,
        positive,
        negative,
        latent,
        callback=latent_preview.prepare_callback(model, max(1, len(sigmas) - 1)),
        seed=settings.seed,
    )


def schedule(model: Any, settings: Settings) -> tuple[Any, torch.Tensor]:
    """The host's sampler object and sigmas for some settings."""
    sampler = comfy.samplers.sampler_object(settings.sampler)
    if settings.scheduler != DDIM_LEADING:
        own = comfy.samplers.KSampler(
            model,
            settings.steps,
            model.load_device,
            settings.sampler,
            settings.scheduler,
            settings.denoise,
            model.model_options,
        )
        return sampler, own.sigmas
    sampling = model.get_model_object("model_sampling")
    sigmas = ddim_leading_sigmas(sampling, settings.steps, settings.denoise)
    return (sampler if settings.denoise < 1 else unit_noise(sampler)), sigmas
