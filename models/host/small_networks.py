"""The small model that comes with the pack, as the host's own kinds of models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import comfy.model_base
import comfy.model_management as management
import comfy.model_patcher
import comfy.sd
import torch

from ..files.checkpoint_files import load_tensors
from ..files.checkpoints import Checkpoint, read_checkpoint
from ..files.trained import trained_of
from .features import reloadable
from .flow_vae import FlowVAE, autoencoder_config, host_autoencoder_tensors
from .loading import (
    alone,
    hosted,
    load_flow_vae,
    load_motion_field_model,
    load_trajectory_control,
    read_again,
    take,
    weight_dtypes,
)
from .mcdiff_file import McdiffFile, read_mcdiff
from .motion_module import MotionModule, load_motion_module
from .small_text import check_text, load_small_text
from .stage1_model import TrainedConfig, model_type, unet_config
from .trajectory_control import TrajectoryControl

FOLDER = Path(__file__).resolve().parents[2] / "small_model"
TEXT = "text.safetensors"
MCDIFF = "mcdiff.safetensors"
PARTS = {
    "image_vae": "image_vae.safetensors",
    "sd15_unet": "image_unet.safetensors",
    "flow_vae": "flow_vae.safetensors",
    "stage1_unet": "stage1_unet.safetensors",
    "stage1_controlnet": "controlnet.safetensors",
    "motion_modules": "motion_module.safetensors",
}
"""The file of each kind of checkpoint."""
AGAIN = (
    "The pack is not whole: get it again (ComfyUI-Manager: Fix; by hand: 'git checkout -- "
    "small_model' in the pack's folder, or a fresh clone)"
)


@dataclass(frozen=True)
class SmallModel:
    """What both stages need, in the order of the node's outputs."""

    model: comfy.model_patcher.ModelPatcher
    clip: comfy.sd.CLIP
    vae: comfy.sd.VAE
    flow_vae: FlowVAE
    control_net: TrajectoryControl
    motion_module: MotionModule
    motion_field_model: comfy.model_patcher.ModelPatcher


def load_small_model(folder: Path = FOLDER) -> SmallModel:
    """Loads all parts of the small model.

    Raises:
        FileNotFoundError: where a part is missing.
        ValueError: where one is damaged, or they are not of one training.
    """
    _check_there(folder)
    text, files = _text(folder / TEXT), {}
    for kind, name in PARTS.items():
        files[kind] = _whole(folder / name, kind)
    _check_together(folder, text, files)
    return SmallModel(
        load_image_unet(files["sd15_unet"]),
        _load_text(text, folder / TEXT),
        load_image_vae(files["image_vae"]),
        load_flow_vae(files["flow_vae"]),
        load_trajectory_control(files["stage1_controlnet"]),
        load_motion_module(files["motion_modules"]),
        load_motion_field_model(files["stage1_unet"]),
    )


def read_small_mcdiff(folder: Path = FOLDER) -> McdiffFile:
    """MCDiff's file of the small model, which no other part needs.

    Raises:
        FileNotFoundError: where it is missing.
        ValueError: where it is damaged.
    """
    path = folder / MCDIFF
    if not path.is_file():
        raise FileNotFoundError(f"the small model lacks {MCDIFF} in {folder}. {AGAIN}")
    try:
        return read_mcdiff(path)
    except ValueError as error:
        raise ValueError(f"{error}. {AGAIN}") from error


def fingerprint(folder: Path = FOLDER, names: Sequence[str] = (TEXT, *PARTS.values())) -> str:
    """Changes when one of these files of the small model does."""
    told = []
    for name in names:
        path = folder / name
        status = path.stat() if path.is_file() else None
        told.append(f"{name}:{status.st_size}:{status.st_mtime_ns}" if status else f"{name}:-")
    return ";".join(told)


