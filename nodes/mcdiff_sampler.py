"""MCDiff Sampler and MCDiff Continue: a picture moves along strokes, one frame after the other."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..models.host.flow_completion import FlowCompleter
from ..models.host.mcdiff_video import (
    OF_CLIP,
    ON_LAST,
    SoFar,
    begin_video,
    continue_video,
    guide_of,
)
from ..models.host.reference import view_of
from ..models.host.sampling import Settings
from ..models.types.motion_field import MotionField
from ..models.types.view import fit as whole
from .inputs import field_output
from .node import Node
from .sampling_inputs import CROP, VIEW, Usual, sampling_inputs, size_inputs
from .sockets import (
    CATEGORY,
    FlowCompletionSocket,
    MotionFieldSocket,
    OnePicture,
    TracksSocket,
    aliases,
)

GROUP = f"{CATEGORY}/mcdiff"
MAX_FRAMES = 1024
MODEL_TIP = "The future-frame MODEL of Load MCDiff, also through LoRA or ModelSampling nodes."
VAE_TIP = "The VAE that the model was trained with; for the small model Load Small Model's."
USUAL = Usual(
    size="The small model was trained at about 128 px.",
    width=128,
    steps=4,
    stepping="Sampling steps of each frame. The small model needs few.",
    cfg=1.0,
    guidance="how strongly the motion counts. 1: none, and twice as fast.",
    sampler="euler suits a few steps.",
    scheduler="sgm_uniform",
)


def motion_inputs(field: str) -> list[io.Input]:
    """The two ways to say what moves; `field` says what a field is over."""
    return [
        FlowCompletionSocket.Input(
            "flow_completion",
            optional=True,
            tooltip="From Load MCDiff: finds the motion of all pixels from the tracks. Needed with "
            "tracks, and only there.",
        ),
        TracksSocket.Input(
            "tracks",
            optional=True,
            tooltip="Drawn trajectories, split into what they say of each step. A point that rests "
            "is a pin. Give either tracks or a motion field.",
        ),
        MotionFieldSocket.Input(
            "motion_field",
            optional=True,
            tooltip=f"Instead of tracks: where every pixel goes, {field}, from any node that makes "
            "one.",
        ),
    ]


def video_outputs(first: str, field: str) -> list[io.Output]:
    return [
        io.Image.Output("frames_made", display_name="IMAGE", tooltip=f"The video. {first}"),
        io.Latent.Output(
            "latents",
            display_name="LATENT",
            tooltip="The frames' latents: MCDiff Continue goes on from them exactly.",
        ),
        field_output(f"The motion that was followed, accumulated {field}.", "field"),
    ]


class MotionI2VMCDiffSampler(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VMCDiffSampler",
            display_name="MCDiff Sampler",
            **aliases(
                "motion-conditioned diffusion",
                "stroke guided video",
                "autoregressive",
                "image to video",
            ),
            category=GROUP,
            description="Makes a video frame by frame: each from the one before, along drawn "
            "trajectories or a motion field. Every frame is shown as it comes.",
            inputs=[
                io.Model.Input("model", tooltip=MODEL_TIP),
                io.Vae.Input("vae", tooltip=VAE_TIP),
                OnePicture("picture", tooltip="The first frame: one picture, of any size."),
                io.Int.Input(
                    "frames",
                    default=0,
                    min=0,
                    max=MAX_FRAMES,
                    tooltip="Frames of the video, the picture being the first. 0: as many as the "
                    "tracks or the field have; otherwise these are re-timed.",
                ),
                *size_inputs("Width of the video.", "Height of the video.", "The motion", USUAL),
                *sampling_inputs("video", USUAL),
                *motion_inputs("over the picture"),
            ],
            outputs=video_outputs("The first frame is the picture itself.", "from the picture on"),
        )

    @classmethod
    def execute(
        cls,
        model: io.Model.Type,
        vae: io.Vae.Type,
        picture: io.Image.Type,
        frames: int,
        width: int,
        height: int,
        fit: str,
        seed: int,
        steps: int,
        cfg: float,
        sampler_name: str,
        scheduler: str,
        flow_completion: FlowCompleter | None = None,
        tracks: dict[str, Any] | None = None,
        motion_field: MotionField | None = None,
    ) -> io.NodeOutput:
        view = view_of(picture, width, height, fit == CROP)
        guide = guide_of(flow_completion, tracks, motion_field, view.picture)
        if frames == 1:
            raise ValueError("frames is 1, but the picture alone is no video; give 0, or 2 or more")
        settings = Settings(steps, cfg, seed, sampler_name, scheduler)
        video = begin_video(model, vae, picture, view, guide.in_frames(frames), settings)
        return io.NodeOutput(video.frames, {"samples": video.latents, VIEW: view}, video.field)


class MotionI2VMCDiffContinue(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VMCDiffContinue",
            display_name="MCDiff Continue",
            **aliases("extend video", "mcdiff extend", "autoregressive"),
            category=GROUP,
            description="Adds frames to a video of the MCDiff Sampler (or to any other), from its "
            "last frame on. The frames so far stay as they are.",
            inputs=[
                io.Model.Input("model", tooltip=MODEL_TIP),
                io.Vae.Input("vae", tooltip=VAE_TIP),
                io.Image.Input(
                    "frames_so_far",
                    tooltip="The video to continue; its sides are multiples of 8. One frame is "
                    "enough.",
                ),
                io.Combo.Input(
                    "strokes",
                    options=[ON_LAST, OF_CLIP],
                    default=ON_LAST,
                    tooltip="Whether the tracks (or the field) begin at the last frame so far, or "
                    "at the first frame of all; then the part after the last frame is used.",
                ),
                io.Int.Input(
                    "more_frames",
                    default=0,
                    min=0,
                    max=MAX_FRAMES,
                    tooltip="Frames to add. 0: as many as the tracks or the field have beyond the "
                    "last frame; otherwise these are re-timed.",
                ),
                *sampling_inputs("video", USUAL),
                *motion_inputs("over the frame that the strokes begin at"),
                io.Latent.Input(
                    "latents_so_far",
                    optional=True,
                    tooltip="The LATENT of the frames so far: with it the video goes on exactly as "
                    "if it had been sampled at once. Without it the frames are encoded anew.",
                ),
                MotionFieldSocket.Input(
                    "motion_field_so_far",
                    optional=True,
                    tooltip="The motion field of the frames so far, to be accumulated further. "
                    "Without it the new field begins at the last frame so far.",
                ),
            ],
            outputs=video_outputs(
                "The frames so far, and the new ones.",
                "from the first frame on (without motion_field_so_far: from the last so far)",
            ),
        )

    @classmethod
    def execute(
        cls,
        model: io.Model.Type,
        vae: io.Vae.Type,
        frames_so_far: io.Image.Type,
        strokes: str,
        more_frames: int,
        seed: int,
        steps: int,
        cfg: float,
        sampler_name: str,
        scheduler: str,
        flow_completion: FlowCompleter | None = None,
        tracks: dict[str, Any] | None = None,
        motion_field: MotionField | None = None,
        latents_so_far: io.Latent.Type | None = None,
        motion_field_so_far: MotionField | None = None,
    ) -> io.NodeOutput:
        given = latents_so_far or {}
        so_far = SoFar(frames_so_far, given.get("samples"), motion_field_so_far)
        last = whole(so_far.size, 0, 0, crop=False)
        own = given.get(VIEW) or last
        view = own if strokes == OF_CLIP else last
        guide = guide_of(flow_completion, tracks, motion_field, view.picture)
        settings = Settings(steps, cfg, seed, sampler_name, scheduler)
        video = continue_video(model, vae, so_far, view, guide, settings, strokes, more_frames)
        return io.NodeOutput(video.frames, {"samples": video.latents, VIEW: own}, video.field)
