"""Every tensor of the released checkpoints: its released name, the host's name, its shape.

The topology is Stable Diffusion 1.5's (four levels, two resnets each, attention on the first
three); the widths are read off a file, so that narrow networks work like wide ones. The released
names are those of diffusers 0.11, the host's those of ComfyUI.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .network_shapes import NetworkShape, UNetShape, VAEShape

LEVELS = 4
RESNETS = 2
HINT_CHANNELS = 5


@dataclass(frozen=True)
class Entry:
    """One tensor: its released name, the host's name for it, and its shape as released."""

    name: str
    host: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Site:
    """A place in the UNet that a temporal transformer follows.

    Args:
        name: the released prefix, such as `down_blocks.0.motion_modules.0`.
        block: "input", "middle" or "output", and the number of the host's block.
        layer: which layer of that block the temporal transformer comes after.
        channels: width of the features there.
    """

    name: str
    block: tuple[str, int]
    layer: int
    channels: int


def sites(widths: tuple[int, ...], decoder: bool = True) -> list[Site]:
    """The 21 places of temporal layers in a UNet (9 in its encoder and middle block)."""
    found = []
    for level in range(LEVELS):
        for i in range(RESNETS):
            block = ("input", 1 + (RESNETS + 1) * level + i)
            name = f"down_blocks.{level}.motion_modules.{i}"
            found.append(Site(name, block, int(_attends(level)), widths[level]))
    found.append(Site("mid_block.motion_modules.0", ("middle", 0), 1, widths[-1]))
    if decoder:
        for up in range(LEVELS):
            level = LEVELS - 1 - up
            for i in range(RESNETS + 1):
                name = f"up_blocks.{up}.motion_modules.{i}"
                block = ("output", (RESNETS + 1) * up + i)
                found.append(Site(name, block, int(_attends(level)), widths[level]))
    return found


def entries(shape: NetworkShape) -> list[Entry]:
    """Every tensor of a network."""
    if isinstance(shape, VAEShape):
        return list(_autoencoder(shape))
    return list(_temporal_layers(shape) if shape.kind == "motion_modules" else _unet(shape))


def _unet(shape: UNetShape) -> Iterator[Entry]:
    yield from _encoder(shape)
    yield from _decoder(shape) if shape.decoder else _control(shape)
    if shape.temporal:
        yield from _temporal_layers(shape)


def _control(shape: UNetShape) -> Iterator[Entry]:
    """A ControlNet's own: hint convolutions, 1x1 convolutions."""
    hint = "controlnet_cond_embedding.layers."
    first = shape.widths[0]
    yield from _affine(hint + "0", "input_hint_block.0", (512, HINT_CHANNELS, 1, 3, 3))
    yield from _affine(hint + "2", "input_hint_block.2", (first, 512, 1, 3, 3))
    for i, channels in enumerate(_skips(shape.widths)):
        yield from _affine(
            f"controlnet_down_blocks.{i}", f"zero_convs.{i}.0", (channels, channels, 1, 1)
        )
    last = shape.widths[-1]
    yield from _affine("controlnet_mid_block", "middle_block_out.0", (last, last, 1, 1))


def _temporal_layers(shape: UNetShape) -> Iterator[Entry]:
    """The temporal transformers; the host's names are `motion_modules.<number of the site>`."""
    for number, site in enumerate(sites(shape.widths, shape.decoder)):
        for entry in _temporal(site.channels):
            yield Entry(
                f"{site.name}.temporal_transformer.{entry.name}",
                f"motion_modules.{number}.{entry.host}",
                entry.shape,
            )


