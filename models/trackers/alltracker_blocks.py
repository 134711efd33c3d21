"""The residual blocks of AllTracker: over space, as ConvNeXt's, and over time, by attention.

Sources: Liu et al., "A ConvNet for the 2020s" (arXiv 2201.03545); Harley et al., "AllTracker:
Efficient Dense Point Tracking at High Resolution" (arXiv 2506.07310), section 3.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn
from torchvision.ops.misc import Permute

HEADS = 8
AT_ONCE = 1 << 16
"""Cells of frames that are worked on in one go: it bounds memory, not results."""


class ChannelNorm(nn.Sequential):
    """A layer norm over the channels of [n, C, h, w]."""

    def __init__(self, width: int) -> None:
        super().__init__(
            Permute([0, 2, 3, 1]), nn.LayerNorm(width, eps=1e-6), Permute([0, 3, 1, 2])
        )


def channel_scale(width: int) -> nn.Conv2d:
    """A learned factor for each channel, in a layer that hosts know how to load."""
    return nn.Conv2d(width, width, 1, groups=width, bias=False)


class SpaceBlock(nn.Module):
    """Each frame by itself: [n, C, h, w] -> the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(width, width, 7, padding=3, groups=width),
            Permute([0, 2, 3, 1]),
            nn.LayerNorm(width, eps=1e-6),
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Linear(4 * width, width),
            Permute([0, 3, 1, 2]),
        )
        self.scale = channel_scale(width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.scale(self.block(x))


class TimeBlock(nn.Module):
    """Each cell by itself, through the frames of a window: [S, C, h, w] -> the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn = TimeAttention(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(approximate="tanh"), nn.Linear(4 * width, width)
        )
        self.scale = channel_scale(width)

    def forward(self, x: Tensor) -> Tensor:
        cells = rearrange(x, "s c h w -> (h w) s c")
        mixed = in_parts(self._mixed, AT_ONCE // len(x), cells)
        return x + self.scale(rearrange(mixed, "(h w) s c -> s c h w", h=x.shape[2]))

    def _mixed(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attn(_normal(tokens))
        return tokens + self.mlp(_normal(tokens))


class TimeAttention(nn.Module):
    """Self-attention among frames: [n, S, C] -> the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.to_q = nn.Linear(width, width)
        self.to_kv = nn.Linear(width, 2 * width)
        self.to_out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        projected = (self.to_q(x), *self.to_kv(x).chunk(2, dim=-1))
        q, k, v = (rearrange(part, "n s (head c) -> n head s c", head=HEADS) for part in projected)
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.to_out(rearrange(mixed, "n head s c -> n s (head c)"))


def in_parts(function: Callable[..., Tensor], at_once: int, *tensors: Tensor) -> Tensor:
    """`function` of tensors [n, ...], at most `at_once` of the n at a time."""
    parts = zip(*(tensor.split(max(1, at_once)) for tensor in tensors), strict=True)
    return torch.cat([function(*part) for part in parts])


def _normal(x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], eps=1e-6)
