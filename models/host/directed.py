"""What a user gives to lead a video model by a warped clip, checked against the model."""

from __future__ import annotations

import logging
from typing import Any

import comfy.sample
import torch

from ..picture.latent_mask import LatentClip, latent_mask
from .dual_clock import Clocks, Directed, TimeToMove
from .features import latent_ratios
from .sampling import Settings, sample


def directed_by(
    model: Any, clip: torch.Tensor, mask: torch.Tensor, weak: float, strong: float
) -> Directed:
    """The warped clip and what of it is held, as the model's latents. Nothing is loaded.

    Args:
        model: a MODEL, which tells what its latents stand for.
        clip: [F, C, h, w] for a model of pictures, [B, C, T, h, w] for one of videos.
        mask: see `models.picture.latent_mask.latent_mask`.
        weak, strong: see `Clocks`.

    Raises:
        ValueError: for clocks, latents or a mask that cannot be or do not go together.
    """
    clocks = Clocks(weak, strong)
    form = model.get_model_object("latent_format")
    _check_clip(clip, form)
    spatial, temporal = latent_ratios(form)
    video = clip.ndim == 5
    frames, (height, width) = clip.shape[2 if video else 0], clip.shape[-2:]
    cells, note = latent_mask(mask, LatentClip(frames, height, width, spatial, temporal))
    if note:
        logging.info("Motion-I2V: the mask of what is directed: %s", note)
    return Directed(clip, cells[None, None] if video else cells[:, None], clocks)


def _check_clip(clip: torch.Tensor, form: Any) -> None:
    if clip.is_nested:
        raise ValueError(
            "the warped clip's latent holds a video and its sound; give the video's part alone"
        )
    shape, name = list(clip.shape), type(form).__name__
    dimensions = form.latent_dimensions + 2
    if form.latent_dimensions not in (2, 3) or clip.ndim != dimensions:
        kinds = {4: "[frames, channels, height, width]", 5: "[1, channels, frames, height, width]"}
        raise ValueError(
            f"the warped clip's latents have {clip.ndim} dimensions {shape}, but the model's "
            f"({name}) have {dimensions}, {kinds.get(dimensions, 'which are no pictures')}: encode "
            "the clip with the model's own VAE"
        )
    if clip.shape[1] != form.latent_channels:
        raise ValueError(
            f"the warped clip's latents have {clip.shape[1]} channels {shape}, but the model's "
            f"({name}) have {form.latent_channels}: encode the clip with the model's own VAE"
        )
    if 0 in clip.shape:
        raise ValueError(f"the warped clip's latents are empty {shape}; encode at least one frame")
    if not bool(torch.isfinite(clip).all()):
        raise ValueError(
            "the warped clip's latents hold NaN or infinite values; encode it in float32"
        )


def sample_directed(
    model: Any,
    positive: list,
    negative: list,
    latent: dict[str, Any],
    directed: Directed,
    settings: Settings,
) -> dict[str, Any]:
    """Samples as the host's KSampler does, led by the clip that is the latent's own samples.

    Returns:
        the LATENT, as it was given but for its samples.
    """
    clip = latent["samples"]
    noise = comfy.sample.prepare_noise(clip, settings.seed, latent.get("batch_index"))
    sampled = sample(
        model,
        clip,
        noise,
        positive,
        negative,
        settings,
        noise_mask=latent.get("noise_mask"),
        lead=lambda sampler: TimeToMove(sampler, directed),
    )
    return {**latent, "samples": sampled}
