"""The networks that are judged, run through the same host functions as the nodes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from ..models.host.apply_control import apply_control
from ..models.host.hints import TrackHint
from ..models.host.stage1_sampling import (
    Frames,
    Settings,
    decode_field,
    encode_field,
    make_clip,
    sample_flow,
    with_clip,
)
from ..models.host.stage2_sampling import OWN, encode_picture, make_motion, sample_video
from ..models.host.stage2_sampling import with_schedule as with_noise_schedule
from ..models.motion_field import MotionField
from ..models.tracks import Tracks
from .baselines import decoded
from .trials import Trial


@dataclass(frozen=True)
class Networks:
    """What Load Small Model returns, and how it is sampled.

    Args:
        stage1: MODEL that makes fields; None: not to be judged, and so for the others.
        model: MODEL that paints frames.
        clip, vae, flow_vae, control, motion_module: the host's objects and ours.
        field_settings, video_settings: of the two samplers.
        schedule: the noise schedule of the second stage, one of `stage2_sampling.SCHEDULES`.
        half_size: of a drawn point's square, px.
    """

    stage1: Any
    model: Any
    clip: Any
    vae: Any
    flow_vae: Any
    control: Any
    motion_module: Any
    field_settings: Settings = field(default_factory=Settings)
    video_settings: Settings = field(default_factory=Settings)
    schedule: str = OWN
    half_size: int = 8

    def coded(self, trial: Trial) -> MotionField:
        """The true field through the flow VAE."""
        view = self._clip(trial).view
        return decode_field(self.flow_vae, encode_field(self.flow_vae, trial.field, view), view)

    def field(
        self, trial: Trial, tracks: Tracks | None = None, region: Tensor | None = None
    ) -> MotionField:
        """What stage 1 makes of a trial's picture, caption and drawing.

        Args:
            tracks: drawn instead of the trial's own.
            region: [H, W], control only: outside it the ControlNet is told that all is still.
        """
        clip = self._clip(trial)
        drawing = (tracks or trial.tracks).to_dict()
        hint = TrackHint(drawing, self.flow_vae, self.half_size, region)
        positive, negative = apply_control(
            self._text(trial.clip.caption), self._text(""), self.control, hint, 1.0, (0.0, 1.0)
        )
        conditioned = with_clip(positive, clip), with_clip(negative, clip)
        latents = sample_flow(self.stage1, *conditioned, self.field_settings)
        return decode_field(self.flow_vae, latents, clip.view)

    def video(self, trial: Trial, field: MotionField) -> Tensor:
        """The frames [F, 3, H, W] that stage 2 paints of a trial's picture along a field."""
        motion = make_motion(field, encode_picture(self.vae, _pixels(trial)))
        latents = sample_video(
            with_noise_schedule(self.model, self.schedule),
            self.motion_module,
            motion,
            self._text(trial.clip.caption),
            self._text(""),
            self.video_settings,
        )
        return decoded(self.vae, latents)

    def _clip(self, trial: Trial) -> Any:
        strides = ", ".join(f"{stride:g}" for stride in trial.clip.strides.tolist())
        width, height = trial.size
        return make_clip(_pixels(trial), self.vae, Frames(trial.frames, strides, width, height))

    def _text(self, words: str) -> list:
        return self.clip.encode_from_tokens_scheduled(self.clip.tokenize(words))


def _pixels(trial: Trial) -> Tensor:
    """[1, H, W, 3]"""
    return trial.picture.movedim(0, -1)[None].contiguous()


def load_networks(folder: Path, settings: Settings, half_size: int) -> Networks:
    """The small model in a folder, both stages sampled with the same settings."""
    from ..models.host.small_model import load_small_model

    small = load_small_model(folder)
    return Networks(
        stage1=small.stage1,
        model=small.model,
        clip=small.clip,
        vae=small.vae,
        flow_vae=small.flow_vae,
        control=small.control_net,
        motion_module=small.motion_module,
        field_settings=settings,
        video_settings=settings,
        half_size=half_size,
    )
