"""Temporal transformers inside the host's UNet blocks, on the host's layers and attention."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from comfy.ldm.modules.attention import optimized_attention
from torch import nn
from torch.utils.hooks import RemovableHandle

from ..files.layout import Site
from ..networks.temporal import TemporalSelfAttention, TemporalTransformer


def host_attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, heads: int) -> torch.Tensor:
    """The attention that the user chose for the host."""
    return optimized_attention(q, k, v, heads)


def make_temporal_layers(
    sites: Iterable[Site],
    operations: Any,
    dtype: torch.dtype | None,
    device: torch.device | str | None,
    self_attention: Callable[..., nn.Module] = TemporalSelfAttention,
) -> nn.ModuleList:
    """One temporal transformer a site, in the order of `models.files.layout.sites`."""
    return nn.ModuleList(
        TemporalTransformer(
            site.channels,
            self_attention=self_attention,
            attention=host_attention,
            operations=operations,
            dtype=dtype,
            device=device,
        )
        for site in sites
    )


def layer_at(unet: Any, site: Site) -> nn.Module:
    """The host's layer that a temporal transformer follows."""
    part, number = site.block
    block = unet.middle_block if part == "middle" else getattr(unet, f"{part}_blocks")[number]
    return block[site.layer]


@dataclass
class ClipLength:
    """How many frames of a batch belong to one clip; set by the network at each call.

    Args:
        resting: whether the temporal layers add nothing (training single frames).
    """

    frames: int = 1
    resting: bool = False


Follow = Callable[[nn.Module, torch.Tensor], torch.Tensor]
"""(temporal layer, the UNet layer's output) -> what goes on instead of the output."""


def follow(
    unet: Any, sites: Iterable[Site], layers: Iterable[nn.Module], each: Follow
) -> list[RemovableHandle]:
    """From now on, the UNet's layers at some sites are followed by temporal ones.

    Hooks, not layers more in the blocks: the host's names, which LoRAs refer to, stay as they are.
    Not closures: the copy of a network for another GPU must call its own layers.

    Returns:
        What takes the hooks away again.
    """
    return [
        layer_at(unet, site).register_forward_hook(partial(_hook, each, temporal))
        for site, temporal in zip(sites, layers, strict=True)
    ]


def follow_clip(clip: ClipLength) -> Follow:
    """The temporal layers see clips of that length, or rest."""
    return partial(_follow_clip, clip)


def _hook(
    each: Follow, temporal: nn.Module, _layer: nn.Module, _inputs: Any, output: torch.Tensor
) -> torch.Tensor:
    return each(temporal, output)


def _follow_clip(clip: ClipLength, temporal: nn.Module, output: torch.Tensor) -> torch.Tensor:
    return output if clip.resting else temporal(output, clip.frames)


def clip_length(batch: int, chunks: int) -> int:
    """Frames of one clip in a batch that holds `chunks` clips (conditional, unconditional).

    Raises:
        ValueError: where the batch does not divide.
    """
    if chunks < 1 or batch % chunks:
        raise ValueError(f"a batch of {batch} frames does not divide into {chunks} clips")
    return batch // chunks
