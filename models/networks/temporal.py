"""Temporal transformers: what lets the frames of a clip see one another.

The layers are those of AnimateDiff v2 (arXiv 2307.04725), under the names of the released
Motion-I2V checkpoints. Nothing here knows of ComfyUI: `operations` makes the layers (`torch.nn`, or
the host's own classes, which load and offload weights) and `attention` computes the attention.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from einops import rearrange
from torch import nn

HEADS = 8
MAX_TOKENS = 32

Attention = Callable[..., torch.Tensor]


def plain_attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, heads: int) -> torch.Tensor:
    """Softmax attention of q [B, M, C] over k and v [B, L, C] in `heads` heads -> [B, M, C]."""
    q, k, v = (rearrange(x, "b l (head c) -> b head l c", head=heads) for x in (q, k, v))
    out = nn.functional.scaled_dot_product_attention(q, k, v)
    return rearrange(out, "b head l c -> b l (head c)")


@lru_cache(maxsize=64)
def positions(
    channels: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
) -> torch.Tensor:
    """Sinusoidal positions [32, channels], sin on even channels, cos on odd (arXiv 1706.03762).

    Raises:
        ValueError: for an odd number of channels.

    >>> positions(4)[0].tolist()
    [0.0, 1.0, 0.0, 1.0]
    >>> positions(4).shape
    torch.Size([32, 4])
    """
    if channels % 2:
        raise ValueError(f"positions need an even number of channels, not {channels}")
    # Kept for later calls, which may be those of a training: not a tensor of inference mode.
    with torch.inference_mode(False):
        token = torch.arange(MAX_TOKENS, dtype=torch.float32)[:, None]
        rate = torch.exp(
            torch.arange(0, channels, 2, dtype=torch.float32) * (-math.log(1e4) / channels)
        )
        table = torch.stack([torch.sin(token * rate), torch.cos(token * rate)], dim=-1)
        return table.flatten(1).to(device=device, dtype=dtype)


def positions_for(x: torch.Tensor) -> torch.Tensor:
    """The positions [L, C] to add to tokens x [B, L, C], on its device and in its dtype.

    Raises:
        ValueError: for more than 32 tokens, which no released weights were trained for.
    """
    tokens = x.shape[1]
    if tokens > MAX_TOKENS:
        raise ValueError(
            f"the temporal layers know {MAX_TOKENS} positions, but {tokens} frames were given; "
            "use fewer frames, or windows over them"
        )
    return positions(x.shape[2], x.device, x.dtype)[:tokens]


class TemporalSelfAttention(nn.Module):
    """Every frame attends to all frames, at each pixel on its own: x [B, F, C] -> [B, F, C].

    Stage 2 puts a class of its own in this one's place (`TemporalTransformer(self_attention=...)`).
    """

    def __init__(
        self,
        channels: int,
        *,
        heads: int = HEADS,
        attention: Attention = plain_attention,
        operations: Any = nn,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        make: dict[str, Any] = {"dtype": dtype, "device": device}
        self.heads = heads
        self.attention = attention
        self.to_q = operations.Linear(channels, channels, bias=False, **make)
        self.to_k = operations.Linear(channels, channels, bias=False, **make)
        self.to_v = operations.Linear(channels, channels, bias=False, **make)
        self.to_out = nn.ModuleList([operations.Linear(channels, channels, **make)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + positions_for(x)
        return self.to_out[0](self.attention(self.to_q(x), self.to_k(x), self.to_v(x), self.heads))


class GEGLU(nn.Module):
    """Half of a linear map, gated by the GELU of the other half (arXiv 2002.05202)."""

    def __init__(self, channels: int, out: int, *, operations: Any, **make: Any) -> None:
        super().__init__()
        self.proj = operations.Linear(channels, 2 * out, **make)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        value, gate = self.proj(x).chunk(2, dim=-1)
        return value * nn.functional.gelu(gate)


class FeedForward(nn.Module):
    """GEGLU to four times the channels, and back."""

    def __init__(self, channels: int, *, operations: Any, **make: Any) -> None:
        super().__init__()
        inner = 4 * channels
        # The released layout numbers a dropout as net.1.
        self.net = nn.Sequential(
            GEGLU(channels, inner, operations=operations, **make),
            nn.Identity(),
            operations.Linear(inner, channels, **make),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)


class TemporalBlock(nn.Module):
    """Two temporal self-attentions and a feed-forward, each normalised before and added."""

    def __init__(
        self,
        channels: int,
        *,
        self_attention: Callable[..., nn.Module],
        heads: int,
        attention: Attention,
        operations: Any,
        **make: Any,
    ) -> None:
        super().__init__()
        self.attention_blocks = nn.ModuleList(
            self_attention(
                channels, heads=heads, attention=attention, operations=operations, **make
            )
            for _ in range(2)
        )
        self.norms = nn.ModuleList(operations.LayerNorm(channels, **make) for _ in range(2))
        self.ff = FeedForward(channels, operations=operations, **make)
        self.ff_norm = operations.LayerNorm(channels, **make)

    def forward(self, x: torch.Tensor, **context: Any) -> torch.Tensor:
        for norm, attend in zip(self.norms, self.attention_blocks, strict=True):
            x = x + attend(norm(x), **context)
        return x + self.ff(self.ff_norm(x))


class TemporalTransformer(nn.Module):
    """The temporal layer that follows an attention (or resnet) of the UNet.

    Args:
        channels: width of the features; a multiple of 32 and of `heads`.
        self_attention: makes one attention, as `TemporalSelfAttention(channels, heads=, attention=,
            operations=, dtype=, device=)` does. Its `forward(x, **context)` gets what
            `TemporalTransformer.forward` is given as `context`.
        attention: (q, k, v, heads) -> tensor, each [B, tokens, channels].
        operations: namespace with Linear, LayerNorm and GroupNorm.
    """

    def __init__(
        self,
        channels: int,
        *,
        self_attention: Callable[..., nn.Module] = TemporalSelfAttention,
        heads: int = HEADS,
        attention: Attention = plain_attention,
        operations: Any = nn,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        make: dict[str, Any] = {"dtype": dtype, "device": device}
        self.norm = operations.GroupNorm(32, channels, eps=1e-6, **make)
        self.proj_in = operations.Linear(channels, channels, **make)
        self.transformer_blocks = nn.ModuleList(
            [
                TemporalBlock(
                    channels,
                    self_attention=self_attention,
                    heads=heads,
                    attention=attention,
                    operations=operations,
                    **make,
                )
            ]
        )
        self.proj_out = operations.Linear(channels, channels, **make)

    def forward(self, x: torch.Tensor, frames: int, **context: Any) -> torch.Tensor:
        """Mixes the frames of each clip.

        Args:
            x: [B * frames, C, h, w], the frames of one clip next to each other.
            frames: how many belong to one clip.
            context: handed on to the self-attentions.

        Raises:
            ValueError: where the batch does not hold whole clips, or a clip is too long.
        """
        if frames < 1 or x.shape[0] % frames:
            raise ValueError(f"a batch of {x.shape[0]} does not hold clips of {frames} frames")
        h, w = x.shape[2:]
        tokens = rearrange(self.norm(x), "(b f) c h w -> (b h w) f c", f=frames)
        tokens = self.proj_in(tokens)
        for block in self.transformer_blocks:
            tokens = block(tokens, **context)
        tokens = self.proj_out(tokens)
        return x + rearrange(tokens, "(b h w) f c -> (b f) c h w", h=h, w=w)
