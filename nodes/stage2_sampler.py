"""Motion-Augmented AnimateDiff Sampler: picture, motion field and prompt become a video."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from ..models.host.motion_module import MotionModule
from ..models.host.motion_wrappers import check_model
from ..models.host.reference import decode_pictures, view_of
from ..models.host.sampling import Settings
from ..models.host.stage2_sampling import (
    from_latents,
    from_picture,
    sample_video,
    with_rescaled_guidance,
    with_schedule,
)
from ..models.picture.color_match import METHODS, match_colors
from ..models.types.motion_field import MotionField
from .inputs import share_input
from .node import Node, progress
from .sampling_inputs import CROP, sampling_inputs, size_inputs
from .sockets import CATEGORY, MotionFieldSocket, MotionModuleSocket, OnePicture, advanced, aliases
from .stage2_inputs import FIELD_TIP, REGION_TIP, motion_inputs, motion_options

OFF = "off"


class MotionI2VAnimateDiffSampler(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VAnimateDiffSampler",
            display_name="Motion-Augmented AnimateDiff Sampler",
            **aliases("motion-i2v stage 2", "image to video", "i2v", "animatediff"),
            category=f"{CATEGORY}/stage 2",
            description="Picture, motion field and text become a video, with any SD 1.5 model: "
            "every frame sees where the picture has gone.",
            inputs=[
                io.Model.Input("model", tooltip="Any SD 1.5 model, with LoRAs and other patches."),
                MotionModuleSocket.Input("motion_module", tooltip="From Load Motion Module."),
                MotionFieldSocket.Input("field", tooltip=FIELD_TIP),
                io.Conditioning.Input("positive", tooltip="What the video shows."),
                io.Conditioning.Input("negative", tooltip="What it should not."),
                io.Vae.Input(
                    "vae", tooltip="A VAE of SD 1.5: encodes the picture, decodes the video."
                ),
                *_size_inputs(),
                *_sampling_inputs(),
                *motion_inputs(),
                share_input(
                    "rescale_cfg",
                    0.0,
                    "Above 0: guidance is rescaled to the spread of the prediction (the "
                    "core's RescaleCFG), against colours that burn or fade; 0.7 is usual.",
                    **advanced(),
                ),
                io.Combo.Input(
                    "color_match",
                    options=[OFF, *METHODS],
                    default=OFF,
                    tooltip="Gives the decoded frames the picture's overall colours, where "
                    "brightness drifts over the clip.",
                    **advanced(),
                ),
                OnePicture(
                    "picture",
                    optional=True,
                    tooltip="The picture that becomes the first frame: one, of any size.",
                ),
                io.Latent.Input(
                    "latent",
                    optional=True,
                    tooltip="Instead of the picture: its latent. Or a whole video's latents, as "
                    "many as the field has frames, to be repainted with denoise below 1; the first "
                    "is the reference then.",
                ),
                io.Mask.Input("region", optional=True, tooltip=REGION_TIP),
            ],
            outputs=[
                io.Latent.Output(
                    "frames_latent", display_name="LATENT", tooltip="The frames' latents."
                ),
                io.Image.Output(
                    "frames", display_name="IMAGE", tooltip="The video, frame by frame."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        model: io.Model.Type,
        motion_module: MotionModule,
        field: MotionField,
        positive: io.Conditioning.Type,
        negative: io.Conditioning.Type,
        vae: io.Vae.Type,
        width: int,
        height: int,
        fit: str,
        seed: int,
        steps: int,
        cfg: float,
        sampler_name: str,
        scheduler: str,
        denoise: float,
        warp_strength: float,
        temporal_strength: float,
        schedule: str,
        keep_outside: str,
        window_overlap: int,
        rescale_cfg: float,
        color_match: str,
        picture: io.Image.Type | None = None,
        latent: io.Latent.Type | None = None,
        region: io.Mask.Type | None = None,
    ) -> io.NodeOutput:
        settings = Settings(steps, cfg, seed, sampler_name, scheduler, denoise)
        options = motion_options(warp_strength, temporal_strength, keep_outside, window_overlap)
        if (picture is None) == (latent is None):
            raise ValueError("connect either the picture or its latent, one of the two")
        if picture is not None:
            view = view_of(picture, width, height, fit == CROP)
            beginning = from_picture(vae, picture, view, field, region)
        if latent is not None:
            beginning = from_latents(latent["samples"], field, region)
        start = beginning.kept(denoise)
        check_model(model, motion_module)
        motion = beginning.motion(**options)
        scheduled = with_schedule(model, schedule, motion_module)
        guided = with_rescaled_guidance(scheduled, rescale_cfg)
        sampled = sample_video(guided, motion_module, motion, positive, negative, settings, start)
        frames = decode_pictures(vae, sampled)
        if color_match != OFF:
            frames = _matched(frames, color_match)
        return io.NodeOutput({"samples": sampled}, frames)


def _matched(frames: torch.Tensor, method: str) -> torch.Tensor:
    matched = match_colors(frames, frames[:1], method, on_step=progress(len(frames)))
    matched[0] = frames[0]
    return matched


def _size_inputs() -> list[io.Input]:
    width = "Width of the video where the picture is connected."
    return size_inputs(width, "Height of the video.", "Field and region")


def _sampling_inputs() -> list[io.Input]:
    return [
        *sampling_inputs("video"),
        io.Float.Input(
            "denoise",
            default=1.0,
            min=0.01,
            max=1.0,
            step=0.01,
            tooltip="Below 1: keep that much of the connected video's latents (0.6 changes 60 %).",
        ),
    ]
