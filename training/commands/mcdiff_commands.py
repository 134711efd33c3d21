"""The sub-command `mcdiff`: flow completion, the future frame, and both end to end."""

from __future__ import annotations

import argparse
import json
import logging
import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import cv2

from ...models.files.trained import EPS, Trained
from ...models.host.mcdiff_file import COMPLETION, FUTURE, McdiffFile, read_mcdiff
from ..data.batches import MakeBatch
from ..data.field_cache import usable_videos
from ..data.keypoint_flow import Correction
from ..data.photographs import Photographs
from ..data.scenes import LAST_STRIDE
from ..data.seeds import begin
from ..data.sparse_flow import Sampling
from ..data.step_clips import SyntheticSteps
from ..data.step_folder import PACES, Drawn, StepFields, StepFolder, StepOptions
from ..data.videos import list_videos
from ..loop import train
from ..objectives import networks, pretrained
from ..objectives.mcdiff import FLOW, TOGETHER, McdiffInputs, McdiffObjective
from ..objectives.noise import Schedule
from . import mcdiff_options
from .data_options import cache_of, told_of
from .mcdiff_options import FLOW_SHAPE, FRAME_SHAPE, SYNTHETIC_PACES
from .options import read_options, settings_of

logger = logging.getLogger(__name__)

add_arguments = mcdiff_options.add_arguments


def run(args: argparse.Namespace) -> int:
    """Trains one step of MCDiff."""
    settings = settings_of(args)
    mcdiff_options.check(args)
    if args.workers:
        # Threads of OpenCV do not survive the fork of a worker, which would wait for them.
        cv2.setNumThreads(0)
    starts = _starts(args)
    make = _batches(args)
    trial = make(0, 0, 1) if settings.report_every else None
    vae = pretrained.load_vae(args.vae)
    inputs = read_options(
        args,
        McdiffInputs,
        image=partial(pretrained.encoded, vae),
        decode=partial(pretrained.decoded, vae),
        schedule=Schedule(starts.trained.prediction, starts.trained.zero_terminal_snr),
    )
    metadata = _metadata(args, starts.trained)
    begin(settings.seed)
    objective = McdiffObjective(
        args.step, starts.flow(args), starts.frame(args), inputs, args.apart, metadata, trial
    )
    return 0 if train(objective, make, settings, args.out) else 1


@dataclass(frozen=True)
class _Starts:
    """What is gone on from; None: from nothing."""

    completion: McdiffFile | None
    future: McdiffFile | None
    trained: Trained

    def flow(self, args: argparse.Namespace) -> Any:
        """F, where the step trains it."""
        if args.step not in (FLOW, TOGETHER):
            return None
        if self.completion is None:
            return networks.flow_completion(_shaped(args, FLOW_SHAPE))
        assert self.completion.completion_shape is not None
        net = networks.flow_completion(self.completion.completion_shape)
        return networks.filled(net, self.completion.completion)

    def frame(self, args: argparse.Namespace) -> Any:
        """G, where the step trains it."""
        if args.step == FLOW:
            return None
        if self.future is None:
            return networks.future_frame(_shaped(args, FRAME_SHAPE))
        assert self.future.frame_shape is not None
        return networks.filled(networks.future_frame(self.future.frame_shape), self.future.future)


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
    given = {name: getattr(args, name) for name in ("width", "mult", "blocks")}
    return replace(usual, **{name: value for name, value in given.items() if value is not None})


def _batches(args: argparse.Namespace) -> MakeBatch:
    """The batches that the options ask for.

    Raises:
        ValueError: for options that cannot be, or videos that cannot be used, naming them all.
    """
    paces = args.pace or (SYNTHETIC_PACES if args.synthetic else PACES)
    options = StepOptions(args.size, args.frames, paces, args.crop, args.data_seed)
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
    drawn = Drawn(read_options(args, Correction, prefix="keypoint_"), sampling)
    cache = cache_of(args, StepFields)
    videos = usable_videos(list_videos(args.videos), options.needed, args.skip_broken)
    logger.info("%d videos", len(videos))
    each, skip = args.clips_per_video, args.skip_broken
    return StepFolder(videos, cache, options, {}, each, args.batch, skip, drawn=drawn).make_batch


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
