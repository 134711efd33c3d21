"""What motion-augmented sampling follows, and what it keeps while one run lasts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from ..networks.clip_windows import OVERLAP
from ..networks.reference_warp import ReferenceWarp
from ..types.motion_field import MotionField

Area = tuple[int, int, int, int]
"""A part of the latent: top, left, height, width."""


@dataclass(frozen=True, eq=False)
class Motion:
    """What the model is told to do.

    Args:
        field: where the reference's pixels go, over a picture of any size of the same proportions.
        reference: [1, 4, h, w], the reference's latent, not scaled.
        region: [1, 1, h, w], 1 where things may move; None: everywhere.
        warp_strength: 0..1, weight of a warped token; 0: none.
        temporal_strength: 0..1, how much of the temporal layers is added; 0: none.
        keep_exactly: what lies outside the region equals the reference in the end; otherwise the
            last step is the model's, as in the released code.
        overlap: of windows over more than 16 frames.
    """

    field: MotionField
    reference: torch.Tensor
    region: torch.Tensor | None = None
    warp_strength: float = 1.0
    temporal_strength: float = 1.0
    keep_exactly: bool = True
    overlap: int = OVERLAP

    @property
    def frames(self) -> int:
        return self.field.frames

    @property
    def latent_size(self) -> tuple[int, int]:
        """(h, w)"""
        return self.reference.shape[2], self.reference.shape[3]


class MotionRun:
    """One sampling run.

    Args:
        motion: what it follows.
        scaled: [1, 4, h, w], the reference as the network sees it, on the sampler's device.
    """

    def __init__(self, motion: Motion, scaled: torch.Tensor) -> None:
        self.motion = motion
        self.scaled = scaled
        self.noise: torch.Tensor | None = None
        self.first_sigma: float | None = None
        self._warps: dict[Any, ReferenceWarp] = {}

    @property
    def whole(self) -> Area:
        return (0, 0, *self.motion.latent_size)

    def reference(self, area: Area) -> torch.Tensor:
        """[4, h, w] the scaled reference in a part of the latent."""
        top, left, height, width = area
        return self.scaled[0, :, top : top + height, left : left + width]

    def warp(
        self, frames: tuple[int, ...], area: Area, size: tuple[int, int], device: torch.device
    ) -> ReferenceWarp:
        """The warp of some frames in a part of the latent, at a layer's resolution (h, w)."""
        key = (frames, area, size, device)
        if key not in self._warps:
            flow = self._flow(frames, area, size).to(device)
            self._warps[key] = ReferenceWarp(flow, self.motion.warp_strength)
        return self._warps[key]

    def _flow(self, frames: tuple[int, ...], area: Area, size: tuple[int, int]) -> torch.Tensor:
        """[N - 1, 2, h, w] bilinear, x and y each scaled by its own ratio."""
        flow = self.motion.field.flow[list(frames[1:])]
        if area != self.whole:
            flow = _cut(flow, area, self.motion.latent_size)
        ratio = flow.new_tensor([size[1] / flow.shape[3], size[0] / flow.shape[2]])
        if flow.shape[0]:
            flow = F.interpolate(flow, size=size, mode="bilinear", align_corners=False)
        else:
            flow = flow.new_zeros(0, 2, *size)
        return flow * ratio.view(1, 2, 1, 1)

    def keep_outside(self, x: torch.Tensor, sigma: torch.Tensor, sampling: Any) -> None:
        """Puts the noised reference into x [F, 4, h, w] outside the region, in place.

        In the sampler's own tensor: its next step then starts from the blended latents, as after
        each step in the released code. The run's first latents are left as they are.
        """
        region = self.motion.region
        if region is None or self.noise is None or float(sigma.max()) == self.first_sigma:
            return
        level = sigma.flatten()[:1]
        outside = sampling.noise_scaling(level, self.noise, self.scaled)
        region = region.to(x)
        x.copy_(region * x + (1 - region) * outside.to(x))

    def finished(self, latents: torch.Tensor) -> torch.Tensor:
        """The sampled latents [F, 4, h, w], not scaled, with what must equal the reference."""
        reference = self.motion.reference.to(latents)
        if self.motion.region is not None and self.motion.keep_exactly:
            region = self.motion.region.to(latents)
            latents = torch.where(
                region == 0, reference, region * latents + (1 - region) * reference
            )
        return torch.cat([reference, latents[1:]])


def _cut(flow: torch.Tensor, area: Area, latent_size: tuple[int, int]) -> torch.Tensor:
    """The part of a field [N, 2, H, W] that a part of the latent stands for."""
    top, left, height, width = area
    down, across = (n / m for n, m in zip(flow.shape[2:], latent_size, strict=True))
    rows = slice(round(top * down), max(round((top + height) * down), round(top * down) + 1))
    columns = slice(
        round(left * across), max(round((left + width) * across), round(left * across) + 1)
    )
    return flow[:, :, rows, columns]
