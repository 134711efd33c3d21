"""The flow VAE as a host VAE: SD's autoencoder with two channels, in and out in 0..1 as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import comfy.model_management
import comfy.sd
import comfy.utils
import torch
from einops import rearrange

from ..files.checkpoints import Checkpoint
from ..files.network_shapes import VAEShape
from ..types.progress import OnStep

CHUNK = 4
"""Frames that are on the device at once; the rest of a clip waits in memory."""
MIN_TILE = 64
"""Smaller tiles would be mostly overlap."""


def autoencoder_config(shape: VAEShape) -> dict[str, Any]:
    """The host's configuration of SD's AutoencoderKL."""
    widths = shape.widths
    return {
        "params": {
            "embed_dim": 4,
            "ddconfig": {
                "double_z": True,
                "z_channels": 4,
                "resolution": 256,
                "in_channels": shape.channels,
                "out_ch": shape.channels,
                "ch": widths[0],
                "ch_mult": [width // widths[0] for width in widths],
                "num_res_blocks": 2,
                "attn_resolutions": [],
                "dropout": 0.0,
            },
        }
    }


def host_autoencoder_tensors(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    """The tensors under the host's names; its attention is made of 1x1 convolutions."""
    return {
        name: tensor[:, :, None, None] if ".attn_1." in name and tensor.ndim == 2 else tensor
        for name, tensor in checkpoint.take_host_tensors().items()
    }


class FlowVAE(comfy.sd.VAE):
    """Encodes and decodes displacement fields, each frame on its own.

    Computed in float32 unless told otherwise: at half precision a displacement across a 512 px
    picture is rounded to half a pixel (bfloat16: to four).
    """

    def __init__(self, checkpoint: Checkpoint, dtype: torch.dtype = torch.float32) -> None:
        config = autoencoder_config(checkpoint.vae)
        super().__init__(sd=host_autoencoder_tensors(checkpoint), config=config, dtype=dtype)
        self.process_input = lambda flow01: flow01
        self.process_output = lambda flow01: flow01
        self.output_channels = 2
        self.source = checkpoint.source
        self._projection: tuple[torch.Tensor, torch.Tensor] | None = None

    def encode_flow(
        self, flow01: torch.Tensor, tile: int = 0, on_step: OnStep | None = None
    ) -> torch.Tensor:
        """The posterior's mean, not scaled.

        Args:
            flow01: [N, 2, H, W] in 0..1, H and W multiples of 8.
            tile: side of the tiles in pixels, at least 64 and a multiple of 8; 0: whole frames,
                tiles where memory runs out.
            on_step: told (frames done, frames in all).

        Returns:
            [N, 4, H / 8, W / 8] on the CPU.
        """
        _check_tile(tile)
        height, width = flow01.shape[2:]
        if height % 8 or width % 8:
            raise ValueError(f"the flow VAE needs sides that are multiples of 8: {width}x{height}")
        parts = []
        for part in _chunks(flow01, on_step):
            pixels = part.movedim(1, -1)
            if tile:
                parts.append(self.encode_tiled(pixels, tile, tile, min(64, tile // 4)))
            else:
                parts.append(self.encode(pixels))
        return torch.cat(parts)

    def decode_flow(
        self, latents: torch.Tensor, tile: int = 0, on_step: OnStep | None = None
    ) -> torch.Tensor:
        """Latents [N, 4, h, w], not scaled -> flow01 [N, 2, 8 h, 8 w], not clamped, on the CPU."""
        _check_tile(tile)
        parts = []
        for part in _chunks(latents, on_step):
            if tile:
                side = tile // 8
                decoded = self.decode_tiled(part, side, side, min(8, side // 4))
            else:
                decoded = self.decode(part)
            parts.append(decoded.movedim(-1, 1))
        return torch.cat(parts)

    def preview_projection(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The best linear guess of displacements from latents, [2, 4] and [2], for previews."""
        if self._projection is None:
            grid = torch.linspace(-1, 1, 64)
            generator = torch.Generator().manual_seed(0)
            slopes = torch.rand(12, 2, 2, generator=generator) - 0.5
            offsets = torch.rand(12, 2, generator=generator) - 0.5
            flow = (
                offsets[:, :, None, None]
                + slopes[:, :, :1, None] * grid
                + slopes[:, :, 1:, None] * grid[:, None]
            )
            latents = rearrange(self.encode_flow((flow / 2 + 1) / 2), "n c h w -> (n h w) c")
            means = torch.nn.functional.avg_pool2d(flow, 8)
            target = rearrange(means, "n xy h w -> (n h w) xy")
            known = torch.cat([latents.cpu(), torch.ones(len(latents), 1)], dim=1).cpu().double()
            # Ridge: with untrained weights the latents may say nothing of the field.
            ridge = 1e-3 * torch.eye(5, dtype=torch.float64) * len(latents)
            fitted = torch.linalg.solve(
                known.T @ known + ridge, known.T @ target.cpu().double()
            ).float()
            self._projection = fitted[:4].T.contiguous(), fitted[4].contiguous()
        return self._projection

    def decode_tiled_(
        self, samples: torch.Tensor, tile_x: int = 64, tile_y: int = 64, overlap: int = 16
    ) -> torch.Tensor:
        """As the core's, which takes three channels for granted."""
        sides = [
            (tile_x, tile_y),
            (max(8, tile_x // 2), tile_y * 2),
            (tile_x * 2, max(8, tile_y // 2)),
        ]
        steps = samples.shape[0] * sum(
            comfy.utils.get_tiled_scale_steps(samples.shape[3], samples.shape[2], x, y, overlap)
            for x, y in sides
        )
        bar = comfy.utils.ProgressBar(steps)

        def decode(part: torch.Tensor) -> torch.Tensor:
            return self.first_stage_model.decode(part.to(self.device, self.vae_dtype)).float()

        passes = [
            comfy.utils.tiled_scale(
                samples,
                decode,
                x,
                y,
                overlap,
                upscale_amount=self.upscale_ratio,
                out_channels=self.output_channels,
                output_device=self.output_device,
                pbar=bar,
            )
            for x, y in sides
        ]
        return self.process_output(sum(passes) / len(passes))


def _check_tile(tile: int) -> None:
    if tile and (tile < MIN_TILE or tile % 8):
        raise ValueError(
            f"tile_size {tile} cannot be used: give at least {MIN_TILE} pixels, a multiple of 8, "
            "or 0 for whole frames"
        )


def _chunks(frames: torch.Tensor, on_step: OnStep | None) -> Iterator[torch.Tensor]:
    """A few frames at a time; tells of progress after each part, and stops on an interrupt."""
    if frames.shape[0] < 1:
        raise ValueError("there are no frames to encode or decode")
    for start in range(0, frames.shape[0], CHUNK):
        comfy.model_management.throw_exception_if_processing_interrupted()
        yield frames[start : start + CHUNK]
        if on_step is not None:
            on_step(min(start + CHUNK, frames.shape[0]), frames.shape[0])
