"""The sparse-trajectory ControlNet as a native CONTROL_NET."""

from __future__ import annotations

from typing import Any

import comfy.cldm.cldm
import comfy.controlnet
import comfy.model_base
import comfy.model_management
import torch
from comfy.ldm.modules.diffusionmodules.openaimodel import TimestepEmbedSequential
from torch import nn

from ..files.layout import HINT_CHANNELS, sites
from .hints import Hint
from .stage1_clip import Stage1Clip
from .stage1_windows import window_frames
from .temporal_layers import ClipLength, clip_length, follow, follow_clip, make_temporal_layers


class TrajectoryControlModel(comfy.cldm.cldm.ControlNet):
    """The host's ControlNet with hint convolutions at latent size, temporal layers and strides."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(hint_channels=HINT_CHANNELS, **kwargs)
        operations = kwargs["operations"]
        make: dict[str, Any] = {"dtype": kwargs.get("dtype"), "device": kwargs.get("device")}
        first = self.model_channels
        # The released kernels are 1x3x3: each frame on its own.
        self.input_hint_block = TimestepEmbedSequential(
            operations.Conv2d(HINT_CHANNELS, 512, 3, padding=1, **make),
            nn.SiLU(),
            operations.Conv2d(512, first, 3, padding=1, **make),
        )
        places = sites(tuple(first * mult for mult in self.channel_mult), decoder=False)
        self.motion_modules = make_temporal_layers(places, operations, **make)
        self.clip = ClipLength()
        follow(self, places, self.motion_modules, follow_clip(self.clip))

    def forward(self, x: torch.Tensor, *args: Any, clips: int = 1, **kwargs: Any) -> Any:
        """Residuals for x [clips * N, 8, h, w]: noisy latents, then the reference's."""
        self.clip.frames = clip_length(x.shape[0], clips)
        return super().forward(x, *args, **kwargs)


class TrajectoryControl(comfy.controlnet.ControlNet):
    """Gives the UNet the residuals of a hint, which is made when the clip's size is known."""

    knows_windows = True

    def __init__(self, control_model: TrajectoryControlModel | None = None, **kwargs: Any) -> None:
        super().__init__(control_model, **kwargs)
        self.hint: Hint | None = None
        self.clip: Stage1Clip | None = None
        self.cond_hint: torch.Tensor | None = None

    def with_hint(self, hint: Hint, strength: float, percent: tuple[float, float]) -> Any:
        """A copy that is told `hint`, from one part of sampling to another (both in 0..1)."""
        other = self.copy()
        other.set_cond_hint(None, strength, percent)
        other.hint = hint
        return other

    def copy(self) -> TrajectoryControl:
        other = TrajectoryControl(
            load_device=self.load_device, manual_cast_dtype=self.manual_cast_dtype
        )
        other.control_model = self.control_model
        other.control_model_wrapped = self.control_model_wrapped
        self.copy_to(other)
        other.hint = self.hint
        return other

    def cleanup(self) -> None:
        super().cleanup()
        self.clip = None

    def get_control(
        self,
        x_noisy: torch.Tensor,
        t: torch.Tensor,
        cond: dict[str, Any],
        batched_number: int,
        transformer_options: dict[str, Any],
    ) -> Any:
        previous = None
        if self.previous_controlnet is not None:
            previous = self.previous_controlnet.get_control(
                x_noisy, t, cond, batched_number, transformer_options
            )
        if self.timestep_range is not None and not (
            self.timestep_range[1] <= t[0] <= self.timestep_range[0]
        ):
            return previous
        control = self.residuals(x_noisy, t, cond, batched_number, transformer_options)
        return self.control_merge(control, previous, output_dtype=None)

    def residuals(
        self,
        x_noisy: torch.Tensor,
        t: torch.Tensor,
        cond: dict[str, Any],
        chunks: int,
        options: dict[str, Any],
    ) -> dict[str, list[torch.Tensor]]:
        """The residuals at full strength."""
        clip = self._check(x_noisy, cond)
        frames = clip_length(x_noisy.shape[0], chunks)
        indices = window_frames(options, frames, len(clip.strides))
        dtype = self.manual_cast_dtype or self.control_model.dtype
        device = x_noisy.device
        hint = self._hint_for(clip)[indices].to(device, dtype).repeat(chunks, 1, 1, 1)
        latents = self.model_sampling_current.calculate_input(t, x_noisy)
        x = torch.cat([latents, cond["c_concat"].to(latents)], dim=1).to(dtype)
        context = cond.get("crossattn_controlnet", cond["c_crossattn"])
        return self.control_model(
            x=x,
            hint=hint,
            timesteps=self.model_sampling_current.timestep(t).float(),
            context=comfy.model_management.cast_to_device(context, device, dtype),
            y=comfy.model_base.convert_tensor(cond["y"], dtype, device),
            clips=chunks,
        )

    def _check(self, x_noisy: torch.Tensor, cond: dict[str, Any]) -> Stage1Clip:
        clip = cond.get("motion_clip")
        if clip is None:
            raise ValueError(
                "the trajectory ControlNet belongs to the motion-field model of stage 1; use it "
                "with the MODEL of 'Load Motion-Field Model'"
            )
        if self.hint is None and self.cond_hint_original is None:
            raise ValueError(
                "the trajectory ControlNet was given no tracks; apply it with the node "
                "'Sparse-Trajectory ControlNet'"
            )
        if x_noisy.shape[2:] != clip.reference.shape[2:]:
            raise ValueError(
                "the trajectory ControlNet cannot be used with area conditioning: the sampler asks "
                f"for a part of {x_noisy.shape[3]}x{x_noisy.shape[2]} of a latent of "
                f"{clip.reference.shape[3]}x{clip.reference.shape[2]}, and does not say where"
            )
        return clip

    def _hint_for(self, clip: Stage1Clip) -> torch.Tensor:
        """[N, 5, h, w], made once a run."""
        if self.cond_hint is None or self.clip is not clip:
            hint = self._given_hint() if self.hint is None else self._made_hint(clip)
            expected = (len(clip.strides), HINT_CHANNELS, *clip.reference.shape[2:])
            if tuple(hint.shape) != expected:
                raise ValueError(
                    f"the control hint is {list(hint.shape)}, but this clip needs "
                    f"{list(expected)} (predicted frames, 5, latent height, latent width)"
                )
            self.cond_hint, self.clip = hint, clip
        return self.cond_hint

    def _given_hint(self) -> torch.Tensor:
        """What a core node was given: an "IMAGE" [N, h, w, 5], which it turned to [N, 5, h, w]."""
        return self.cond_hint_original

    def _made_hint(self, clip: Stage1Clip) -> torch.Tensor:
        assert self.hint is not None
        # Encoding loads the flow VAE, which may push the sampled models out of the GPU.
        loaded = comfy.model_management.loaded_models(only_currently_used=True)
        hint = self.hint(clip)
        comfy.model_management.load_models_gpu(loaded)
        return hint
