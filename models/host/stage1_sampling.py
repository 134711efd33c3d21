"""Sampling a motion field's latents, on the host's samplers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import latent_preview
import torch

from ..fields.strides import parse_strides
from ..picture.region import region_of
from ..types.motion_field import MotionField
from ..types.progress import OnStep
from ..types.view import View
from .flow_vae import FlowVAE
from .reference import LATENT_CHANNELS, UNIT, encode_picture, view_of
from .sampling import Settings, sample
from .stage1_clip import Stage1Clip


@dataclass(frozen=True)
class Frames:
    """How a picture is to be seen, and how many frames it gets.

    Args:
        frames: with the reference.
        strides: text, see `models.fields.strides.parse_strides`.
        width, height, crop: see `models.types.view.fit`.
        overlap: frames that neighbouring windows share; None: as the model has it.
    """

    frames: int = 16
    strides: str = "8"
    width: int = 512
    height: int = 0
    crop: bool = False
    overlap: int | None = None


def make_clip(picture: torch.Tensor, vae: Any, wanted: Frames, flow_vae: Any = None) -> Stage1Clip:
    """Everything that stage 1 is conditioned on besides text.

    Args:
        picture: [1, H, W, C] in 0..1.
        vae: the host's VAE for pictures.
        flow_vae: gives the previews their colours; None: rough ones.

    Raises:
        ValueError: for several pictures, NaN, or frames, strides or sizes that cannot be.
    """
    strides = parse_strides(wanted.strides, wanted.frames)
    view = view_of(picture, wanted.width, wanted.height, wanted.crop)
    reference = encode_picture(vae, view.see(picture).clamp(0, 1), UNIT)
    shown = latent_preview.args.preview_method != latent_preview.LatentPreviewMethod.NoPreviews
    preview = flow_vae.preview_projection() if shown and flow_vae is not None else None
    return Stage1Clip(reference, strides, view, preview, wanted.overlap)


def with_clip(conditioning: list, clip: Stage1Clip) -> list:
    """The host's CONDITIONING, with the clip in each entry."""
    return [[text, {**values, "motion_clip": clip}] for text, values in conditioning]


def encode_field(
    vae: FlowVAE, field: MotionField, view: View, tile: int = 0, on_step: OnStep | None = None
) -> torch.Tensor:
    """The latents [N, 4, h, w] of a field's predicted frames, as a view shows it.

    Raises:
        ValueError: for a field with no predicted frame.
    """
    if field.frames < 2:
        raise ValueError(
            "the motion field has only the reference frame, in which nothing moves; at least 2 "
            "frames are needed"
        )
    return vae.encode_flow(view.see_field(field).encoded(), tile, on_step)


def varied(
    vae: FlowVAE, field: MotionField | None, clip: Stage1Clip, denoise: float
) -> torch.Tensor | None:
    """The latents that a motion to vary begins with; None where nothing of it is kept.

    Raises:
        ValueError: for a denoise below 1 without a field, or one of other frames than the clip's.
    """
    if field is None:
        if denoise < 1:
            raise ValueError(
                f"denoise {denoise:g} keeps a part of a given motion, but no initial_field is "
                "connected; connect one, or set denoise to 1"
            )
        return None
    clip.check_frames("the initial field", field.frames)
    # At 1 nothing of it is kept, not even what strong noise would leave through.
    return encode_field(vae, field, clip.view) if denoise < 1 else None


def decode_field(
    vae: FlowVAE,
    latents: torch.Tensor,
    view: View,
    region: torch.Tensor | None = None,
    tile: int = 0,
    on_step: OnStep | None = None,
) -> MotionField:
    """The field over the user's picture that latents [N, 4, h, w] stand for.

    Args:
        region: a mask of what may move, of any size; the field is multiplied by it. An empty one:
            everything may.

    Raises:
        ValueError: for latents of another size than the view's, or NaN.
    """
    expected = (LATENT_CHANNELS, view.size[1] // 8, view.size[0] // 8)
    if latents.ndim != 4 or tuple(latents.shape[1:]) != expected:
        raise ValueError(
            f"the flow VAE decodes latents [frames, {', '.join(map(str, expected))}] here, "
            f"got {list(latents.shape)}"
        )
    if not bool(torch.isfinite(latents).all()):
        raise ValueError("the latents hold NaN or infinite values; sample them in float32")
    field = view.back(MotionField.from_encoded(vae.decode_flow(latents, tile, on_step)))
    free = None if region is None else region_of(region, field.size)
    return field if free is None else MotionField(field.flow * free.to(field.flow))


def empty_latent(frames: int, reference: torch.Tensor) -> torch.Tensor:
    """Zeros [frames, 4, h, w] of a reference's size, to be filled with noise."""
    return torch.zeros(frames, *reference.shape[1:])


def sample_flow(
    model: Any,
    positive: list,
    negative: list,
    settings: Settings,
    latent: torch.Tensor | None = None,
    noise: torch.Tensor | None = None,
) -> torch.Tensor:
    """Denoises flow latents.

    Args:
        model: the motion-field MODEL.
        positive, negative: conditioning that holds a `motion_clip`.
        latent: [N, 4, h, w], not scaled, to start from; None: nothing.
        noise: [N, 4, h, w]; None: from the seed, as the host makes it.

    Returns:
        [N, 4, h, w], not scaled.
    """
    if latent is None:
        clip = positive[0][1]["motion_clip"]
        latent = empty_latent(len(clip.strides), clip.reference)
    return sample(model, latent, noise, positive, negative, settings)