def load_image_unet(
    checkpoint: Checkpoint, dtype: torch.dtype | None = None
) -> comfy.model_patcher.ModelPatcher:
    """A native MODEL of an "sd15_unet" checkpoint of any widths, whose tensors it takes over.

    The host's own loader knows SD 1.5 by its widths.

    Args:
        checkpoint: from `models.files.checkpoints`; empty afterwards.
        dtype: of the weights; None lets the host choose for its device.
    """
    weights, compute = weight_dtypes(checkpoint, dtype)
    config = TrainedConfig(unet_config(checkpoint.unet), checkpoint.trained)
    config.set_inference_dtype(weights, compute)
    offload = management.unet_offload_device()
    model = comfy.model_base.BaseModel(config, model_type(checkpoint.trained), device=offload)
    take(model.diffusion_model, checkpoint.take_host_tensors(weights))
    patcher = hosted(model)
    read_again(patcher, load_image_unet, checkpoint, dtype)
    return patcher


def load_image_vae(checkpoint: Checkpoint) -> comfy.sd.VAE:
    """A native VAE of an "image_vae" checkpoint of any widths, whose tensors it takes over.

    In float32: its linear encoder adds large constants and takes them away again, which half
    precision cannot.
    """
    config = autoencoder_config(checkpoint.vae)
    tensors = host_autoencoder_tensors(checkpoint)
    vae = comfy.sd.VAE(sd=tensors, config=config, dtype=torch.float32)
    read_again(vae.patcher, load_image_vae, checkpoint)
    return vae


def _check_there(folder: Path) -> None:
    missing = [name for name in (TEXT, *PARTS.values()) if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(f"the small model lacks {', '.join(missing)} in {folder}. {AGAIN}")


def _text(path: Path) -> dict[str, torch.Tensor]:
    """The text encoder's tensors, in memory of their own."""
    try:
        found, metadata = load_tensors(path)
        tensors = {name: t.clone() for name, t in found.items() if isinstance(t, torch.Tensor)}
        trained_of(metadata, str(path), "text")
        check_text(tensors, str(path))
    except ValueError as error:
        raise ValueError(f"{error}. {AGAIN}") from error
    return tensors


def _load_text(tensors: dict[str, torch.Tensor], path: Path) -> comfy.sd.CLIP:
    clip = load_small_text(tensors, str(path))
    reloadable(clip.patcher, _read_text_again, path)
    return clip


def _read_text_again(path: Path, disable_dynamic: bool = False) -> comfy.model_patcher.ModelPatcher:
    return alone(_load_text(_text(path), path).patcher, disable_dynamic)


def _whole(path: Path, kind: str) -> Checkpoint:
    try:
        return read_checkpoint(path, kind)
    except ValueError as error:
        raise ValueError(f"{error}. {AGAIN}") from error


def _check_together(
    folder: Path, text: dict[str, torch.Tensor], files: dict[str, Checkpoint]
) -> None:
    """Parts of two trainings may each be whole, and yet make no model."""
    unets = ("stage1_unet", "stage1_controlnet", "sd15_unet")
    width = text["neutral"].shape[0]
    together = all(files[kind].unet.context == width for kind in unets)
    for one, other in (("stage1_unet", "stage1_controlnet"), ("sd15_unet", "motion_modules")):
        together = together and files[one].widths == files[other].widths
        together = together and files[one].trained == files[other].trained
    if not together:
        told = "; ".join(f"{PARTS[kind]}: {_told(part)}" for kind, part in files.items())
        raise ValueError(
            f"the small model's files in {folder} are not of one training ({TEXT}: text {width}; "
            f"{told}). {AGAIN}"
        )


def _told(part: Checkpoint) -> str:
    trained, context = part.trained, getattr(part.shape, "context", None)
    text = f", text {context}" if context else ""
    return (
        f"widths {list(part.widths)}{text}, {trained.prediction or 'eps'}, zero terminal SNR "
        f"{trained.zero_terminal_snr}, {trained.heads} heads, {trained.frames} frames"
    )
