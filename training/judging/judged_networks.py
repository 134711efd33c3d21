"""The networks that are judged, run through the same host functions as the nodes."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from ...models.files.checkpoints import Checkpoint, read_checkpoint
from ...models.files.safetensors_files import read_safetensors
from ...models.host import loading
from ...models.host import small_networks as small_model
from ...models.host import stage1_sampling as stage1
from ...models.host import stage2_sampling as stage2
from ...models.host.apply_control import apply_control
from ...models.host.hints import TrackHint
from ...models.host.motion_module import load_motion_module
from ...models.host.reference import encode_picture
from ...models.host.sampling import Settings
from ...models.host.small_text import load_small_text
from ...models.types.motion_field import MotionField
from ...models.types.tracks import Tracks
from ...scenes.scene_captions import VOCABULARY
from ..data.text_vectors import construct_text
from .baselines import decoded
from .trials import Trial

NEEDS = {
    "vae": ("image_vae", "flow_vae"),
    "stage1": ("image_vae", "flow_vae", "stage1_unet", "stage1_controlnet"),
    "stage2": ("image_vae", "sd15_unet", "motion_modules"),
}
NEEDS["chain"] = (*NEEDS["stage1"], *NEEDS["stage2"])
"""Which networks each part of the evaluation takes; all but the first take the text encoder too."""

LOADERS: dict[str, Callable[[Checkpoint], Any]] = {
    "image_vae": small_model.load_image_vae,
    "flow_vae": loading.load_flow_vae,
    "stage1_unet": loading.load_motion_field_model,
    "stage1_controlnet": loading.load_trajectory_control,
    "sd15_unet": small_model.load_image_unet,
    "motion_modules": load_motion_module,
}


@dataclass(frozen=True)
class Networks:
    """What Load Small Model returns, and how it is sampled.

    Args:
        stage1: MODEL that makes fields.
        model: MODEL that paints frames.
        clip, vae, flow_vae, control, motion_module: the host's objects and ours. Those that are not
            used may be None, as the models may.
        field_settings, video_settings: of the two samplers.
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
    half_size: int = 8

    @staticmethod
    def load(
        folder: Path, parts: list[str], fields: Settings, videos: Settings, half_size: int
    ) -> Networks:
        """The networks that some parts of the evaluation take.

        Args:
            folder: a small model; or one in which it is being trained, with the parts' `files`
                folders, of which the newest count.
            parts: keys of NEEDS.
            fields, videos: how the two stages are sampled.
            half_size: of a drawn point's square, px.

        Raises:
            ValueError: where a file is missing or damaged.
        """
        needed = {kind for part in parts for kind in NEEDS[part]}
        clip = _text(folder) if needed - {"image_vae", "flow_vae"} else None
        vae, flow_vae, stage1, control, model, motion = (
            load(read_checkpoint(_located(folder, small_model.PARTS[kind], kind), kind))
            if kind in needed
            else None
            for kind, load in LOADERS.items()
        )
        return Networks(
            stage1, model, clip, vae, flow_vae, control, motion, fields, videos, half_size
        )

    def coded(self, trial: Trial) -> MotionField:
        """The true field through the flow VAE."""
        view = self._clip(trial).view
        coded = stage1.encode_field(self.flow_vae, trial.field, view)
        return stage1.decode_field(self.flow_vae, coded, view)

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
        conditioned = stage1.with_clip(positive, clip), stage1.with_clip(negative, clip)
        with quiet():
            latents = stage1.sample_flow(self.stage1, *conditioned, self.field_settings)
        return stage1.decode_field(self.flow_vae, latents, clip.view)

    def video(self, trial: Trial, field: MotionField) -> Tensor:
        """The frames [F, 3, H, W] that stage 2 paints of a trial's picture along a field."""
        motion = stage2.make_motion(field, encode_picture(self.vae, trial.one_picture))
        with quiet():
            latents = stage2.sample_video(
                stage2.with_schedule(self.model, stage2.TRAINED, self.motion_module),
                *(self.motion_module, motion, self._text(trial.clip.caption), self._text("")),
                self.video_settings,
            )
        return decoded(self.vae, latents)

    def _clip(self, trial: Trial) -> Any:
        strides = ", ".join(f"{stride:g}" for stride in trial.clip.strides.tolist())
        width, height = trial.size
        frames = stage1.Frames(trial.frames, strides, width, height)
        return stage1.make_clip(trial.one_picture, self.vae, frames)

    def _text(self, words: str) -> list:
        return self.clip.encode_from_tokens_scheduled(self.clip.tokenize(words))


def quiet() -> redirect_stderr:
    """Without the samplers' own progress bars, of which there would be hundreds."""
    return redirect_stderr(io.StringIO())


def _located(folder: Path, name: str, kind: str) -> Path:
    """A file of the model, or the newest of that kind that a training has written."""
    if (folder / name).is_file():
        return folder / name
    # Trainings call the ControlNet by its kind.
    written = {*folder.glob(f"*/files/{name}"), *folder.glob(f"*/files/{kind}.safetensors")}
    if not written:
        raise ValueError(
            f"{folder} has no {name}, and no training in it has written one: train that part "
            "first, or judge others (--vae, --stage1, --stage2, --chain)"
        )
    return max(written, key=lambda path: path.stat().st_mtime)


def _text(folder: Path) -> Any:
    """The text encoder; before the parts are put together, the one that the recipe makes."""
    path = folder / small_model.TEXT
    if path.is_file():
        tensors = {name: tensor.clone() for name, tensor in read_safetensors(path)[0].items()}
    else:
        tensors = construct_text(VOCABULARY)
    return load_small_text(tensors, str(path))
