"""MCDiff Sampler and MCDiff Continue: a picture moves along strokes, one frame after the other."""

import torch
from comfy_api.latest import io

from ..models.fields.field_ops import retimed
from ..models.host.mcdiff_rollout import (
    Directions,
    by_field,
    by_strokes,
    latents_of,
    rollout,
)
from ..models.host.stage1_sampling import Settings
from ..models.host.stage2_sampling import view_of
from ..models.types.motion_field import MotionField
from ..models.types.tracks import Tracks
from ..models.types.view import View
from ..models.types.view import fit as whole
from .node import Node
from .sampling_inputs import CROP, Usual, sampling_inputs, size_inputs
from .sockets import (
    CATEGORY,
    FlowCompletionSocket,
    MotionFieldSocket,
    TracksSocket,
    aliases,
)
from .stage1_flow_vae import VIEW

GROUP = f"{CATEGORY}/mcdiff"
MAX_FRAMES = 1024
ON_LAST, OF_CLIP = "drawn on the last frame", "of the whole clip"
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
        MotionFieldSocket.Output(
            "field",
            display_name="motion field",
            tooltip=f"The motion that was followed, accumulated {field}.",
        ),
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
                io.Image.Input("picture", tooltip="The first frame: one picture, of any size."),
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
        model,
        vae,
        picture,
        frames,
        width,
        height,
        fit,
        seed,
        steps,
        cfg,
        sampler_name,
        scheduler,
        flow_completion=None,
        tracks=None,
        motion_field=None,
    ) -> io.NodeOutput:
        view = view_of(picture, width, height, fit == CROP)
        motion = motion_given(flow_completion, tracks, motion_field, view.picture)
        if frames == 1:
            raise ValueError("frames is 1, but the picture alone is no video; give 0, or 2 or more")
        motion = in_frames(motion, frames)
        video = rollout(
            model,
            vae,
            view.see(picture[..., :3]).clamp(0, 1),
            directions(motion, view, flow_completion),
            motion.frames,
            Settings(steps, cfg, seed, sampler_name, scheduler),
        )
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
        model,
        vae,
        frames_so_far,
        strokes,
        more_frames,
        seed,
        steps,
        cfg,
        sampler_name,
        scheduler,
        flow_completion=None,
        tracks=None,
        motion_field=None,
        latents_so_far=None,
        motion_field_so_far=None,
    ) -> io.NodeOutput:
        made, last = len(frames_so_far), frames_so_far[-1:]
        size = (frames_so_far.shape[2], frames_so_far.shape[1])
        own = (latents_so_far or {}).get(VIEW) or whole(size, 0, 0, crop=False)
        view = own if strokes == OF_CLIP else whole(size, 0, 0, crop=False)
        motion = motion_given(flow_completion, tracks, motion_field, view.picture)
        before = made if strokes == OF_CLIP else 1
        motion = in_frames(motion, before + more_frames if more_frames else 0)
        more = further(motion, before)
        check_field(motion_field_so_far, made, size)
        samples = None if latents_so_far is None else latents_so_far["samples"]
        samples = latents_of(vae, frames_so_far, samples)
        video = rollout(
            model,
            vae,
            last,
            directions(motion, view, flow_completion, made - before),
            1 + more,
            Settings(steps, cfg, seed, sampler_name, scheduler),
            start=made - 1,
            latent=samples[-1:],
            field=motion_field_so_far,
        )
        frames = torch.cat([frames_so_far[..., :3], video.frames[1:]])
        latents = {"samples": torch.cat([samples, video.latents[1:]]), VIEW: own}
        return io.NodeOutput(frames, latents, video.field)


def motion_given(completer, tracks, field, size: tuple[int, int]) -> Tracks | MotionField:
    """The one motion that is connected; `size` is that of the picture it is drawn on."""
    if (tracks is None) == (field is None):
        given = "both are" if tracks is not None else "neither is"
        raise ValueError(
            f"connect either tracks (with flow_completion) or motion_field, one of the two; {given}"
        )
    if tracks is not None and completer is None:
        raise ValueError(
            "tracks say how a few points move; connect flow_completion too (from Load MCDiff), "
            "which finds the motion of all pixels, or make a motion_field of them with Densify "
            "Tracks"
        )
    if field is not None and completer is not None:
        raise ValueError(
            "flow_completion completes tracks, but motion_field is connected, which needs none; "
            "disconnect one of the two"
        )
    motion = field if tracks is None else Tracks.from_dict(tracks, size)
    if motion.frames < 2:
        raise ValueError(
            f"the {named(motion)} {motion.frames} frame, in which nothing can move; give 2 or more"
        )
    return motion


def named(motion: Tracks | MotionField) -> str:
    return "tracks have" if isinstance(motion, Tracks) else "motion field has"


def in_frames(motion: Tracks | MotionField, frames: int) -> Tracks | MotionField:
    """The motion in so many frames; 0: as it is."""
    if frames == 0:
        return motion
    return motion.retimed(frames) if isinstance(motion, Tracks) else retimed(motion, frames)


def directions(motion: Tracks | MotionField, view: View, completer, first: int = 0) -> Directions:
    """What a rollout follows; `first` is the number of the step that the motion begins with."""
    if isinstance(motion, Tracks):
        return by_strokes(completer, view.see_tracks(motion), first)
    return by_field(view.see_field(motion), first)


def further(motion: Tracks | MotionField, before: int) -> int:
    """How many frames a motion has beyond so many."""
    if motion.frames <= before:
        raise ValueError(
            f"the {named(motion)} {motion.frames} frames, and frames_so_far {before} already; give "
            f"a motion of the whole clip, set more_frames, or set strokes to '{ON_LAST}'"
        )
    return motion.frames - before


def check_field(field: MotionField | None, frames: int, size: tuple[int, int]) -> None:
    """Raises ValueError unless a field belongs to the frames so far."""
    if field is not None and (field.frames, field.size) != (frames, size):
        raise ValueError(
            f"motion_field_so_far has {field.frames} frames of {field.size[0]}x{field.size[1]}, "
            f"but frames_so_far {frames} of {size[0]}x{size[1]}; connect both from one sampler"
        )
