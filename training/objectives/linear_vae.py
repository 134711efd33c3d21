"""Autoencoders whose encoder is linear: the best four components of a block of 8 x 8 pixels.

Such an encoder needs no training and never moves, so decoders and both stages can train beside one
another. `construct_encoder` writes it as the weights of SD's encoder, which every loader takes.

Notation: C channels, blocks [N, C, 8, 8] of what enters the encoder (pictures in -1..1, fields as
flow01 in 0..1), z = scales * components (block - mean), the latent before the factor 0.18215.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional

from ...models.files.layout import entries
from ...models.files.network_shapes import VAEShape

BLOCK = 8
LATENT = 4
FACTOR = 0.18215
"""Of latents, before they are noised."""
GROUPS = 32
EPS = 1e-6
"""Of SD's group norms."""
SHRINK = 2.0**-8
"""Of each of three convolutions: see `construct_encoder`."""
GAIN = 2.0**14
LEAST_FLOW_SCALE = 0.25


@dataclass(frozen=True)
class Pca:
    """A linear code of blocks.

    Args:
        mean: [C], subtracted from every pixel.
        components: [4, C * 64], orthonormal rows, in the order of a block's memory.
        scales: [4], of the components in z.
    """

    mean: Tensor
    components: Tensor
    scales: Tensor

    @property
    def channels(self) -> int:
        return self.mean.numel()

    @property
    def kernel(self) -> Tensor:
        """[4, C, 8, 8], what a block is multiplied by to give z."""
        return (self.scales[:, None] * self.components).unflatten(1, (-1, BLOCK, BLOCK))


def blocks_of(x: Tensor) -> Tensor:
    """Cuts pictures [N, C, H, W], with sides that are multiples of 8, into blocks [M, C, 8, 8]."""
    return rearrange(x, "n c (h y) (w x) -> (n h w) c y x", y=BLOCK, x=BLOCK)


def fit_pca(blocks: Tensor, kind: str) -> Pca:
    """Fits the code to blocks [N, C, 8, 8] of a kind, "image_vae" or "flow_vae".

    Latents are 0.18215 z: their mean square is 1 over all channels, and the standard deviation of
    each grows with the square root of its component's, which lies between diffusion that sees the
    details (all alike) and codes that keep them in proportion. A field at rest has the latent 0.

    Raises:
        ValueError: for fewer blocks than a block has numbers, or blocks that do not vary.
    """
    count, channels = blocks.shape[:2]
    if count < channels * BLOCK**2:
        raise ValueError(f"{count} blocks are too few: give at least {channels * BLOCK**2}")
    x = blocks.double()
    # A mean per channel, rounded to what float16 holds, so that the file subtracts this very mean.
    still = kind == "flow_vae"
    mean = torch.full((channels,), 0.5) if still else x.mean((0, 2, 3)).half().float()
    x = (x - mean[:, None, None]).flatten(1)
    variances, vectors = torch.linalg.eigh(x.T @ x / count)
    natural = variances[-LATENT:].flip(0).clamp_min(0).sqrt()
    if not natural[-1] > 0:
        raise ValueError("the blocks vary too little for four components")
    components = vectors[:, -LATENT:].flip(1).T
    largest = components.gather(1, components.abs().argmax(1, keepdim=True))
    components = components * largest.sign()
    wanted = natural.sqrt()
    if still:
        wanted = wanted.clamp_min(LEAST_FLOW_SCALE * wanted.max())
    wanted = wanted / wanted.square().mean().sqrt()
    scales = wanted / natural / FACTOR
    return Pca(mean, components.float().contiguous(), scales.float())


def encode_linear(pca: Pca, x: Tensor) -> Tensor:
    """What the constructed encoder gives: [N, C, H, W] -> z [N, 4, H / 8, W / 8], in float32."""
    with torch.autocast(x.device.type, enabled=False):
        centred = x.float() - pca.mean.to(x.device)[:, None, None]
        return functional.conv2d(centred, pca.kernel.to(x.device), stride=BLOCK)


def decode_linear(pca: Pca, z: Tensor) -> Tensor:
    """The least-squares inverse: z [N, 4, h, w] -> [N, C, 8 h, 8 w]."""
    inverse = (pca.components / pca.scales[:, None]).unflatten(1, (-1, BLOCK, BLOCK))
    blocks = functional.conv_transpose2d(z.float(), inverse.to(z.device), stride=BLOCK)
    return blocks + pca.mean.to(z.device)[:, None, None]


