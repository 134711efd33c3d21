"""What distinguishes one network of a kind from another: all that it is made from."""

from __future__ import annotations

from dataclasses import dataclass

from .trained import HEADS

VAE_CHANNELS = {"flow_vae": 2, "image_vae": 3}


@dataclass(frozen=True)
class UNetShape:
    """An SD 1.5-like UNet, its ControlNet, or the temporal layers that are put into one.

    Args:
        kind: a key of `models.files.kinds.KINDS`.
        widths: channels of the four levels.
        context: width of the text embeddings; None where the file does not tell.
        heads: of the attention over pixels; the temporal layers have their own.
    """

    kind: str
    widths: tuple[int, ...]
    context: int | None = None
    heads: int = HEADS

    @property
    def stage1(self) -> bool:
        """Whether it is also given the reference's latent, and each frame's stride."""
        return self.kind.startswith("stage1")

    @property
    def in_channels(self) -> int:
        """Of the input convolution."""
        return 8 if self.stage1 else 4

    @property
    def temporal(self) -> bool:
        """Whether it has temporal layers of its own."""
        return self.kind != "sd15_unet"

    @property
    def decoder(self) -> bool:
        """Whether it decodes; a ControlNet does not."""
        return self.kind != "stage1_controlnet"


@dataclass(frozen=True)
class VAEShape:
    """SD's autoencoder: channels of its four levels, and those of what it encodes."""

    widths: tuple[int, ...]
    channels: int


NetworkShape = UNetShape | VAEShape


def shape_of(kind: str, widths: tuple[int, ...], context: int | None = None) -> NetworkShape:
    """The shape of a network of a kind, a key of `models.files.kinds.KINDS`.

    >>> shape_of("flow_vae", (128, 256, 512, 512)).channels
    2
    """
    if kind in VAE_CHANNELS:
        return VAEShape(widths, VAE_CHANNELS[kind])
    return UNetShape(kind, widths, context)
