"""What the trajectory ControlNet is told: drawn tracks, or a field that is partly known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from ..drawing.rasterize import at_latent_size, rasterize
from ..picture.region import check_region
from ..types.motion_field import MotionField
from ..types.tracks import Tracks
from ..types.view import View
from .flow_vae import FlowVAE
from .stage1_clip import Stage1Clip


class Hint(Protocol):
    """Makes the hint [N, 5, h, w] of a clip: the sparse field's latent (not scaled), the mask."""

    def __call__(self, clip: Stage1Clip) -> torch.Tensor: ...


@dataclass(frozen=True, eq=False)
class TrackHint:
    """Drawn tracks, each known in a square about its start; outside the region: known, and still.

    Args:
        tracks: what a TRACKS socket carries, as many frames as the clip; pixels of the clip's
            picture where they do not say of which.
        flow_vae: encodes the sparse field.
        half_size: half the side of a square, in pixels of the working picture.
        region: [H, W] or [1, H, W] over the picture, 1 where things may move; None: everywhere.
    """

    tracks: Mapping[str, Any]
    flow_vae: FlowVAE
    half_size: int
    region: torch.Tensor | None = None

    def __call__(self, clip: Stage1Clip) -> torch.Tensor:
        tracks = Tracks.from_dict(self.tracks, clip.view.picture)
        clip.check_frames("tracks for the trajectory ControlNet", tracks.frames)
        seen = clip.view.see_tracks(tracks)
        control = rasterize(seen, self.half_size, _seen_region(self.region, clip.view))
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

    def __call__(self, clip: Stage1Clip) -> torch.Tensor:
        clip.check_frames("the field for the trajectory ControlNet", self.field.frames)
        flow01 = clip.view.see_field(self.field).encoded()
        mask = torch.ones_like(flow01[:, :1])
        if self.known is not None:
            mask = (self._known_frames(clip)[:, None] >= 0.5).to(mask).expand_as(mask)
        flow01 = torch.where(mask > 0, flow01, 0.5)
        region = _seen_region(self.region, clip.view)
        if region is not None:
            frozen = region[None, None].to(mask) < 0.5
            flow01 = torch.where(frozen, 0.5, flow01)
            mask = torch.where(frozen, 1.0, mask)
        return encode_hint(self.flow_vae, flow01, mask)

    def _known_frames(self, clip: Stage1Clip) -> torch.Tensor:
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


def _seen_region(region: torch.Tensor | None, view: View) -> torch.Tensor | None:
    """The region [H, W] at the working size; None where everything may move (an empty brush)."""
    if region is None or not bool(check_region(region).any()):
        return None
    seen = view.see_mask(check_region(region))[0]
    if bool((seen < 0.5).all()):
        raise ValueError(
            "nothing of the region is inside the part of the picture that is sampled; change the "
            "crop, or paint a larger region"
        )
    return seen
