"""Sampling as the released code does it: DDIM, "leading" timesteps, on the host's Euler."""

from __future__ import annotations

import comfy.samplers
import torch

DDIM_LEADING = "DDIM leading"
SCHEDULERS = [DDIM_LEADING, *comfy.samplers.SCHEDULER_NAMES]


class UnitNoiseSampler(comfy.samplers.KSAMPLER):
    """A host sampler whose start is pure noise of variance 1 (after the host's scaling).

    The first sigma of "leading" timesteps is not the largest one, and the host would start from a
    latent that is too weak by a few percent.
    """

    def max_denoise(self, model_wrap: object, sigmas: torch.Tensor) -> bool:
        return True


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
    whole = max(steps, int(steps / denoise))
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
