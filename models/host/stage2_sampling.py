"""Sampling a video's latents along a motion field, on the host's samplers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import comfy.latent_formats
import comfy.model_sampling
import torch
import torch.nn.functional as F

from ..picture.region import check_region
from ..types.motion_field import MotionField
from ..types.view import View
from .motion_module import MotionModule
from .motion_run import Motion
from .motion_wrappers import apply_motion
from .reference import encode_picture
from .sampling import Settings, sample

TRAINED, ZERO_SNR, OWN = "motion-i2v", "motion-i2v, zero terminal SNR", "the model's own"
SCHEDULES = (TRAINED, ZERO_SNR, OWN)
KEEP_EXACTLY, KEEP_AS_RELEASED = "exactly", "as released"


def with_schedule(model: Any, schedule: str = TRAINED, module: MotionModule | None = None) -> Any:
    """A clone of a MODEL on one of SCHEDULES; the model itself for its own.

    Motion modules were trained with diffusers' "linear", which the host has under the name
    "sqrt_linear". With zero terminal SNR it is rescaled so that its last timestep is pure noise
    (arXiv 2305.08891), which lessens the drift of brightness. A core scheduler such as "normal"
    begins there (sigma 4519); "DDIM leading" with 25 steps begins at timestep 961 (sigma 95.6).

    Args:
        module: whose trained schedule is meant; its file may tell that it was the rescaled one.

    Raises:
        ValueError: for an unknown schedule, and for a trained one where a node gave the model
            another sampling than plain eps or v prediction, which would be lost.
    """
    if schedule not in SCHEDULES:
        raise ValueError(f"unknown schedule '{schedule}'; use one of {', '.join(SCHEDULES)}")
    if schedule == OWN:
        return model
    prediction = _prediction(model.get_model_object("model_sampling"))

    class Config:
        sampling_settings = {"beta_schedule": "sqrt_linear"}

    class TrainedSchedule(comfy.model_sampling.ModelSamplingDiscrete, prediction):  # type: ignore
        pass

    clone = model.clone()
    told = module is not None and module.trained.zero_terminal_snr
    sampling = TrainedSchedule(Config(), zsnr=told or schedule == ZERO_SNR)
    clone.add_object_patch("model_sampling", sampling)
    return clone


def with_rescaled_guidance(model: Any, multiplier: float) -> Any:
    """A clone of a MODEL with the host's rescaled guidance; the model itself for 0."""
    if multiplier == 0:
        return model
    from comfy_extras.nodes_model_advanced import RescaleCFG

    return RescaleCFG().patch(model, multiplier)[0]


def _prediction(sampling: Any) -> type:
    """What the model predicts, as the host's mixin."""
    # By their methods: LCM, x0 and EDM sampling are subclasses that override one of them.
    discrete = getattr(type(sampling), "timestep", None)
    denoised = getattr(type(sampling), "calculate_denoised", None)
    if discrete is comfy.model_sampling.ModelSamplingDiscrete.timestep:
        for kind in (comfy.model_sampling.EPS, comfy.model_sampling.V_PREDICTION):
            if denoised is kind.calculate_denoised:
                return kind
    names = " + ".join(base.__name__ for base in type(sampling).__bases__)
    raise ValueError(
        f"the model's sampling ({names}) is not plain eps or v prediction; a node such as "
        "ModelSamplingDiscrete (lcm, x0) or ModelSamplingContinuousEDM set it, and the schedule "
        f"'{TRAINED}' would replace it. Set 'schedule' to '{OWN}', or remove that node"
    )


def make_motion(
    field: MotionField,
    reference: torch.Tensor,
    region: torch.Tensor | None = None,
    **options: Any,
) -> Motion:
    """What the model is told to follow, after checking that it belongs together.

    Args:
        field: over a picture of any size of the reference's proportions.
        reference: [1, 4, h, w], the reference's latent, not scaled.
        region: a mask of what may move, of any size; an empty one: everything may.
        options: of `Motion`.

    Raises:
        ValueError: for a latent that is not one of SD 1.5, NaN, or sizes that disagree.
    """
    if reference.ndim != 4 or reference.shape[:2] != (1, 4):
        raise ValueError(
            f"the reference is one latent of SD 1.5 [1, 4, height, width], got "
            f"{list(reference.shape)}; encode the picture with an SD 1.5 VAE"
        )
    if not bool(torch.isfinite(reference).all()):
        raise ValueError(
            "the reference's latent holds NaN or infinite values; encode the picture in float32"
        )
    size = (reference.shape[2], reference.shape[3])
    _check_proportions(field, size)
    exactly = options.get("keep_exactly", True)
    brush = latent_region(region, size, exactly)
    return Motion(field, reference.float().cpu(), brush, **options)