def _autoencoder(shape: VAEShape) -> Iterator[Entry]:
    """SD's AutoencoderKL, with four latent channels."""
    widths, channels = shape.widths, shape.channels
    yield from _affine("encoder.conv_in", "encoder.conv_in", (widths[0], channels, 3, 3))
    before = widths[0]
    for level, width in enumerate(widths):
        for i in range(RESNETS):
            yield from _resnet(
                f"encoder.down_blocks.{level}.resnets.{i}",
                f"encoder.down.{level}.block.{i}",
                before,
                width,
            )
            before = width
        if level < LEVELS - 1:
            yield from _affine(
                f"encoder.down_blocks.{level}.downsamplers.0.conv",
                f"encoder.down.{level}.downsample.conv",
                (width, width, 3, 3),
            )
    yield from _vae_middle("encoder", widths[-1])
    yield from _norm("encoder.conv_norm_out", "encoder.norm_out", widths[-1])
    yield from _affine("encoder.conv_out", "encoder.conv_out", (8, widths[-1], 3, 3))

    yield from _affine("decoder.conv_in", "decoder.conv_in", (widths[-1], 4, 3, 3))
    yield from _vae_middle("decoder", widths[-1])
    before = widths[-1]
    for up in range(LEVELS):
        level = LEVELS - 1 - up
        for i in range(RESNETS + 1):
            yield from _resnet(
                f"decoder.up_blocks.{up}.resnets.{i}",
                f"decoder.up.{level}.block.{i}",
                before,
                widths[level],
            )
            before = widths[level]
        if level:
            yield from _affine(
                f"decoder.up_blocks.{up}.upsamplers.0.conv",
                f"decoder.up.{level}.upsample.conv",
                (before, before, 3, 3),
            )
    yield from _norm("decoder.conv_norm_out", "decoder.norm_out", widths[0])
    yield from _affine("decoder.conv_out", "decoder.conv_out", (channels, widths[0], 3, 3))
    yield from _affine("quant_conv", "quant_conv", (8, 8, 1, 1))
    yield from _affine("post_quant_conv", "post_quant_conv", (4, 4, 1, 1))


def _attends(level: int) -> bool:
    return level < LEVELS - 1


def _skips(widths: tuple[int, ...]) -> list[int]:
    """Channels of the encoder's outputs, in order: conv_in, then each level's."""
    channels = [widths[0]]
    for level, width in enumerate(widths):
        channels += [width] * (RESNETS + (level < LEVELS - 1))
    return channels


def _affine(name: str, host: str, weight: tuple[int, ...], bias: bool = True) -> Iterator[Entry]:
    yield Entry(f"{name}.weight", f"{host}.weight", weight)
    if bias:
        yield Entry(f"{name}.bias", f"{host}.bias", weight[:1])


def _norm(name: str, host: str, channels: int) -> Iterator[Entry]:
    yield from _affine(name, host, (channels,))


def _mlp(name: str, host: str, width: int) -> Iterator[Entry]:
    yield from _affine(f"{name}.linear_1", f"{host}.0", (4 * width, width))
    yield from _affine(f"{name}.linear_2", f"{host}.2", (4 * width, 4 * width))


def _encoder(shape: UNetShape) -> Iterator[Entry]:
    """Input convolution, embeddings, encoder and middle block."""
    widths, first = shape.widths, shape.widths[0]
    yield from _affine("conv_in", "input_blocks.0.0", (first, shape.in_channels, 3, 3))
    yield from _mlp("time_embedding", "time_embed", first)
    if shape.stage1:
        yield from _mlp("stride_embedding", "label_emb.0", first)
    before = first
    for level, width in enumerate(widths):
        for i in range(RESNETS):
            block = f"input_blocks.{1 + (RESNETS + 1) * level + i}"
            yield from _unet_resnet(
                f"down_blocks.{level}.resnets.{i}", f"{block}.0", before, width, first
            )
            before = width
            if _attends(level):
                yield from _attention(
                    f"down_blocks.{level}.attentions.{i}", f"{block}.1", width, shape.context
                )
        if level < LEVELS - 1:
            yield from _affine(
                f"down_blocks.{level}.downsamplers.0.conv",
                f"input_blocks.{(RESNETS + 1) * (level + 1)}.0.op",
                (width, width, 3, 3),
            )
    for i in range(2):
        yield from _unet_resnet(
            f"mid_block.resnets.{i}", f"middle_block.{2 * i}", before, before, first
        )
    yield from _attention("mid_block.attentions.0", "middle_block.1", before, shape.context)


def _decoder(shape: UNetShape) -> Iterator[Entry]:
    """Decoder and output convolution."""
    widths, first = shape.widths, shape.widths[0]
    skips = _skips(widths)
    before = widths[-1]
    for up in range(LEVELS):
        level = LEVELS - 1 - up
        width = widths[level]
        for i in range(RESNETS + 1):
            block = f"output_blocks.{(RESNETS + 1) * up + i}"
            yield from _unet_resnet(
                f"up_blocks.{up}.resnets.{i}", f"{block}.0", before + skips.pop(), width, first
            )
            before = width
            if _attends(level):
                yield from _attention(
                    f"up_blocks.{up}.attentions.{i}", f"{block}.1", width, shape.context
                )
        if level:
            yield from _affine(
                f"up_blocks.{up}.upsamplers.0.conv",
                f"{block}.{1 + _attends(level)}.conv",
                (width, width, 3, 3),
            )
    yield from _norm("conv_norm_out", "out.0", first)
    yield from _affine("conv_out", "out.2", (4, first, 3, 3))


