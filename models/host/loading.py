"""Checkpoints become the host's MODEL and CONTROL_NET, and our FLOW_VAE."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import comfy.model_management as management
import comfy.model_patcher
import comfy.ops
import torch
from torch import nn

from ..files.checkpoints import Checkpoint, read_checkpoint
from .features import patcher_class, reloadable
from .flow_vae import FlowVAE
from .host_layers import on_host_layers
from .stage1_model import MotionFieldConfig, MotionFieldModel, model_type, unet_config
from .stage1_windows import MotionWindows, slide_windows
from .trajectory_control import TrajectoryControl, TrajectoryControlModel

DTYPES: dict[str, torch.dtype | None] = {
    "auto": None,
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}
SUPPORTED = [torch.float16, torch.bfloat16, torch.float32]


def dtype_named(precision: str) -> torch.dtype | None:
    """The dtype that a word of DTYPES means; None lets the host choose.

    Raises:
        ValueError: for another word, which not every host looks for in a prompt.
    """
    if precision not in DTYPES:
        raise ValueError(f"precision is one of {', '.join(DTYPES)}, not {precision!r}")
    return DTYPES[precision]


def load_motion_field_model(
    checkpoint: Checkpoint,
    dtype: torch.dtype | None = None,
    windows: MotionWindows | None = None,
) -> comfy.model_patcher.ModelPatcher:
    """A native MODEL of a "stage1_unet" checkpoint, whose tensors it takes over.

    Args:
        checkpoint: from `models.files.checkpoints`; empty afterwards.
        dtype: of the weights; None lets the host choose for its device.
        windows: for clips longer than the model was trained for; None: the usual ones of
            `trained_windows`.
    """
    weights, compute = weight_dtypes(checkpoint, dtype)
    config = MotionFieldConfig(unet_config(checkpoint.unet), checkpoint.trained)
    config.set_inference_dtype(weights, compute)
    offload = management.unet_offload_device()
    model = MotionFieldModel(config, model_type(checkpoint.trained), device=offload)
    take(model.diffusion_model, unet_tensors(checkpoint, weights))
    patcher = hosted(model)
    slide_windows(patcher, windows or trained_windows(checkpoint))
    read_again(patcher, load_motion_field_model, checkpoint, dtype)
    return patcher


def trained_windows(checkpoint: Checkpoint, overlap: int | None = None) -> MotionWindows:
    """Windows as long as the clips that a "stage1_unet" checkpoint was trained with.

    Args:
        overlap: frames that neighbouring windows share; None: a third of a window.
    """
    predicted = checkpoint.trained.frames - 1
    return MotionWindows(predicted, predicted // 3 if overlap is None else overlap)


def load_trajectory_control(
    checkpoint: Checkpoint, dtype: torch.dtype | None = None
) -> TrajectoryControl:
    """A native CONTROL_NET of a "stage1_controlnet" checkpoint, whose tensors it takes over."""
    weights, compute = weight_dtypes(checkpoint, dtype)
    operations = comfy.ops.pick_operations(weights, compute)
    offload = management.unet_offload_device()
    config = unet_config(checkpoint.unet)
    model = TrajectoryControlModel(**config, dtype=weights, device=offload, operations=operations)
    tensors = unet_tensors(checkpoint, weights)
    for layer in ("0", "2"):
        name = f"input_hint_block.{layer}.weight"
        tensors[name] = tensors[name].squeeze(2)
    take(model, tensors)
    return TrajectoryControl(
        model.train(False), load_device=management.get_torch_device(), manual_cast_dtype=compute
    )


def read_again(
    patcher: Any, load: Callable[..., Any], checkpoint: Checkpoint, *arguments: Any
) -> None:
    """Tells the host how to come by a patcher's weights once more, for another GPU.

    Args:
        load: a checkpoint and `arguments` -> a patcher, or what has one.
    """
    file = (checkpoint.source, checkpoint.kind.key)
    reloadable(patcher, _read_again, load, file, arguments)


def _read_again(
    load: Callable[..., Any],
    file: tuple[str, str],
    arguments: tuple[Any, ...],
    disable_dynamic: bool = False,
) -> comfy.model_patcher.ModelPatcher:
    made = load(read_checkpoint(*file), *arguments)
    return alone(getattr(made, "patcher", made), disable_dynamic)


def alone(patcher: Any, whole: bool) -> comfy.model_patcher.ModelPatcher:
    """A new patcher; where `whole`, one that loads all weights at once."""
    if not whole:
        return patcher
    return comfy.model_patcher.ModelPatcher(
        patcher.model, load_device=patcher.load_device, offload_device=patcher.offload_device
    )


def load_flow_vae(checkpoint: Checkpoint, dtype: torch.dtype | None = None) -> FlowVAE:
    """A FLOW_VAE of a "flow_vae" checkpoint, whose tensors it takes over; float32 by default."""
    vae = FlowVAE(checkpoint, dtype or torch.float32)
    read_again(vae.patcher, load_flow_vae, checkpoint, dtype)
    return vae


def unet_tensors(checkpoint: Checkpoint, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """The tensors under the host's names.

    The host puts the noisy latent first and what is concatenated after it; the checkpoint has the
    reference first.
    """
    tensors = checkpoint.take_host_tensors(dtype)
    conv_in = tensors["input_blocks.0.0.weight"]
    tensors["input_blocks.0.0.weight"] = torch.cat([conv_in[:, 4:], conv_in[:, :4]], dim=1)
    return tensors


def weight_dtypes(
    checkpoint: Checkpoint, dtype: torch.dtype | None
) -> tuple[torch.dtype, torch.dtype | None]:
    """The dtype of the weights, and that of the computation where it is another."""
    return chosen_dtypes(checkpoint.parameters, checkpoint.dtype, dtype)


def chosen_dtypes(
    parameters: int, own: torch.dtype, dtype: torch.dtype | None
) -> tuple[torch.dtype, torch.dtype | None]:
    """The same, of so many weights that a file has in a dtype of its own."""
    weights = dtype or management.unet_dtype(
        model_params=parameters, supported_dtypes=SUPPORTED, weight_dtype=own
    )
    return weights, management.unet_manual_cast(weights, management.get_torch_device(), SUPPORTED)


def hosted(network: nn.Module) -> comfy.model_patcher.ModelPatcher:
    """A network whose weights the host loads and offloads, layer by layer."""
    return patcher_class()(
        on_host_layers(network),
        load_device=management.get_torch_device(),
        offload_device=management.unet_offload_device(),
    )


def take(module: nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    """Puts the tensors themselves into the module: a copy would double the memory for a while."""
    module.load_state_dict(tensors, strict=True, assign=True)
    module.requires_grad_(False)
