"""Sampling a motion field: the sampler, and the conditioning that core samplers need."""

from comfy_api.latest import io

from ..models.host.stage1_sampling import (
    Settings,
    decode_field,
    empty_latent,
    encode_field,
    make_clip,
    sample_flow,
    schedule,
    with_clip,
)
from .node import Node
from .sampling_inputs import sampler_input, sampling_inputs, steps_input
from .sockets import CATEGORY, FlowVaeSocket, MotionFieldSocket, aliases
from .stage1_flow_vae import VIEW, progress
from .stage1_inputs import frame_inputs, frames_of

GROUP = f"{CATEGORY}/stage 1"
MODEL_TIP = "From Load Motion-Field Model, also through LoRA or ModelSampling nodes."
PICTURE_TIP = "The picture that will move: one, of any size."
VAE_TIP = "A VAE of SD 1.5, for the picture."


def denoise_input() -> io.Input:
    return io.Float.Input(
        "denoise",
        default=1.0,
        min=0.0,
        max=1.0,
        step=0.01,
        tooltip="Below 1: keep that much of the given motion (0.6 changes 60 %).",
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
                io.Image.Input("picture", tooltip=PICTURE_TIP),
                io.Vae.Input("vae", tooltip=VAE_TIP),
                *frame_inputs(),
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
        positive,
        negative,
        picture,
        vae,
        frames,
        stride,
        width,
        height,
        fit,
        flow_vae=None,
    ) -> io.NodeOutput:
        wanted = frames_of(frames, stride, width, height, fit)
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
                io.Image.Input("picture", tooltip=PICTURE_TIP),
                io.Vae.Input("vae", tooltip=VAE_TIP),
                FlowVaeSocket.Input("flow_vae", tooltip="From Load Flow VAE."),
                *frame_inputs(),
                *sampling_inputs("field"),
                denoise_input(),
                io.Mask.Input(
                    "region",
                    optional=True,
                    tooltip="What may move: the field is multiplied by it. An empty one: "
                    "everything may.",
                ),
                MotionFieldSocket.Input(
                    "initial_field",
                    optional=True,
                    tooltip="A motion to vary, with denoise below 1.",
                ),
            ],
            outputs=[
                MotionFieldSocket.Output(
                    "field",
                    display_name="motion field",
                    tooltip="Where every pixel of the picture goes, at the picture's own size.",
                ),
                io.Latent.Output(
                    "latent", display_name="LATENT", tooltip="The flow latents, before decoding."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        model,
        positive,
        negative,
        picture,
        vae,
        flow_vae,
        frames,
        stride,
        width,
        height,
        fit,
        seed,
        steps,
        cfg,
        sampler_name,
        scheduler,
        denoise,
        region=None,
        initial_field=None,
    ) -> io.NodeOutput:
        settings = Settings(steps, cfg, seed, sampler_name, scheduler, denoise)
        if denoise < 1 and initial_field is None:
            raise ValueError(
                f"denoise {denoise:g} keeps a part of a given motion, but no initial_field is "
                "connected; connect one, or set denoise to 1"
            )
        wanted = frames_of(frames, stride, width, height, fit)
        clip = make_clip(picture, vae, wanted, flow_vae)
        start = None
        if initial_field is not None:
            clip.check_frames("the initial field", initial_field.frames)
            # At 1 nothing of it is kept, not even what strong noise would leave through.
            if denoise < 1:
                start = encode_field(flow_vae, initial_field, clip.view)
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
    def execute(cls, model, steps, denoise, sampler_name) -> io.NodeOutput:
        settings = Settings(steps, sampler=sampler_name, denoise=denoise)
        return io.NodeOutput(*schedule(model, settings))