def _unet_resnet(name: str, host: str, before: int, width: int, first: int) -> Iterator[Entry]:
    yield from _norm(f"{name}.norm1", f"{host}.in_layers.0", before)
    yield from _affine(f"{name}.conv1", f"{host}.in_layers.2", (width, before, 3, 3))
    yield from _affine(f"{name}.time_emb_proj", f"{host}.emb_layers.1", (width, 4 * first))
    yield from _norm(f"{name}.norm2", f"{host}.out_layers.0", width)
    yield from _affine(f"{name}.conv2", f"{host}.out_layers.3", (width, width, 3, 3))
    if before != width:
        yield from _affine(
            f"{name}.conv_shortcut", f"{host}.skip_connection", (width, before, 1, 1)
        )


def _attention(name: str, host: str, width: int, context: int | None) -> Iterator[Entry]:
    yield from _norm(f"{name}.norm", f"{host}.norm", width)
    yield from _affine(f"{name}.proj_in", f"{host}.proj_in", (width, width, 1, 1))
    block, host_block = f"{name}.transformer_blocks.0", f"{host}.transformer_blocks.0"
    for attention, source in (("attn1", width), ("attn2", context or 768)):
        yield from _projections(f"{block}.{attention}", f"{host_block}.{attention}", width, source)
    yield from _feed_forward(f"{block}.ff", f"{host_block}.ff", width)
    for i in (1, 2, 3):
        yield from _norm(f"{block}.norm{i}", f"{host_block}.norm{i}", width)
    yield from _affine(f"{name}.proj_out", f"{host}.proj_out", (width, width, 1, 1))


def _projections(name: str, host: str, width: int, source: int) -> Iterator[Entry]:
    for letter, inner in (("q", width), ("k", source), ("v", source)):
        yield from _affine(f"{name}.to_{letter}", f"{host}.to_{letter}", (width, inner), bias=False)
    yield from _affine(f"{name}.to_out.0", f"{host}.to_out.0", (width, width))


def _feed_forward(name: str, host: str, width: int) -> Iterator[Entry]:
    yield from _affine(f"{name}.net.0.proj", f"{host}.net.0.proj", (8 * width, width))
    yield from _affine(f"{name}.net.2", f"{host}.net.2", (width, 4 * width))


def _temporal(width: int) -> Iterator[Entry]:
    """One temporal transformer; `models.networks.temporal` uses the released names."""
    yield from _norm("norm", "norm", width)
    yield from _affine("proj_in", "proj_in", (width, width))
    block = "transformer_blocks.0"
    for i in (0, 1):
        attention = f"{block}.attention_blocks.{i}"
        yield from _projections(attention, attention, width, width)
        yield from _norm(f"{block}.norms.{i}", f"{block}.norms.{i}", width)
    yield from _feed_forward(f"{block}.ff", f"{block}.ff", width)
    yield from _norm(f"{block}.ff_norm", f"{block}.ff_norm", width)
    yield from _affine("proj_out", "proj_out", (width, width))


def _resnet(name: str, host: str, before: int, width: int) -> Iterator[Entry]:
    yield from _norm(f"{name}.norm1", f"{host}.norm1", before)
    yield from _affine(f"{name}.conv1", f"{host}.conv1", (width, before, 3, 3))
    yield from _norm(f"{name}.norm2", f"{host}.norm2", width)
    yield from _affine(f"{name}.conv2", f"{host}.conv2", (width, width, 3, 3))
    if before != width:
        yield from _affine(f"{name}.conv_shortcut", f"{host}.nin_shortcut", (width, before, 1, 1))


def _vae_middle(side: str, width: int) -> Iterator[Entry]:
    for i in (0, 1):
        yield from _resnet(
            f"{side}.mid_block.resnets.{i}", f"{side}.mid.block_{i + 1}", width, width
        )
    attention, host = f"{side}.mid_block.attentions.0", f"{side}.mid.attn_1"
    yield from _norm(f"{attention}.group_norm", f"{host}.norm", width)
    for name, letter in (("to_q", "q"), ("to_k", "k"), ("to_v", "v"), ("to_out.0", "proj_out")):
        yield from _affine(f"{attention}.{name}", f"{host}.{letter}", (width, width))
