"""Sampling on the host's samplers; also as the released code does it: DDIM, "leading" timesteps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import comfy.sample
import comfy.samplers
import comfy.utils
import latent_preview
import torch

from ..types.progress import OnStep

DDIM_LEADING = "DDIM leading"
SCHEDULERS = [DDIM_LEADING, *comfy.samplers.SCHEDULER_NAMES]


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


def sample(
    model: Any,
    latent: torch.Tensor,
    noise: torch.Tensor | None,
    positive: list,
    negative: list,
    settings: Settings,
    on_step: OnStep | None = None,
    noise_mask: torch.Tensor | None = None,
    lead: Callable[[Any], Any] = lambda sampler: sampler,
) -> torch.Tensor:
    """Denoises latents of any network.

    Args:
        model: the host's MODEL.
        latent: [B, C, h, w], or [B, C, T, h, w] of a video model, not scaled, to start from.
        noise: of the same shape; None: from the seed, as the host makes it.
        positive, negative: the host's CONDITIONING.
        on_step: told (steps done, steps in all) instead of the host's progress and preview.
        noise_mask: what may change, as a LATENT carries it.
        lead: makes the sampler that runs out of the one that was chosen.

    Returns:
        as the latent; the latent itself where the schedule has no step.
    """
    sampler, sigmas = schedule(model, settings)
    steps = len(sigmas) - 1
    if steps < 1:
        return latent

    def stepped(done: int, *_: Any) -> None:
        assert on_step is not None
        on_step(done + 1, steps)

    return comfy.sample.sample_custom(
        model,
        comfy.sample.prepare_noise(latent, settings.seed) if noise is None else noise,
        settings.cfg,
        lead(sampler),
        sigmas,
        positive,
        negative,
        latent,
        noise_mask=noise_mask,
        callback=stepped if on_step else latent_preview.prepare_callback(model, steps),
        disable_pbar=not comfy.utils.PROGRESS_BAR_ENABLED,
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


class UnitNoiseSampler(comfy.samplers.KSAMPLER):
    """A host sampler whose start is pure noise of variance 1 (after the host's scaling).

    The first sigma of "leading" timesteps is not the largest one, and the host would start from a
    latent that is too weak by a few percent.
    """

    def max_denoise(self, model_wrap: object, sigmas: torch.Tensor) -> bool:
        return True


LONGEST = 10**9
"""Timesteps; more than any schedule has."""


def ddim_leading_sigmas(model_sampling: object, steps: int, denoise: float = 1.0) -> torch.Tensor:
    """The sigmas of diffusers' DDIM with leading spacing and steps_offset 1, and a final 0.

    Args:
        model_sampling: the host's discrete schedule (`model.get_model_object("model_sampling")`).
        steps: 1..1000.
        denoise: below 1, the last `steps` of a longer schedule that begins further on.

    Returns:
        [steps + 1]; empty for denoise 0.

    Raises:
        ValueError: for too many steps or none, a denoise outside 0..1, or a schedule without
            numbered timesteps.
    """
    if not 0 <= denoise <= 1:
        raise ValueError(f"denoise must be 0..1, not {denoise}")
    if denoise == 0:
        return torch.zeros(0)
    total = getattr(model_sampling, "num_timesteps", None)
    if total is None:
        raise ValueError(
            f"'{DDIM_LEADING}' counts timesteps, but the model's noise schedule "
            f"({type(model_sampling).__mro__[1].__name__}) is continuous; choose a core scheduler "
            "such as 'normal', or remove the continuous ModelSampling node"
        )
    # A denoise near 0 asks for more timesteps than a whole number can say.
    whole = max(steps, int(min(steps / denoise, LONGEST)))
    if steps < 1 or whole > total:
        raise ValueError(
            f"{steps} steps at denoise {denoise:g} need a schedule of {whole} timesteps; "
            f"DDIM leading has 1..{total}"
        )
    timesteps = (torch.arange(whole) * (total // whole) + 1).clamp(max=total - 1).flip(0)
    sigmas = model_sampling.sigma(timesteps.float())  # type: ignore[attr-defined]
    return torch.cat([sigmas.float().cpu(), torch.zeros(1)])[-(steps + 1) :]


def unit_noise(sampler: comfy.samplers.KSAMPLER) -> UnitNoiseSampler:
    """The same sampler, starting from noise of variance 1."""
    return UnitNoiseSampler(
        sampler.sampler_function, sampler.extra_options, sampler.inpaint_options
    )
