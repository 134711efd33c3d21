"""Training autoencoders: a decoder for a linear encoder, or both halves with the KL divergence.

What comes in are `pixels` [B, C, H, W] as they enter the encoder: pictures in -1..1, fields as
flow01 in 0..1.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..models.motion_field import encode
from . import networks
from .data import Batch, MakeBatch
from .linear_vae import FACTOR, Pca, construct_encoder, encode_linear
from .photographs import Photographs
from .scene_batches import SIZES, RandomTimes, make_clips, random_crops
from .scenes import USUAL, SceneOptions

CHANNELS = {"image_vae": 3, "flow_vae": 2}
STREAM = 2.0**-10
INNER = 2.0**-7
EPS = 1e-6


def soften(network: nn.Module) -> None:
    """Lets group norms pass on how large a picture without contrast is; `hardened` undoes it.

    SD's norms divide by the root of (variance + 1e-6). At two channels a group, all that is left
    of a still field or a grey picture is a sign. As GroupNorm(s x; eps) = GroupNorm(x; eps / s^2),
    a network whose features are small keeps more: it is trained with a larger eps, and its file
    has the weights that make the features smaller instead.
    """
    for name, module in network.named_modules():
        if isinstance(module, nn.GroupNorm):
            module.eps = EPS / (INNER if name.endswith("norm2") else STREAM) ** 2


def hardened(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state (host names) of a network with soft norms as that of one with SD's."""
    return {name: tensor * _shrink(name) for name, tensor in state.items()}


