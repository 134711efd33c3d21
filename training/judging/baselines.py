"""What can be had without a learned network: the fields and videos that ours must beat.

Those that paint do it through a VAE, as stage 2 does: an object with the host's
`encode([B, H, W, 3] in 0..1) -> [B, 4, h, w]` and `decode`, its inverse.
"""

from __future__ import annotations

from typing import Protocol

import torch
from einops import rearrange
from torch import Tensor

from ...models.host.reference import CELL, decode_pictures
from ...models.networks.splat import splat_average
from ...models.picture.warp import warp_picture
from ...models.types.motion_field import MotionField
from ...models.types.tracks import Tracks


class Codec(Protocol):
    """Pictures to latents and back, such as the host's VAE."""

    def encode(self, pictures: Tensor) -> Tensor: ...

    def decode(self, latents: Tensor) -> Tensor: ...


class BlockCodec:
    """The best linear codec of 8 x 8 blocks: their mean and first principal components.

    Without any training, this is what a VAE of the same shape has to beat. It takes pictures
    [B, H, W, 3] as a VAE does, and as well fields in the networks' range, [B, H, W, 2].

    Args:
        samples: [B, H, W, C] that the components are those of, H and W multiples of 8.
        components: numbers kept of each block.
    """

    def __init__(self, samples: Tensor, components: int = 4) -> None:
        blocks = self._blocks(samples).flatten(0, 2).double()
        self.middle = blocks.mean(0)
        centred = blocks - self.middle
        _, vectors = torch.linalg.eigh(centred.T @ centred)
        self.basis = vectors[:, -components:].flip(1)

    def encode(self, pictures: Tensor) -> Tensor:
        """[B, H, W, C] -> [B, components, H / 8, W / 8]."""
        blocks = self._blocks(pictures).double()
        return ((blocks - self.middle) @ self.basis).movedim(-1, 1).float()

    def decode(self, latents: Tensor) -> Tensor:
        """[B, components, h, w] -> [B, 8 h, 8 w, C]."""
        blocks = latents.double().movedim(1, -1) @ self.basis.T + self.middle
        cells = "b h w (y x c) -> b (h y) (w x) c"
        return rearrange(blocks, cells, y=CELL, x=CELL).float()

    def _blocks(self, pictures: Tensor) -> Tensor:
        """[B, H, W, C] -> [B, h, w, 64 C]."""
        return rearrange(pictures, "b (h y) (w x) c -> b h w (y x c)", y=CELL, x=CELL)


def inverse_distance(tracks: Tracks, power: float = 2.0) -> MotionField:
    """Shepard's interpolation: every pixel takes the mean of the drawn displacements, weighted by
    distance^-power from their starts; at a start exactly the drawn one."""
    width, height = tracks.size
    row, column = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    pixels = torch.stack([column, row], dim=-1).view(-1, 2).double()
    distance = torch.cdist(pixels, tracks.points[0].double()).clamp(min=1e-4)
    weight = distance**-power
    weight = weight / weight.sum(1, keepdim=True)
    moved = (tracks.points - tracks.points[:1]).double()
    flow = torch.einsum("kp,fpc->fck", weight, moved)
    return MotionField(flow.view(tracks.frames, 2, height, width).float())


def through(codec: Codec, frames: Tensor) -> Tensor:
    """Frames [F, 3, H, W] encoded and decoded: the ceiling of all that goes through the codec."""
    return decoded(codec, codec.encode(frames.movedim(1, -1)))


def decoded(codec: Codec, latents: Tensor) -> Tensor:
    """Latents [F, 4, h, w] as frames [F, 3, H, W] in 0..1."""
    return decode_pictures(codec, latents).movedim(-1, 1).float().clamp(0, 1)


def repeated(codec: Codec, picture: Tensor, frames: int) -> Tensor:
    """A picture [3, H, W] through the codec, as a video that stands still: [F, 3, H, W]."""
    return through(codec, picture[None]).expand(frames, -1, -1, -1)


def splatted(codec: Codec, picture: Tensor, field: MotionField) -> Tensor:
    """The picture's latent, average-splatted along the field, decoded: what stage 2 is given.

    Where nothing lands the latent of the picture stays, which is kinder than a latent of zeros.

    Args:
        picture: [3, H, W].
        field: over it.

    Returns:
        [F, 3, H, W]
    """
    latent = codec.encode(picture.movedim(0, -1)[None]).float()
    flow = field.resized((latent.shape[3], latent.shape[2])).flow
    reached = splat_average(torch.ones_like(latent[0, :1]), flow) > 0.5
    moved = torch.where(reached, splat_average(latent[0], flow), latent)
    return decoded(codec, moved)


def warped(codec: Codec, picture: Tensor, field: MotionField) -> Tensor:
    """The picture [3, H, W] warped at full size, its holes filled, then through the codec."""
    frames, _ = warp_picture(picture.movedim(0, -1), field)
    return through(codec, frames.movedim(-1, 1))
