"""The halves of SD's autoencoder in training: where a decoder begins, and what is kept exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .soft_norms import EPS, FINEST, STREAM


@dataclass(frozen=True)
class Values:
    """How a decoder's last convolution is trained: it gives (pixels - middle) / unit.

    Adam moves all weights at one pace. What may only change a little is written in large numbers:
    features are about LARGE times a unit normal, and the last convolution makes that much of them.
    """

    middle: float = 0.0
    unit: float = 1.0


LARGE = 16
VALUES = {"image_vae": Values(0.0, 2.0**-2 / LARGE**2), "flow_vae": Values(0.5, 2.0**-5 / LARGE**2)}


def start_decoder(decoder: Any, values: Values, means: Tensor | None = None) -> None:
    """Begins with blocks of one colour, or one displacement: resnets add nothing yet.

    With soft norms, all of it is nearly linear: features come in pairs h, -h that share a group, so
    that a norm takes no mean away, and silu(h) - silu(-h) = h in the last convolution.

    Args:
        means: [C, 5], a block's mean by channel, in units, from its latents and 1; none: any.
    """
    for name, module in decoder.named_modules():
        if name.endswith((".conv2", ".proj_out")):
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)
        elif name.endswith(("upsample.conv", "nin_shortcut")):
            nn.init.dirac_(module.weight)
            nn.init.zeros_(module.bias)
        elif name.startswith("up.0.") and name.endswith("norm1"):
            nn.init.constant_(module.weight, STREAM / FINEST)
    nn.init.constant_(decoder.norm_out.weight, EPS**0.5 / FINEST)
    nn.init.zeros_(decoder.conv_in.bias)
    nn.init.zeros_(decoder.conv_out.bias)
    # In float16, 0.5 and a little would be rounded to a shift of the whole field.
    decoder.conv_out.bias.requires_grad_(not values.middle)
    if means is not None:
        _pass_means(decoder, means)


@torch.no_grad()
def _pass_means(decoder: Any, means: Tensor) -> None:
    first, last = decoder.conv_in.weight, decoder.conv_out.weight
    channels = torch.arange(len(means))
    first[0 : 2 * len(means) : 2] = 0
    first[2 * channels, :, 1, 1] = means[:, :4] / LARGE**2
    first.mul_(LARGE)
    first[1::2] = -first[0::2]
    decoder.conv_out.bias.copy_(means[:, 4])
    last.zero_()
    last[channels, 2 * channels, 1, 1] = LARGE
    last[channels, 2 * channels + 1, 1, 1] = -LARGE


def decode(decoder: Any, z: Tensor, values: Values) -> Tensor:
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
        out = decoder.conv_out(functional.silu(decoder.norm_out(h.float())))
        return values.middle + values.unit * out


def moments(net: Any, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """The posterior's mean and log variance, with the first convolution in float32."""
    encoder = net.encoder
    with torch.autocast(pixels.device.type, enabled=False):
        h = encoder.conv_in(pixels)
    for level in encoder.down:
        for block in level.block:
            h = block(h)
        if hasattr(level, "downsample"):
            h = level.downsample(h)
    middle = encoder.mid
    h = encoder.norm_out(middle.block_2(middle.attn_1(middle.block_1(h))))
    mean, logvar = net.quant_conv(encoder.conv_out(functional.silu(h))).float().chunk(2, dim=1)
    return mean, logvar.clamp(-30, 20)


LAST_WEIGHT, LAST_BIAS = "decoder.conv_out.weight", "decoder.conv_out.bias"


def with_values(state: dict[str, Tensor], values: Values) -> dict[str, Tensor]:
    """A state (host names) whose last convolution gives pixels themselves."""
    bias = state[LAST_BIAS] * values.unit + values.middle
    return {**state, LAST_WEIGHT: state[LAST_WEIGHT] * values.unit, LAST_BIAS: bias}


def without_values(state: dict[str, Tensor], values: Values) -> dict[str, Tensor]:
    """The reverse of `with_values`."""
    bias = (state[LAST_BIAS] - values.middle) / values.unit
    return {**state, LAST_WEIGHT: state[LAST_WEIGHT] / values.unit, LAST_BIAS: bias}
