"""What the trajectory ControlNet is told: drawn tracks, or a field that is partly known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from ..motion_field import MotionField
from ..rasterize import at_latent_size, rasterize
from ..tracks import Tracks
from .clip import Clip
from .flow_vae import FlowVAE


class Hint(Protocol):
    """Makes the hint [N, 5, h, w] of a clip: the sparse field's latent (not scaled), the mask."""

    def __call__(self, clip: Clip) -> torch.Tensor: ...


@dataclass(frozen=True, eq=False)
class TrackHint:
    """Drawn tracks, each known in a square about its start; outside the region: known, and still.

    Args:
        tracks: over the picture, as many frames as the clip.
        flow_vae: encodes the sparse field.
        half_size: half the side of a square, in pixels of the working picture.
        region: [H, W] or [1, H, W] over the picture, 1 where things may move; None: everywhere.
    """

    tracks: Tracks
    flow_vae: FlowVAE
    half_size: int
    region: torch.Tensor | None = None

    def __call__(self, clip: Clip) -> torch.Tensor:
        _check_frames("tracks", self.tracks.frames, clip)
        region = None if self.region is None else clip.view.see_mask(self.region)[0]
        control = rasterize(clip.view.see_tracks(self.tracks), self.half_size, region)
        return encode_hint(self.flow_vae, control.flow01, control.mask)


@dataclass(frozen=True, eq=False)
class FieldHint:
    """A whole field, and a mask of where it is known.

    Args:
        field: over the picture, as many frames as the clip.
        flow_vae: encodes it.
        known: [H, W], [1, H, W], or [F, H, W] or [F - 1, H, W]; None: known everywhere.
        region: as in TrackHint.
    """

    field: MotionField
    flow_vae: FlowVAE
    known: torch.Tensor | None = None
    region: torch.Tensor | None = None

    def __call__(self, clip: Clip) -> torch.Tensor:
        _check_frames("the motion field", self.field.frames, clip)
        flow01 = clip.view.see_field(self.field).encoded()
        mask = torch.ones_like(flow01[:, :1])
        if self.known is not None:
            mask = (self._known_frames(clip)[:, None] >= 0.5).to(mask).expand_as(mask)
        flow01 = torch.where(mask > 0, flow01, 0.5)
        if self.region is not None:
            frozen = clip.view.see_mask(self.region)[:1, None].to(mask) < 0.5
            if not bool(frozen.all()):
                flow01 = torch.where(frozen, 0.5, flow01)
                mask = torch.where(frozen, 1.0, mask)
        return encode_hint(self.flow_vae, flow01, mask)

    def _known_frames(self, clip: Clip) -> torch.Tensor:
        assert self.known is not None
        known = clip.view.see_mask(self.known)
        if known.shape[0] == clip.frames:
            return known[1:]
        if known.shape[0] not in (1, clip.frames - 1):
            raise ValueError(
                f"the mask of where the field is known has {known.shape[0]} frames; give 1, or "
                f"{clip.frames} as the field has"
            )
        return known


def encode_hint(vae: FlowVAE, flow01: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The hint [N, 5, h, w] of a field [N, 2, H, W] in 0..1 and its mask [N, 1, H, W]."""
    latent = vae.encode_flow(flow01)
    return torch.cat([latent, at_latent_size(mask).to(latent)], dim=1)


def _check_frames(what: str, frames: int, clip: Clip) -> None:
    if frames != clip.frames:
        raise ValueError(
            f"{what} for the trajectory ControlNet: {frames} frames, but the sampler makes "
            f"{clip.frames} (the reference and {clip.frames - 1} predicted); set both the same"
        )
