"""Motion modules: temporal layers of their own, put into any SD 1.5 UNet for single calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import comfy.model_management as management
import comfy.model_patcher
import comfy.ops
import torch
from torch import nn

from ..files.checkpoints import Checkpoint
from ..files.layout import Site, sites
from ..files.trained import Trained
from ..networks.motion_attention import MotionAttention
from ..networks.temporal import plain_attention
from .loading import hosted, read_again, take, weight_dtypes
from .temporal_layers import Follow, follow, host_attention, make_temporal_layers

PREFIX = "motion_modules."


@dataclass(frozen=True, eq=False)
class MotionModule:
    """The temporal layers for the 21 places of an SD 1.5-like UNet.

    Args:
        patcher: the host's handle on the weights; it loads and offloads them.
        widths: channels of the UNet's four levels.
        source: the file.
        trained: what the file tells of its training.
    """

    patcher: comfy.model_patcher.ModelPatcher
    widths: tuple[int, ...]
    source: str
    trained: Trained

    @property
    def layers(self) -> nn.ModuleList:
        return self.patcher.model

    @property
    def sites(self) -> list[Site]:
        return sites(self.widths)


def load_motion_module(checkpoint: Checkpoint, dtype: torch.dtype | None = None) -> MotionModule:
    """A MOTION_MODULE of a "motion_modules" checkpoint, whose tensors it takes.

    Args:
        checkpoint: from `models.files.checkpoints`; empty afterwards.
        dtype: of the weights; None lets the host choose for its device.
    """
    weights, _ = weight_dtypes(checkpoint, dtype)
    # Cast as they are used: the UNet that the layers are put into may compute in another dtype.
    layers = make_temporal_layers(
        sites(checkpoint.widths),
        comfy.ops.manual_cast,
        weights,
        management.unet_offload_device(),
        self_attention=_self_attention,
    )
    tensors = checkpoint.take_host_tensors(weights)
    own = {name.removeprefix(PREFIX): value for name, value in tensors.items()}
    take(layers, own)
    patcher = hosted(layers.train(False))
    read_again(patcher, load_motion_module, checkpoint, dtype)
    return MotionModule(patcher, checkpoint.widths, checkpoint.source, checkpoint.trained)


@contextmanager
def inserted(module: MotionModule, unet: Any, each: Follow) -> Iterator[None]:
    """Inside, each of the UNet's 21 layers is followed by its temporal layer.

    After the block nothing is left of them, whatever was raised inside.

    Args:
        each: (temporal layer, the UNet layer's output) -> what goes on instead of the output.
    """
    handles = follow(unet, module.sites, module.layers, each)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def short_attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, heads: int) -> torch.Tensor:
    """Attention over a few tokens at many pixels.

    The attention that the user chose for the host; on a CPU torch's own, which takes a third of the
    time that the host's needs for sequences this short.
    """
    attend = plain_attention if q.device.type == "cpu" else host_attention
    return attend(q, k, v, heads)


def _self_attention(channels: int, **options: Any) -> MotionAttention:
    return MotionAttention(channels, **{**options, "attention": short_attention})
