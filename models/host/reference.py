"""The picture that a network begins with: checked, seen at the working size, encoded."""

from __future__ import annotations

from typing import Any

import torch

from ..types.view import View, fit

LATENT_CHANNELS = 4
CELL = 8
"""Pixels to the side of a latent pixel."""
SIGNED, UNIT = "-1..1", "0..1"


def check_picture(picture: torch.Tensor) -> tuple[int, int]:
    """The size (W, H) of one picture [1, H, W, C].

    Raises:
        ValueError: for several pictures, another shape, or NaN.
    """
    if picture.ndim != 4 or picture.shape[3] < 3:
        raise ValueError(f"give one picture [1, height, width, 3], not {list(picture.shape)}")
    if picture.shape[0] != 1:
        raise ValueError(f"give one picture, not a batch of {picture.shape[0]}")
    if not bool(torch.isfinite(picture).all()):
        raise ValueError("the picture holds NaN or infinite values; its colours must lie in 0..1")
    return picture.shape[2], picture.shape[1]


def view_of(picture: torch.Tensor, width: int, height: int, crop: bool) -> View:
    """How one picture [1, H, W, C] is seen, see `models.types.view.fit`.

    Raises:
        ValueError: for several pictures, NaN, or sizes that cannot be.
    """
    return fit(check_picture(picture), width, height, crop)


def encode_picture(vae: Any, picture: torch.Tensor, values: str = SIGNED) -> torch.Tensor:
    """A picture's latent.

    Args:
        vae: the host's VAE for pictures, which maps 0..1 to -1..1 on its own.
        picture: [1, H, W, 3 or more] in 0..1, H and W multiples of 8.
        values: what the encoder sees: SIGNED, as it was trained, or UNIT, as stage 1 was.

    Returns:
        [1, 4, H / 8, W / 8], not scaled.

    Raises:
        ValueError: for a VAE whose latents are not those of SD 1.5; before anything is encoded
            where that shows in how many pixels they stand for.
    """
    _check_cell(vae, picture.shape[2], picture.shape[1])
    colors = picture[..., :3]
    latent = vae.encode((colors + 1) / 2 if values == UNIT else colors)
    expected = (1, LATENT_CHANNELS, picture.shape[1] // 8, picture.shape[2] // 8)
    if tuple(latent.shape) != expected:
        raise ValueError(
            f"the VAE gives latents {list(latent.shape)} instead of {list(expected)}; use an "
            "SD 1.5 VAE"
        )
    return latent.float()


def _check_cell(vae: Any, width: int, height: int) -> None:
    """A picture smaller than one latent pixel would be cut to nothing, and fail in the encoder."""
    told = getattr(vae, "spacial_compression_encode", None)
    side = CELL if told is None else told()
    if side != CELL:
        lost = f"; at {width}x{height} px it needs at least {side} px on each side"
        raise ValueError(
            f"a latent pixel of this VAE stands for {side}x{side} px, but one of SD 1.5 for "
            f"{CELL}x{CELL}{lost if min(width, height) < side else ''}: use an SD 1.5 VAE"
        )


def decode_pictures(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    """The pictures [F, H, W, 3] in 0..1 of latents [F, 4, H / 8, W / 8], not scaled.

    A VAE made for videos gives them with one more axis.
    """
    pictures = vae.decode(latents)
    return pictures.reshape(-1, *pictures.shape[-3:])
