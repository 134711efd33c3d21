"""Sampling a video's latents along a motion field, on the host's samplers."""

from __future__ import annotations

from typing import Any

import comfy.latent_formats
import comfy.model_sampling
import comfy.sample
import latent_preview
import torch

from .motion_module import MotionModule
from .motion_run import Motion
from .motion_wrappers import apply_motion
from .stage1_sampling import Settings, schedule

TRAINED, OWN = "motion-i2v", "the model's own"


def with_schedule(model: Any, zero_terminal_snr: bool = False) -> Any:
    """A clone of a MODEL on the schedule that the motion modules were trained with.

    It is diffusers' "linear", which the host has under the name "sqrt_linear".

    Args:
        zero_terminal_snr: rescaled so that the first step starts from pure noise; lessens the
            drift of brightness.
    """
    own = model.get_model_object("model_sampling")
    settings = {"beta_schedule": "sqrt_linear", "linear_start": 0.00085, "linear_end": 0.012}

    class Config:
        sampling_settings = settings

    kind = type(
        "TrainedSchedule",
        (comfy.model_sampling.ModelSamplingDiscrete, _prediction(own)),
        {},
    )
    clone = model.clone()
    clone.add_object_patch("model_sampling", kind(Config(), zsnr=zero_terminal_snr))
    return clone


def _prediction(sampling: Any) -> type:
    """What the model predicts, as the host's mixin."""
    if isinstance(sampling, comfy.model_sampling.V_PREDICTION):
        return comfy.model_sampling.V_PREDICTION
    return comfy.model_sampling.EPS


def encode_picture(vae: Any, picture: torch.Tensor) -> torch.Tensor:
    """The reference's latent [1, 4, H / 8, W / 8], not scaled, of a picture [1, H, W, 3] in 0..1.

    Raises:
        ValueError: for a VAE whose latents are not those of SD 1.5.
    """
    latent = vae.encode(picture[..., :3])
    expected = (1, 4, picture.shape[1] // 8, picture.shape[2] // 8)
    if tuple(latent.shape) != expected:
        raise ValueError(
            f"the VAE gives latents {list(latent.shape)} instead of {list(expected)}; use an "
            "SD 1.5 VAE"
        )
    return latent.float()


def empty_frames(motion: Motion) -> torch.Tensor:
    """Zeros [F, 4, h, w]: where sampling from noise alone begins."""
    return torch.zeros(motion.frames, *motion.reference.shape[1:])


def sample_video(
    model: Any,
    module: MotionModule,
    motion: Motion,
    positive: list,
    negative: list,
    settings: Settings,
    latent: torch.Tensor | None = None,
    noise: torch.Tensor | None = None,
) -> torch.Tensor:
    """Denoises a video that moves as the field says.

    Args:
        model: an SD 1.5 MODEL, on the schedule that is wanted.
        latent: [F, 4, h, w], not scaled, to start from; None: nothing.
        noise: [F, 4, h, w]; None: from the seed, as the host makes it.

    Returns:
        [F, 4, h, w], not scaled; frame 0 is exactly the reference.
    """
    moving = apply_motion(model, module, motion)
    if latent is None:
        latent = empty_frames(motion)
    if noise is None:
        noise = comfy.sample.prepare_noise(latent, settings.seed)
    sampler, sigmas = schedule(moving, settings)
    if len(sigmas) < 2:
        return torch.cat([motion.reference, latent[1:]])
    return comfy.sample.sample_custom(
        moving,
        noise,
        settings.cfg,
        sampler,
        sigmas,
        positive,
        negative,
        latent,
        callback=latent_preview.prepare_callback(moving, len(sigmas) - 1),
        seed=settings.seed,
    )