def latent_region(
    region: torch.Tensor | None, size: tuple[int, int], whole_cells: bool = True
) -> torch.Tensor | None:
    """A mask of what may move at latent size (h, w), [1, 1, h, w]; None where everything may.

    Args:
        whole_cells: a latent pixel may move where any of its cell of the mask may; otherwise one
            pixel of the cell decides, as in the released code.

    Raises:
        ValueError: for a brush that the released code's rule would lose wholly.
    """
    if region is None:
        return None
    single = check_region(region)
    if not bool(single.any()):
        return None
    if whole_cells:
        return F.adaptive_max_pool2d(single[None, None], size)
    nearest = F.interpolate(single[None, None], size=size, mode="nearest")
    if not bool(nearest.any()):
        raise ValueError(
            f"the region's brush is so thin that none of it is left at 1/8 of the size "
            f"({size[1]}x{size[0]}), where nothing could move: grow the brush by 8 px, or set "
            f"'keep_outside' to '{KEEP_EXACTLY}', which takes every part of it"
        )
    return nearest


def _check_proportions(field: MotionField, size: tuple[int, int]) -> None:
    """Pictures are cut to multiples of 8, so proportions may differ by less than that."""
    width, height = 8 * size[1], 8 * size[0]
    across, down = field.size[0] / width, field.size[1] / height
    if abs(across - down) > max(8 / width, 8 / height) * max(across, down):
        raise ValueError(
            f"the motion field is for a picture of {field.size[0]}x{field.size[1]}, but the "
            f"reference is {width}x{height} (its latent {size[1]}x{size[0]}), of other "
            "proportions; use 'Resize Motion Field', or make both from the same picture"
        )


@dataclass(frozen=True, eq=False)
class Beginning:
    """What a video begins with: the reference, and where it goes.

    Args:
        reference: [1, 4, h, w], the reference's latent, not scaled.
        field: over the picture as it is seen.
        region: a mask of what may move, of the same picture; None: everything may.
        latents: [F, 4, h, w] of a whole video to be repainted, not scaled; None: of none.
    """

    reference: torch.Tensor
    field: MotionField
    region: torch.Tensor | None = None
    latents: torch.Tensor | None = None

    def motion(self, **options: Any) -> Motion:
        """What the model is told to follow, see `make_motion`."""
        return make_motion(self.field, self.reference, self.region, **options)

    def kept(self, denoise: float) -> torch.Tensor | None:
        """The latents of which a part is kept; None where nothing is.

        Raises:
            ValueError: for a denoise below 1 without a video's latents.
        """
        if denoise == 1:
            return None
        if self.latents is None:
            raise ValueError(
                f"denoise {denoise:g} keeps a part of a given video, but no latents of one are "
                "connected; connect them, or set denoise to 1"
            )
        return self.latents


def from_picture(
    vae: Any, picture: torch.Tensor, view: View, field: MotionField, region: torch.Tensor | None
) -> Beginning:
    """A video that begins with a picture [1, H, W, C], which field and region are over."""
    reference = encode_picture(vae, view.see(picture).clamp(0, 1))
    seen = None if region is None else view.see_mask(region)
    return Beginning(reference, view.see_field(field), seen)


def from_latents(
    latents: torch.Tensor, field: MotionField, region: torch.Tensor | None
) -> Beginning:
    """A video that begins with latents: the reference's, or a whole video's.

    Raises:
        ValueError: for another number of them than one, or one for each frame of the field.
    """
    count = latents.shape[0]
    if count not in (1, field.frames):
        raise ValueError(
            f"the latents are {count} frames, but the motion field has {field.frames}; give as "
            "many, or one for the reference ('Retime Motion Field' changes the field)"
        )
    return Beginning(latents[:1], field, region, latents if count > 1 else None)


def empty_frames(motion: Motion) -> torch.Tensor:
    """Zeros [F, 4, h, w]: where sampling from noise alone begins."""
    return torch.zeros(motion.frames, *motion.reference.shape[1:])


def sample_video(
    model: Any,
    module: MotionModule,
    motion: Motion,
    positive: list,
    negative: list,
    settings: Settings,
    latent: torch.Tensor | None = None,
    noise: torch.Tensor | None = None,
) -> torch.Tensor:
    """Denoises a video that moves as the field says.

    Args:
        model: an SD 1.5 MODEL, on the schedule that is wanted.
        latent: [F, 4, h, w], not scaled, to start from; None: nothing.
        noise: [F, 4, h, w]; None: from the seed, as the host makes it.

    Returns:
        [F, 4, h, w], not scaled; frame 0 is exactly the reference.
    """
    moving = apply_motion(model, module, motion)
    if latent is None:
        latent = empty_frames(motion)
    video = sample(moving, latent, noise, positive, negative, settings)
    # Where the schedule has no step, nothing has put the reference there yet.
    return torch.cat([motion.reference, latent[1:]]) if video is latent else video
