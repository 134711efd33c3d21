"""A start for motion modules that learn from nothing: half of the heads look at the warped frame.

With random weights every frame attends to all tokens alike, and a mean of all warped references
says nothing of where things are. So in the first attention of each temporal layer half of the heads
begin by comparing positions alone: the query of frame i, at position 2 i, is turned back by one
position, to 2 i - 1, where the reference stands as frame i's field has moved it (see
`models.networks.motion_attention`). All of it is trained on from there.
"""

from __future__ import annotations

from typing import Any

import torch

CHANNELS = 8
"""The first channels, where positions turn fastest; they are what is compared."""
GAIN = 3.0
CONTENT = 0.1
"""What is left of the features in those channels, so that positions decide."""


def look_at_warp(layers: Any) -> None:
    """Sets the first attention of each temporal transformer, in place."""
    for layer in layers:
        for block in layer.transformer_blocks:
            _set(block.attention_blocks[0], block.norms[0])


@torch.no_grad()
def _set(attention: Any, norm: Any) -> None:
    width = attention.to_q.weight.shape[0]
    size = width // attention.heads
    norm.weight[:CHANNELS] = CONTENT
    back = GAIN * _turn_back(width)
    for head in range(attention.heads // 2):
        rows = slice(head * size, head * size + CHANNELS)
        for weight, start in (
            (attention.to_q.weight, back),
            (attention.to_k.weight, GAIN * torch.eye(CHANNELS)),
        ):
            weight[head * size : (head + 1) * size] = 0
            weight[rows, :CHANNELS] = start


def _turn_back(width: int) -> torch.Tensor:
    """[8, 8]: (sin, cos) of a position's first angles -> those of the position before."""
    out = torch.zeros(CHANNELS, CHANNELS)
    for pair in range(CHANNELS // 2):
        angle = torch.tensor(1e4 ** (-2 * pair / width))
        sin, cos = angle.sin(), angle.cos()
        here = slice(2 * pair, 2 * pair + 2)
        out[here, here] = torch.stack([torch.stack([cos, -sin]), torch.stack([sin, cos])])
    return out
