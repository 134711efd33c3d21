"""The sub-command `mcdiff`: flow completion, the future frame, and both end to end."""

from __future__ import annotations

import argparse
import json
import logging
import math
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2

from ...models.files.trained import EPS, Trained
from ...models.host.mcdiff_file import COMPLETION, FUTURE, STROKES, McdiffFile, read_mcdiff
from ...models.networks.mcdiff_shapes import CompletionShape, FrameShape
from ...scenes.photographs import Photographs
from ..data.batches import MakeBatch
from ..data.clip_plans import VIDEO_PACES, StepOptions
from ..data.field_cache import usable_videos
from ..data.keypoint_flow import Correction
from ..data.ranges import Count, Numbers, Range, Width
from ..data.scenes import LAST_STRIDE
from ..data.seeds import begin
from ..data.sparse_flow import USUAL, Sampling
from ..data.step_clips import SyntheticSteps
from ..data.step_folder import StepFields, StepFolder
from ..data.videos import list_videos
from ..loop import train
from ..objectives import networks, pretrained
from ..objectives.mcdiff import FLOW, NEEDED, STEPS, TOGETHER, F, G, McdiffInputs, McdiffObjective
from ..objectives.noise import Schedule
from . import options
from .data_options import SourceOptions, cache_of, check_source, told_of, video_arguments
from .options import TYPES, add_options, read_options

logger = logging.getLogger(__name__)

