"""Motion-augmented temporal attention: every frame also sees where the reference has gone.

Notation: N frames of h x w features; z_i [h * w, C] is frame i, z_0 the reference; W_i carries the
reference along the motion field to frame i (forward average splatting). The attended sequence is

    [z_0, W_1 z_0, z_1, W_2 z_0, z_2, ..., W_{N-1} z_0, z_{N-1}]    (2 N - 1 tokens a pixel)

with sinusoidal positions p_0 .. p_{2N-2} added; queries come from the real frames only
(Motion-I2V, arXiv 2401.15977, section 3.3). W is linear and acts on pixels, the projection K on
channels, so K(W_i z_0 + p) = W_i (K z_0) + K p: the reference is projected once, K p is a
constant, and N - 1 projections turn into a sparse product. The same holds for V.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from einops import rearrange

from .reference_warp import ReferenceWarp
from .temporal import MAX_TOKENS, TemporalSelfAttention, positions

MAX_FRAMES = (MAX_TOKENS + 1) // 2


class MotionAttention(TemporalSelfAttention):
    """Temporal self-attention of N frames over those frames and the warped reference."""

    def forward(self, x: torch.Tensor, warp: ReferenceWarp | None = None) -> torch.Tensor:
        """Mixes the frames at each pixel.

        Args:
            x: [clips * h * w, N, C], the pixels of one clip next to each other.
            warp: of N - 1 fields at h x w; None or strength 0 leave the warped tokens out.

        Raises:
            ValueError: for more than 16 frames, or a warp of another size or length.
        """
        frames = x.shape[1]
        table = self._positions(frames, x)
        x = x + table[::2]
        q, k, v = self.to_q(x), self.to_k(x), self.to_v(x)
        if warp is None or not warp.strength:
            return self.to_out[0](self.attention(q, k, v, self.heads))
        _check(warp, x)
        # Without the position of token 0, which is not to be carried along.
        key, value = self._projected(table, warp)
        reference = torch.cat([k[:, 0] - key[0], v[:, 0] - value[0]], dim=-1).to(warp.value)
        after = torch.cat([key, value], dim=-1)[1::2].to(warp.value)
        out = torch.empty_like(q)
        pixels = warp.pixels
        for first in range(0, x.shape[0], pixels):
            moved = reference[first : first + pixels]
            for part in warp.parts(reference.shape[-1]):
                here = slice(first + part.start, first + part.stop)
                warped = (warp.warp(moved, part) + after).to(q.dtype)
                keys, values = warped.chunk(2, dim=-1)
                keys = torch.cat([k[here], keys], dim=1)
                values = torch.cat([v[here], values], dim=1)
                out[here] = self._attend(q[here], keys, values, warp.strength)
        return self.to_out[0](out)

    def _positions(self, frames: int, x: torch.Tensor) -> torch.Tensor:
        """[2 N - 1, C] the positions of all tokens."""
        tokens = 2 * frames - 1
        if tokens > MAX_TOKENS:
            raise ValueError(
                f"motion-augmented attention sees at most {MAX_FRAMES} frames at once "
                f"({MAX_TOKENS} positions for frames and warped frames), not {frames}"
            )
        return positions(x.shape[2], x.device, x.dtype)[:tokens]

    def _projected(
        self, table: torch.Tensor, warp: ReferenceWarp
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The positions' keys and values, [2 N - 1, C] each."""
        key = (self, table.dtype)
        both = warp.constant(key, lambda: torch.stack([self.to_k(table), self.to_v(table)]))
        return both[0], both[1]

    def _attend(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, strength: float
    ) -> torch.Tensor:
        """Attention to N real and N - 1 warped tokens; the order of tokens does not matter."""
        if strength == 1:
            return self.attention(q, k, v, self.heads)
        # A token that weighs s as much as another: log s is added to its score.
        weight = q.new_zeros(k.shape[1])
        weight[q.shape[1] :] = math.log(strength)
        q, k, v = (rearrange(t, "p t (head c) -> p head t c", head=self.heads) for t in (q, k, v))
        mask = weight.expand(q.shape[2], -1)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return rearrange(out, "p head t c -> p t (head c)")


def _check(warp: ReferenceWarp, x: torch.Tensor) -> None:
    if warp.fields != x.shape[1] - 1 or x.shape[0] % warp.pixels:
        raise ValueError(
            f"the warp has {warp.fields} fields of {warp.pixels} pixels, but the features are "
            f"{x.shape[1]} frames with {x.shape[0]} pixels in all; it needs one field for each "
            "frame but the first"
        )
