"""Narrow stage-2 networks under released names, with seeded weights, for tests."""

import torch

from tests.parity.seeded import seeded_tensor

WIDTHS, CONTEXT = (32, 32, 64, 64), 16


def unet_tensors() -> dict[str, torch.Tensor]:
    """An ordinary SD 1.5-like UNet."""
    from motion_i2v.models import layout

    shape = layout.UNetShape(WIDTHS, CONTEXT, 4)
    return _seeded("unet/", layout.unet(shape, stride=False, temporal=False))


def motion_tensors(widths: tuple[int, ...] = WIDTHS) -> dict[str, torch.Tensor]:
    """Motion modules for it, as the released motion_block.bin names them."""
    from motion_i2v.models import layout

    return _seeded("motion/", layout.motion_modules(layout.UNetShape(widths), "motion_modules"))


def vae_tensors() -> dict[str, torch.Tensor]:
    """A VAE for pictures."""
    from motion_i2v.models import layout

    return _seeded("vae/", layout.autoencoder((32, 32, 32, 32), 3))


def _seeded(net: str, entries) -> dict[str, torch.Tensor]:
    return {e.name: seeded_tensor("narrow", net, e.name, list(e.shape)) for e in entries}