FLOW_SHAPE = CompletionShape(64, (1, 2, 3, 4))
FRAME_SHAPE = FrameShape(192, (1, 2, 4), 2)
"""Of new networks, unless the options say otherwise."""
SYNTHETIC_PACES = (4, 30)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `mcdiff` takes."""
    video_arguments(parser, size=(160, 96), frames=3)
    add_options(parser, SourceOptions, batch=8)
    keypoints = parser.add_argument_group("keypoints, which correct the flow of videos")
    add_options(keypoints, Correction, prefix="keypoint_")
    _network_arguments(parser)
    strokes = parser.add_argument_group("strokes")
    names = ("strokes", "background", "each", "anywhere", "nothing", "many")
    add_options(strokes, Sampling, names)
    strokes.add_argument(
        "--half-size", type=TYPES["Whole"], default=USUAL.half_size[0], help="of a square, px"
    )
    options.loop_arguments(parser, steps=30_000)


def _check(args: argparse.Namespace) -> None:
    """Says what does not go together before anything is read.

    Raises:
        ValueError: for options that do not.
    """
    step = args.step
    check_source(args)
    if args.half_size > STROKES[1]:
        raise ValueError(f"a stroke's half size is at most {STROKES[1]} px, not {args.half_size}")
    if args.apart and step != TOGETHER:
        raise ValueError(f"--apart is a way of step '{TOGETHER}', not of '{step}'")
    if args.flow_start and step not in (FLOW, TOGETHER):
        raise ValueError(f"step '{step}' has no use for flow completion: leave out --flow-start")
    if args.frame_start and step == FLOW:
        raise ValueError(f"step '{step}' has no use for the future frame: leave out --frame-start")
    starts = args.flow_start or args.frame_start
    if step == TOGETHER and not starts:
        raise ValueError(
            f"step '{TOGETHER}' goes on from both halves: name a finished file of each "
            "(--flow-start, --frame-start), or one that holds both"
        )
    if starts and (args.width or args.levels or args.blocks):
        raise ValueError("the file to go on from has its own --width, --levels and --blocks")
    if not starts:
        Schedule(args.prediction or EPS, args.zero_terminal_snr)


@dataclass(frozen=True)
class McdiffOptions:
    """What is trained, and from what.

    Args:
        pace: frames of the video from one frame of a clip to the next; default: 1-8; of
            --synthetic, in 120ths of a scene's motion, default 4-30.
        apart: of together: G's loss does not reach F.
        flow_start: a finished mcdiff file whose flow completion to go on from.
        frame_start: a finished mcdiff file whose future frame to go on from.
        vae: SD 1.5's VAE, or one that image-vae trained; the small model's without it.
        prediction: what G predicts; default: eps, as published.
        zero_terminal_snr: G's last timestep is pure noise; needs v prediction.
        width: channels of the first level; default: 64 for F, 192 for G.
        levels: each level's channels, in widths; default: 1,2,3,4 for F, 1,2,4 for G.
        blocks: residual blocks a level; default: 1 for F, 2 for G.
    """

    pace: Range | None = None
    apart: bool = False
    flow_start: Path | None = None
    frame_start: Path | None = None
    vae: Path | None = None
    prediction: str | None = None
    zero_terminal_snr: bool = False
    width: Width | None = None
    levels: Numbers | None = None
    blocks: Count | None = None


def _network_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("mcdiff")
    group.add_argument(
        "--step",
        choices=STEPS,
        required=True,
        help="flow: F, flow completion; frame: G, the future frame, on true flow; together: both, "
        "G's loss through F; sparse: G on strokes alone, the paper's ablation",
    )
    add_options(group, McdiffOptions)
    add_options(group, McdiffInputs, ("moving", "coded", "dropped", "blurred"))


def run(args: argparse.Namespace) -> int:
    """Trains one step of MCDiff."""
    settings = options.settings_of(args)
    _check(args)
    if args.workers:
        # Threads of OpenCV do not survive the fork of a worker, which would wait for them.
        cv2.setNumThreads(0)
    starts = _starts(args)
    make = _batches(args)
    trial = make(0, 0, 1) if settings.report_every else None
    vae = pretrained.load_vae(args.vae)
    image, decode = partial(pretrained.encoded, vae), partial(pretrained.decoded, vae)
    schedule = Schedule(starts.trained.prediction, starts.trained.zero_terminal_snr)
    inputs = read_options(args, McdiffInputs, image=image, decode=decode, schedule=schedule)
    told: Any = {"metadata": _metadata(args, starts.trained), "trial": trial}
    begin(settings.seed)
    flow, frame = starts.flow(args), starts.frame(args)
    objective = McdiffObjective(args.step, flow, frame, inputs, args.apart, **told)
    return 0 if train(objective, make, settings, args.out) else 1


@dataclass(frozen=True)
class _Starts:
    """What is gone on from; None: from nothing."""

    completion: McdiffFile | None
    future: McdiffFile | None
    trained: Trained

    def flow(self, args: argparse.Namespace) -> Any:
        """F, where the step trains it."""
        if F not in NEEDED[args.step]:
            return None
        file = self.completion
        shape: Any = file.completion_shape if file else _shaped(args, FLOW_SHAPE)
        network = networks.flow_completion(shape)
        return networks.filled(network, file.completion) if file else network

    def frame(self, args: argparse.Namespace) -> Any:
        """G, where the step trains it."""
        if G not in NEEDED[args.step]:
            return None
        file = self.future
        shape: Any = file.frame_shape if file else _shaped(args, FRAME_SHAPE)
        network = networks.future_frame(shape)
        return networks.filled(network, file.future) if file else network


def _starts(args: argparse.Namespace) -> _Starts:
    """Reads the files to go on from.

    Raises:
        ValueError: for one without the half that is needed, or of another prediction than asked.
    """
    flow, frame = args.flow_start, args.frame_start
    if args.step == TOGETHER:
        flow, frame = flow or frame, frame or flow
    completion, future = (read_mcdiff(path) if path else None for path in (flow, frame))
    for half, needed in ((completion, COMPLETION), (future, FUTURE)):
        if half is not None:
            half.demand(needed)
    file = future or completion
    if file is None:
        # G attends to nothing, and sees two frames.
        prediction = args.prediction or EPS
        return _Starts(None, None, Trained(prediction, args.zero_terminal_snr, heads=1, frames=2))
    told = replace(file.trained, prediction=file.trained.prediction or EPS)
    if args.prediction not in (None, told.prediction) or (
        args.zero_terminal_snr and not told.zero_terminal_snr
    ):
        raise ValueError(
            f"{file.source} was trained to predict '{told.prediction}', zero terminal SNR "
            f"{told.zero_terminal_snr}: leave out --prediction and --zero-terminal-snr"
        )
    return _Starts(completion, future, told)


def _shaped(args: argparse.Namespace, usual: Any) -> Any:
    given = {"width": args.width, "mult": args.levels, "blocks": args.blocks}
    return replace(usual, **{name: value for name, value in given.items() if value is not None})


def _batches(args: argparse.Namespace) -> MakeBatch:
    """The batches that the options ask for.

    Raises:
        ValueError: for options that cannot be, or videos that cannot be used, naming them all.
    """
    paces = args.pace or (SYNTHETIC_PACES if args.synthetic else VIDEO_PACES)
    clips = StepOptions(args.size, args.frames, paces, args.crop, args.data_seed)
    sampling = read_options(args, Sampling, half_size=(args.half_size, args.half_size))
    steps = args.frames - 1
    if args.synthetic:
        if paces[1] > LAST_STRIDE // steps:
            raise ValueError(
                f"a synthetic clip of {args.frames} frames has a pace up to "
                f"{LAST_STRIDE // steps}, not {paces[1]}: give a lower --pace"
            )
        low, high = (pace / LAST_STRIDE for pace in paces)
        sizes, pictures = (args.size,), args.batch * steps
        scenes = Photographs("train")
        return SyntheticSteps(
            scenes, args.data_seed, sizes, args.frames, pictures, sampling, (low, high)
        )
    drawn: Any = {
        "correction": read_options(args, Correction, prefix="keypoint_"),
        "sampling": sampling,
    }
    cache = cache_of(args, StepFields)
    videos = usable_videos(list_videos(args.videos), clips.needed, args.skip_broken)
    logger.info("%d videos", len(videos))
    each, skip = args.clips_per_video, args.skip_broken
    return StepFolder(videos, cache, clips, {}, each, args.batch, skip, **drawn).make_batch


def _metadata(args: argparse.Namespace, trained: Trained) -> dict[str, str]:
    """What the file says of itself."""
    configuration = {"step": args.step, "vae": args.vae.name if args.vae else "the small model's"}
    return {
        **trained.metadata(),
        "motion_i2v.data": told_of(args.synthetic),
        "motion_i2v.side": str(round(math.sqrt(args.size[0] * args.size[1]))),
        "motion_i2v.stroke": str(args.half_size),
        "motion_i2v.configuration": json.dumps(configuration),
    }
