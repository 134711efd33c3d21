"""Noise that moves with a motion field, as the host's samplers ask for it."""

from __future__ import annotations

from typing import Any

import torch
from einops import rearrange
from torch import Tensor

from ..fields.fitting import note_shape, played_in
from ..fields.warped_noise import warped_noise
from ..types.motion_field import MotionField

_OTHER_STREAM = 0x9E3779B97F4A7C15
"""Keeps what is carried apart from the independent noise of the same seed, which is the host's."""


class WarpedNoise:
    """The host's NOISE: a seed, and noise of a latent's shape.

    Args:
        seed: 0 to 2**64 - 1.
        degradation: 0: carried by the motion; 1: independent noise in each frame, the same as the
            host's own of this seed; between them both, with the variance kept at 1.

    Raises:
        ValueError: for a degradation outside 0..1.
    """

    def __init__(self, field: MotionField, seed: int, degradation: float = 0.0) -> None:
        if not 0 <= degradation <= 1:
            raise ValueError(f"the degradation lies in 0..1, not {degradation}")
        self.field, self.seed, self.degradation = field, seed, degradation
        self._made: tuple[Any, Tensor] | None = None

    def generate_noise(self, input_latent: dict[str, Any]) -> Tensor:
        """Noise for every frame of a latent, on the CPU.

        What was asked for last is kept: the node gives it as latents, and the sampler asks again.

        Args:
            input_latent: "samples" [F, C, h, w], whose frames are a batch, or [B, C, T, h, w], of
                which each clip has noise of its own; "batch_index" where they are a part of such.

        Raises:
            ValueError: for other latents, or frames beyond the field's.
        """
        samples = input_latent["samples"]
        _check(samples)
        note_shape(self.field, (samples.shape[-1], samples.shape[-2]))
        part = input_latent.get("batch_index")
        whole = list(samples.shape)
        if part is not None:
            whole[0] = max(part) + 1
            if samples.ndim == 4:
                whole[0] = _all_frames(whole[0], self.field.frames)
        asked = whole, None if part is None else list(part)
        if self._made is None or self._made[0] != asked:
            noise = self._mixed(whole)
            self._made = asked, noise if part is None else noise[list(part)]
        return self._made[1].to(samples.dtype, copy=True)

    def _mixed(self, shape: list[int]) -> Tensor:
        carried, apart = 1 - self.degradation, self.degradation
        if apart == 0:
            return self._carried(shape)
        generator = torch.Generator().manual_seed(self.seed)
        independent = torch.randn(shape, generator=generator)
        if carried == 0:
            return independent
        mixed = carried * self._carried(shape) + apart * independent
        return mixed / (carried**2 + apart**2) ** 0.5

    def _carried(self, shape: list[int]) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed ^ _OTHER_STREAM)
        size = shape[-1], shape[-2]
        if len(shape) == 4:
            return warped_noise(played_in(self.field, shape[0]), shape[1], size, generator)
        clips, channels, frames = shape[:3]
        noise = warped_noise(played_in(self.field, frames), clips * channels, size, generator)
        return rearrange(noise, "f (b c) h w -> b c f h w", b=clips).contiguous()


def _check(samples: Any) -> None:
    if getattr(samples, "is_nested", False):
        raise ValueError(
            "these latents are of a video and its sound together, and noise is carried for a "
            "video alone: separate the two, and join them again after sampling"
        )
    if samples.ndim not in (4, 5) or 0 in samples.shape:
        raise ValueError(
            f"the latents have shape {list(samples.shape)}, but noise is carried for [frames, "
            "channels, height, width] or [clips, channels, frames, height, width]"
        )


def _all_frames(needed: int, frames: int) -> int:
    """How many frames the clip has of which only some are at hand."""
    if needed > frames:
        raise ValueError(
            f"the latents are frames up to number {needed - 1} of a clip (their batch_index says "
            f"so), but the field has {frames} frames: bring it to the clip's with "
            "'Retime Motion Field'"
        )
    return frames