def softened(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The reverse of `hardened`."""
    return {name: tensor / _shrink(name) for name, tensor in state.items()}


def _shrink(name: str) -> float:
    """Of a tensor: of what is written into the stream of features, or between a resnet's norms.

    Convolutions that only pass the stream on are linear: of theirs, the biases.
    """
    layer, _, part = name.rpartition(".")
    if layer.endswith(".conv1"):
        return INNER
    if layer.endswith((".conv2", ".proj_out")) or name.startswith(("conv_in.", "decoder.conv_in.")):
        return STREAM
    passes = layer.endswith(("sample.conv", ".nin_shortcut"))
    return STREAM if passes and part == "bias" else 1.0


def start_decoder(decoder: nn.Module, middle: float) -> None:
    """Begins with a plain interpolation: blocks add nothing, upsampling blurs.

    Args:
        middle: of the values to decode, 0 for pictures and 0.5 for fields.
    """
    blur = torch.tensor([0.25, 0.5, 0.25])
    for name, module in decoder.named_modules():
        if name.endswith((".conv2", ".proj_out")):
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)
        elif name.endswith("upsample.conv"):
            nn.init.zeros_(module.bias)
            with torch.no_grad():
                channels = torch.arange(module.weight.shape[0])
                module.weight.mul_(0.1)
                module.weight[channels, channels] += blur[:, None] * blur
    nn.init.constant_(decoder.conv_out.bias, middle)


def decode(decoder: nn.Module, z: Tensor) -> Tensor:
    """The host's decoder with its first and last convolution in float32 whatever the autocast.

    In bfloat16 a value near 0.5 is rounded to a pixel or so of displacement.
    """
    with torch.autocast(z.device.type, enabled=False):
        h = decoder.conv_in(z.float())
    middle = decoder.mid
    h = middle.block_2(middle.attn_1(middle.block_1(h)))
    for level in reversed(decoder.up):
        for block in level.block:
            h = block(h)
        if hasattr(level, "upsample"):
            h = level.upsample(h)
    with torch.autocast(z.device.type, enabled=False):
        return decoder.conv_out(functional.silu(decoder.norm_out(h.float())))


def reconstruction(kind: str, out: Tensor, pixels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """What a decoding is worth: its loss, and PSNR or end-point error to log.

    Pictures: the mean square, which PSNR is made of, and a little of the absolute error. Fields:
    the absolute error in hundredths of the picture's sides, and more of the largest errors.
    """
    error = out - pixels
    if kind == "image_vae":
        square = error.square().mean()
        # Peak to peak of -1..1 is 2.
        psnr = 10 * torch.log10(4 / error.clamp(-2, 2).detach().square().mean())
        return square + 0.05 * error.abs().mean(), {"psnr": psnr}
    height, width = pixels.shape[-2:]
    shift = 2 * error
    hundredths = 100 * shift
    px = shift.detach() * shift.new_tensor([width, height]).view(2, 1, 1)
    loss = hundredths.abs().mean() + 0.05 * hundredths.square().mean()
    return loss, {"epe": px.norm(dim=1).mean()}


class DecoderObjective:
    """A decoder learns to undo a linear encoder, which is constructed and stays.

    Args:
        kind: "image_vae" or "flow_vae".
        widths: of the four levels.
        pca: the linear code.
        metadata: of the file, besides what is known here.
    """

    def __init__(
        self,
        kind: str,
        widths: tuple[int, ...],
        pca: Pca,
        metadata: dict[str, str] | None = None,
    ) -> None:
        self.kind, self.widths, self.pca = kind, tuple(widths), pca
        self.metadata = metadata or {}
        if pca.channels != CHANNELS[kind]:
            raise ValueError(f"{kind} has {CHANNELS[kind]} channels, the code {pca.channels}")
        self.encoder = construct_encoder(pca, self.widths)
        whole = networks.autoencoder(self.widths, CHANNELS[kind])
        self.modules: nn.Module = whole.decoder
        start_decoder(self.modules, 0.5 if kind == "flow_vae" else 0.0)
        soften(self.modules)

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, dict]:
        """The loss of a batch; nothing in it is random."""
        pixels = batch["pixels"].float()
        return reconstruction(self.kind, self.decoded(self.modules, pixels), pixels)

    def decoded(self, modules: nn.Module, pixels: Tensor) -> Tensor:
        """Pixels through the code and back."""
        return decode(modules, encode_linear(self.pca, pixels) * FACTOR)

    def files(self, modules: nn.Module) -> dict[str, tuple[dict[str, Tensor], dict[str, str]]]:
        """The autoencoder as the nodes load it."""
        state = hardened({f"decoder.{name}": t for name, t in modules.state_dict().items()})
        # Training decodes FACTOR z, the host decodes z.
        state["decoder.conv_in.weight"] = state["decoder.conv_in.weight"] * FACTOR
        state["post_quant_conv.weight"] = torch.eye(4)[:, :, None, None]
        state["post_quant_conv.bias"] = torch.zeros(4)
        table = networks.entries(self.kind, self.widths)
        half = [entry for entry in table if entry.name not in self.encoder]
        tensors = networks.released_tensors(state, self.kind, half)
        tensors = {**self.encoder, **{name: tensor.cpu() for name, tensor in tensors.items()}}
        facts = {
            "widths": list(self.widths),
            "encoder": "linear",
            "scales": self.pca.scales.tolist(),
        }
        metadata = {
            "motion_i2v.kind": self.kind,
            "motion_i2v.configuration": json.dumps(facts),
            **self.metadata,
        }
        return {f"{self.kind}.safetensors": (tensors, metadata)}


def image_batches(
    photographs: Photographs,
    seed: int,
    count: int = 8,
    sizes: Sequence[tuple[int, int]] = SIZES,
) -> MakeBatch:
    """Batches of `count` pictures, crops and frames of scenes, in sizes (W, H) taken in turn."""
    return partial(_pictures, photographs, seed, count, sizes)


def flow_batches(
    photographs: Photographs,
    seed: int,
    clips: int = 2,
    frames: int = 4,
    sizes: Sequence[tuple[int, int]] = SIZES,
    options: SceneOptions = USUAL,
) -> MakeBatch:
    """Batches of fields: `frames` random times of each of `clips` scenes, sizes taken in turn."""
    return partial(_fields, photographs, seed, clips, frames, sizes, options)


def _pictures(
    photographs: Photographs,
    seed: int,
    count: int,
    sizes: Sequence[tuple[int, int]],
    step: int,
    rank: int,
    world: int,
) -> Batch:
    size = sizes[step % len(sizes)]
    return {"pixels": random_crops(_seed(seed, step, rank), count, size, photographs) * 2 - 1}


def _fields(
    photographs: Photographs,
    seed: int,
    clips: int,
    frames: int,
    sizes: Sequence[tuple[int, int]],
    options: SceneOptions,
    step: int,
    rank: int,
    world: int,
) -> Batch:
    size = sizes[step % len(sizes)]
    times, first = RandomTimes(frames + 1), _seed(seed, step, rank)
    made = make_clips(first, range(clips), size, times, photographs, options)
    return {"pixels": encode(torch.cat([clip.flow[1:] for clip in made]))}


def _seed(seed: int, step: int, rank: int) -> int:
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1)[0])
