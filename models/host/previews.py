"""Live previews: flow latents as a colour wheel in every sampler of the host; finished frames."""

from __future__ import annotations

import comfy.latent_formats
import latent_preview
import torch
from PIL import Image

from ..fields.flow_colors import flow_to_color


class FlowLatents(comfy.latent_formats.SD15):
    """The flow VAE's latents: SD 1.5's scale, colours that show direction and speed."""

    def __init__(self) -> None:
        super().__init__()
        # The hook returns the picture itself, in -1..1; nothing is left to mix.
        self.latent_rgb_factors = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
        self.latent_rgb_factors_bias = None
        self.latent_rgb_factors_reshape = self.wheel
        self.taesd_decoder_name = None
        self.projection: tuple[torch.Tensor, torch.Tensor] | None = None

    def wheel(self, latents: torch.Tensor) -> torch.Tensor:
        """Scaled latents [N, 4, h, w] -> colours [1, 3, h, w] in -1..1 of the last frame."""
        last = latents[-1:].float()
        flow = self.displacement(self.process_out(last))
        return flow_to_color(flow).movedim(-1, 1) * 2 - 1

    def displacement(self, latents: torch.Tensor) -> torch.Tensor:
        """A guess [N, 2, h, w] of the displacements that latents [N, 4, h, w] stand for."""
        if self.projection is None:
            # Without a flow VAE to fit to: two channels, about their mean. Only where things move
            # apart is meant to be seen.
            guess = latents[:, :2]
            return guess - guess.mean(dim=(2, 3), keepdim=True)
        matrix, offset = (part.to(latents) for part in self.projection)
        return torch.einsum("fc,nchw->nfhw", matrix, latents) + offset.view(1, 2, 1, 1)


def preview_of(frame: torch.Tensor) -> tuple[str, Image.Image, int]:
    """A finished frame [H, W, 3] in 0..1, as the host's `ProgressBar` takes a preview."""
    picture = latent_preview.preview_to_image(frame, do_scale=False)
    return "JPEG", picture, latent_preview.MAX_PREVIEW_RESOLUTION
