"""Sampling a motion field: the sampler, and the conditioning that core samplers need."""

from __future__ import annotations

from comfy_api.latest import io

from ..models.host.flow_vae import FlowVAE
from ..models.host.sampling import Settings, schedule
from ..models.host.stage1_sampling import (
    decode_field,
    empty_latent,
    make_clip,
    sample_flow,
    varied,
    with_clip,
)
from ..models.types.motion_field import MotionField
from .inputs import field_output, moving_input, share_input
from .node import Node, progress
from .sampling_inputs import VIEW, sampler_input, sampling_inputs, steps_input
from .sockets import CATEGORY, FlowVaeSocket, MotionFieldSocket, OnePicture, aliases
from .stage1_inputs import frame_inputs, frames_of, overlap_input

GROUP = f"{CATEGORY}/stage 1"
MODEL_TIP = "From Load Motion-Field Model, also through LoRA or ModelSampling nodes."
PICTURE_TIP = "The picture that will move: one, of any size."
VAE_TIP = "A VAE of SD 1.5, for the picture."


def denoise_input() -> io.Input:
    return share_input(
        "denoise", 1.0, "Below 1: keep that much of the given motion (0.6 changes 60 %)."
    )


class MotionI2VMotionFieldConditioning(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VMotionFieldConditioning",
            display_name="Motion-Field Conditioning",
            **aliases("motion-i2v stage 1", "flow diffusion"),
            category=GROUP,
            description="Tells the motion-field model the picture, the frames and their strides, "
            "so that core KSampler or SamplerCustomAdvanced can sample it.",
            inputs=[
                io.Conditioning.Input("positive", tooltip="What should happen, in words."),
                io.Conditioning.Input("negative", tooltip="What should not."),
                OnePicture("picture", tooltip=PICTURE_TIP),
                io.Vae.Input("vae", tooltip=VAE_TIP),
                *frame_inputs(),
                overlap_input(),
                FlowVaeSocket.Input(
                    "flow_vae",
                    optional=True,
                    tooltip="Only for the live preview: its colours then show true directions.",
                ),
            ],
            outputs=[
                io.Conditioning.Output(
                    "conditioned_positive", display_name="positive", tooltip="For the sampler."
                ),
                io.Conditioning.Output(
                    "conditioned_negative", display_name="negative", tooltip="For the sampler."
                ),
                io.Latent.Output(
                    "latent",
                    display_name="LATENT",
                    tooltip="Empty flow latents, one for each predicted frame.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        positive: io.Conditioning.Type,
        negative: io.Conditioning.Type,
        picture: io.Image.Type,
        vae: io.Vae.Type,
        frames: int,
        stride: str,
        width: int,
        height: int,
        fit: str,
        window_overlap: int,
        flow_vae: FlowVAE | None = None,
    ) -> io.NodeOutput:
        wanted = frames_of(frames, stride, width, height, fit, window_overlap)
        clip = make_clip(picture, vae, wanted, flow_vae)
        latent = {"samples": empty_latent(len(clip.strides), clip.reference), VIEW: clip.view}
        return io.NodeOutput(with_clip(positive, clip), with_clip(negative, clip), latent)


class MotionI2VMotionFieldSampler(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VMotionFieldSampler",
            display_name="Motion-Field Sampler",
            **aliases("motion-i2v stage 1", "flow diffusion", "text to motion", "optical flow"),
            category=GROUP,
            description="Text, a picture and (through the ControlNet node) drawn tracks become a "
            "motion field, by diffusion.",
            inputs=[
                io.Model.Input("model", tooltip=MODEL_TIP),
                io.Conditioning.Input(
                    "positive",
                    tooltip="What should happen: text, through Sparse-Trajectory ControlNet where "
                    "tracks were drawn.",
                ),
                io.Conditioning.Input("negative", tooltip="What should not."),
                OnePicture("picture", tooltip=PICTURE_TIP),
                io.Vae.Input("vae", tooltip=VAE_TIP),
                FlowVaeSocket.Input("flow_vae", tooltip="From Load Flow VAE."),
                *frame_inputs(),
                *sampling_inputs("field"),
                denoise_input(),
                overlap_input(),
                moving_input(),
                MotionFieldSocket.Input(
                    "initial_field",
                    optional=True,
                    tooltip="A motion to vary, with denoise below 1.",
                ),
            ],
            outputs=[
                field_output(
                    "Where every pixel of the picture goes, at the picture's own size.", "field"
                ),
                io.Latent.Output(
                    "latent", display_name="LATENT", tooltip="The flow latents, before decoding."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        model: io.Model.Type,
        positive: io.Conditioning.Type,
        negative: io.Conditioning.Type,
        picture: io.Image.Type,
        vae: io.Vae.Type,
        flow_vae: FlowVAE,
        frames: int,
        stride: str,
        width: int,
        height: int,
        fit: str,
        seed: int,
        steps: int,
        cfg: float,
        sampler_name: str,
        scheduler: str,
        denoise: float,
        window_overlap: int,
        region: io.Mask.Type | None = None,
        initial_field: MotionField | None = None,
    ) -> io.NodeOutput:
        settings = Settings(steps, cfg, seed, sampler_name, scheduler, denoise)
        wanted = frames_of(frames, stride, width, height, fit, window_overlap)
        clip = make_clip(picture, vae, wanted, flow_vae)
        start = varied(flow_vae, initial_field, clip, denoise)
        conditioned = with_clip(positive, clip), with_clip(negative, clip)
        latents = sample_flow(model, *conditioned, settings, start)
        field = decode_field(flow_vae, latents, clip.view, region, on_step=progress(frames - 1))
        return io.NodeOutput(field, {"samples": latents, VIEW: clip.view})


class MotionI2VDDIMLeading(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VDDIMLeading",
            display_name="DDIM Leading Schedule",
            **aliases("motion-i2v scheduler", "sigmas"),
            category=GROUP,
            description="The released sampling for the core's SamplerCustomAdvanced: DDIM with "
            "leading timesteps.",
            inputs=[
                io.Model.Input(
                    "model", tooltip="The model that will be sampled; gives the noise schedule."
                ),
                steps_input(),
                denoise_input(),
                sampler_input(),
            ],
            outputs=[
                io.Sampler.Output(
                    "sampler",
                    display_name="SAMPLER",
                    tooltip="Starts from noise of variance 1, as the released code does.",
                ),
                io.Sigmas.Output("sigmas", display_name="SIGMAS", tooltip="The noise levels."),
            ],
        )

    @classmethod
    def execute(
        cls, model: io.Model.Type, steps: int, denoise: float, sampler_name: str
    ) -> io.NodeOutput:
        settings = Settings(steps, sampler=sampler_name, denoise=denoise)
        return io.NodeOutput(*schedule(model, settings))
