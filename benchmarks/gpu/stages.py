"""Both stages on seeded weights, sampled by the nodes' own functions through the host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import comfy.model_management as management
import torch
import torch.nn.functional as F
from motion_i2v.models.files.checkpoints import Checkpoint, checkpoint_of
from motion_i2v.models.host.loading import load_motion_field_model, load_trajectory_control
from motion_i2v.models.host.motion_module import load_motion_module
from motion_i2v.models.host.previews import FlowLatents
from motion_i2v.models.host.sampling import Settings
from motion_i2v.models.host.stage1_clip import Stage1Clip
from motion_i2v.models.host.stage1_sampling import sample_flow
from motion_i2v.models.host.stage2_sampling import make_motion, sample_video, with_schedule
from motion_i2v.models.types.motion_field import MotionField
from motion_i2v.models.types.view import fit

from testing.sd15 import load_unet
from testing.seeded_release import CONTEXT, FULL, FULL_CONTEXT, WIDTHS, seeded_weights

TOKENS = 77
STRIDE = 8.0


@dataclass(frozen=True)
class Widths:
    """Seeded weights of one width, those of one stage at a time: of both, they would be 13 GB."""

    name: str
    widths: tuple[int, ...]
    context: int

    @cached_property
    def _made(self) -> dict[str, dict[str, torch.Tensor]]:
        return {}

    def checkpoint(self, kind: str) -> Checkpoint:
        in_stage1 = kind.startswith("stage1")
        if not any(made.startswith("stage1") == in_stage1 for made in self._made):
            self._made.clear()
        if kind not in self._made:
            self._made[kind] = seeded_weights(kind, self.widths, self.context)
        return checkpoint_of(dict(self._made[kind]), "seeded weights", kind)


NARROW = Widths("narrow", WIDTHS, CONTEXT)
FULL_WIDTH = Widths("full width", FULL, FULL_CONTEXT)


@dataclass(frozen=True)
class Clip:
    """How large a clip is: frames with the reference, and (W, H) in pixels, multiples of 8."""

    frames: int
    size: tuple[int, int]

    @property
    def latent_size(self) -> tuple[int, int]:
        """(h, w)"""
        return self.size[1] // 8, self.size[0] // 8

    def __str__(self) -> str:
        return f"{self.size[0]}x{self.size[1]}x{self.frames}"


class Stage(Protocol):
    """A stage that is loaded."""

    name: str

    def __init__(self, widths: Widths, clip: Clip, dtype: torch.dtype) -> None: ...

    def sample(self, settings: Settings) -> torch.Tensor:
        """Latents [frames, 4, h, w] on the CPU."""


class Stage1:
    """The motion-field model with its trajectory ControlNet."""

    name = "stage 1"

    def __init__(self, widths: Widths, clip: Clip, dtype: torch.dtype) -> None:
        self.model = load_motion_field_model(widths.checkpoint("stage1_unet"), dtype)
        control = load_trajectory_control(widths.checkpoint("stage1_controlnet"), dtype)
        predicted = clip.frames - 1
        hint = seeded(1, predicted, 5, *clip.latent_size)
        reference = FlowLatents().process_out(seeded(2, 1, 4, *clip.latent_size))
        strides = tuple(STRIDE * (frame + 1) for frame in range(predicted))
        self.told: dict[str, Any] = {
            "motion_clip": Stage1Clip(reference, strides, fit(clip.size, 0, 0, crop=False)),
            "control": control.set_cond_hint(hint, 1.0, (0.0, 1.0)),
            "control_apply_to_uncond": False,
        }
        self.texts = [seeded(number, 1, TOKENS, widths.context) for number in (3, 4)]

    def sample(self, settings: Settings) -> torch.Tensor:
        positive, negative = ([[text, dict(self.told)]] for text in self.texts)
        return sample_flow(self.model, positive, negative, settings)


class Stage2:
    """An SD 1.5 UNet with motion modules.

    Args:
        strength: of the warp; 0: none.
    """

    name = "stage 2"

    def __init__(
        self, widths: Widths, clip: Clip, dtype: torch.dtype, strength: float = 1.0
    ) -> None:
        unet = widths.checkpoint("sd15_unet").take_host_tensors(dtype)
        self.model = with_schedule(load_unet(unet, dtype))
        self.module = load_motion_module(widths.checkpoint("motion_modules"), dtype)
        reference = seeded(5, 1, 4, *clip.latent_size)
        self.motion = make_motion(smooth_field(clip), reference, warp_strength=strength)
        self.texts = [seeded(number, 1, TOKENS, widths.context) for number in (6, 7)]

    def sample(self, settings: Settings) -> torch.Tensor:
        positive, negative = ([[text, {}]] for text in self.texts)
        return sample_video(self.model, self.module, self.motion, positive, negative, settings)


def seeded(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def smooth_field(clip: Clip) -> MotionField:
    """A random motion of about a tenth of the picture."""
    width, height = clip.size
    coarse = seeded(8, clip.frames - 1, 2, 4, 4) * width / 10
    flow = F.interpolate(coarse, (height, width), mode="bicubic")
    return MotionField(torch.cat([torch.zeros(1, 2, height, width), flow]))


@contextmanager
def on_the_cpu() -> Iterator[None]:
    """Inside, what is loaded computes on the CPU, as with the host's --cpu."""
    before = management.cpu_state
    management.cpu_state = management.CPUState.CPU
    try:
        yield
    finally:
        management.cpu_state = before


def unload() -> None:
    """Frees what the host and torch hold on the device."""
    management.unload_all_models()
    management.soft_empty_cache()