def construct_encoder(pca: Pca, widths: tuple[int, ...]) -> dict[str, Tensor]:
    """The code as weights of SD's encoder and quant_conv, under their released names.

    - Resnets and the attention add nothing (their last layers are 0), so that the picture goes
      straight through; three strided convolutions move 2 x 2 pixels into channels each, C -> 4 C ->
      16 C, and the third multiplies by the components.
    - The last group norm would divide by the picture's contrast and take its mean away. A group
      holds c and -c, which have no mean, and both are so small, 2^-24 of z, that of
      1 / sqrt(var + eps) only the eps remains: the norm is a constant factor of 1000, to 1e-4 for
      latents up to 200. All factors are powers of two that float16 holds; float16 as the type of
      the computation would not hold the products.
    - silu(x) - silu(-x) = x, in the last convolution.
    - The log variance is -30, the least that there is: samples are means.

    Raises:
        ValueError: for widths that cannot carry the channels.
    """
    channels = pca.channels
    least = (4 * channels, 16 * channels, 16 * channels, GROUPS * 2)
    if len(widths) != len(least) or any(w < n for w, n in zip(widths, least, strict=True)):
        raise ValueError(f"the widths {widths} must be at least {least}")
    tensors = {
        entry.name: torch.zeros(entry.shape)
        for entry in entries(VAEShape(widths, channels))
        if entry.name.startswith(("encoder.", "quant_conv."))
    }
    for name, tensor in tensors.items():
        if "norm" in name and name.endswith(".weight"):
            tensor.fill_(1)
        elif name.endswith("conv_shortcut.weight"):
            tensor.copy_(torch.eye(*tensor.shape[:2])[:, :, None, None])
    first = torch.arange(channels)
    tensors["encoder.conv_in.weight"][first, first, 1, 1] = SHRINK
    tensors["encoder.conv_in.bias"][first] = -SHRINK * pca.mean
    for level, carried in enumerate((channels, 4 * channels)):
        _to_channels(tensors[_strided(level)], carried)
    _project(tensors[_strided(2)], pca, widths[-1] // GROUPS)
    _undo_norm(tensors, widths[-1] // GROUPS)
    return tensors


def linear_part(tensors: dict[str, Tensor]) -> Pca:
    """Reads the code back from a constructed encoder, with the rounding of its file.

    Its components are of length 1 still, but no longer exactly orthogonal.
    """
    first = tensors["encoder.conv_in.weight"].float()
    channels = first.shape[1]
    for level in (0, 1):
        expected = torch.zeros_like(tensors[_strided(level)], dtype=torch.float32)
        _to_channels(expected, channels * 4**level)
        if not torch.equal(expected, tensors[_strided(level)].float()):
            raise ValueError("this autoencoder's encoder is not a linear code: use the whole of it")
    mean = -tensors["encoder.conv_in.bias"].float()[:channels] / SHRINK
    group = tensors["encoder.conv_norm_out.weight"].numel() // GROUPS
    rows = tensors[_strided(2)].float()[: LATENT * group : group, : 16 * channels, :2, :2]
    kernel = rearrange(rows, _LAST + " -> k (c y2 y1 y0 x2 x1 x0)", **_TWOS) / _last_factor()
    scales = kernel.norm(dim=1)
    return Pca(mean, kernel / scales[:, None], scales)


_LAST = "k (c y0 x0 y1 x1) y2 x2"
_TWOS = dict.fromkeys(("y0", "x0", "y1", "x1"), 2)


def _strided(level: int) -> str:
    return f"encoder.down_blocks.{level}.downsamplers.0.conv.weight"


def _to_channels(weight: Tensor, carried: int) -> None:
    """2 x 2 pixels of `carried` channels each: the taps 0 and 1, the host pads at the far end."""
    for i in range(carried):
        for y in (0, 1):
            for x in (0, 1):
                weight[4 * i + 2 * y + x, i, y, x] = SHRINK


def _last_factor() -> float:
    """Of the third convolution: with the group norm and its GAIN, all factors make 1."""
    return EPS**0.5 / GAIN / SHRINK**3


def _project(weight: Tensor, pca: Pca, group: int) -> None:
    kernel = rearrange(pca.kernel, "k c (y2 y1 y0) (x2 x1 x0) -> " + _LAST, y2=2, x2=2, **_TWOS)
    for i in range(LATENT):
        for sign in (1, -1):
            row = weight[group * i + (sign < 0)]
            row[: kernel.shape[1], :2, :2] = sign * _last_factor() * kernel[i]


def _undo_norm(tensors: dict[str, Tensor], group: int) -> None:
    plus = torch.arange(LATENT) * group
    tensors["encoder.conv_norm_out.weight"].zero_()
    for sign, channel in ((1, plus), (-1, plus + 1)):
        tensors["encoder.conv_norm_out.weight"][channel] = GAIN
        tensors["encoder.conv_out.weight"][torch.arange(LATENT), channel, 1, 1] = sign
    tensors["encoder.conv_out.bias"][LATENT:] = -30
    tensors["quant_conv.weight"][:, :, 0, 0] = torch.eye(2 * LATENT)
