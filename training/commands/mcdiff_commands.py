"""The sub-command `mcdiff`: flow completion, the future frame, and both end to end."""

from __future__ import annotations

import argparse
import json
import logging
import math
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import cv2
import torch

from ...models.files.trained import EPS, Trained
from ...models.host.mcdiff_file import COMPLETION, FUTURE, McdiffFile, read_mcdiff
from ..data.batches import LONGEST, MakeBatch
from ..data.field_cache import usable_videos
from ..data.keypoint_flow import Correction
from ..data.photographs import Photographs
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
from .options import settings_of

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
    schedule = Schedule(starts.trained.prediction, starts.trained.zero_terminal_snr)
    inputs = McdiffInputs(
        partial(pretrained.encoded, vae),
        partial(pretrained.decoded, vae),
        schedule,
        **{name: getattr(args, name) for name in ("moving", "coded", "dropped", "blurred")},
    )
    metadata = _metadata(args, starts.trained)
    torch.manual_seed(settings.seed)
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
    completion = read_mcdiff(flow) if flow else None
    future = read_mcdiff(frame) if frame else None
    if completion is not None:
        completion.demand(COMPLETION)
    if future is not None:
        future.demand(FUTURE)
    file = future or completion
    if file is None:
        return _Starts(None, None, _trained(args))
    told = replace(file.trained, prediction=file.trained.prediction or EPS)
    if args.prediction not in (None, told.prediction) or (
        args.zero_terminal_snr and not told.zero_terminal_snr
    ):
        raise ValueError(
            f"{file.source} was trained to predict '{told.prediction}', zero terminal SNR "
            f"{told.zero_terminal_snr}: leave out --prediction and --zero-terminal-snr"
        )
    return _Starts(completion, future, told)


def _trained(args: argparse.Namespace) -> Trained:
    """How G is trained from nothing: it attends to nothing, and sees two frames."""
    return Trained(args.prediction or EPS, args.zero_terminal_snr, heads=1, frames=2)


def _shaped(args: argparse.Namespace, usual: Any) -> Any:
    given = {"width": args.width, "mult": args.levels, "blocks": args.blocks}
    return replace(usual, **{name: value for name, value in given.items() if value is not None})


def _batches(args: argparse.Namespace) -> MakeBatch:
    """The batches that the options ask for."""
    paces = args.pace or (SYNTHETIC_PACES if args.synthetic else PACES)
    options = StepOptions(args.size, args.frames, paces, args.crop, args.data_seed)
    sampling = _sampling(args)
    if not args.synthetic:
        correction = Correction(
            **{item.name: getattr(args, f"keypoint_{item.name}") for item in fields(Correction)}
        )
        return _folder(args, options, Drawn(correction, sampling)).make_batch
    if paces[1] > LONGEST // (args.frames - 1):
        raise ValueError(
            f"a synthetic clip of {args.frames} frames has a pace up to "
            f"{LONGEST // (args.frames - 1)}, not {paces[1]}: give a lower --pace"
        )
    return SyntheticSteps(
        Photographs("train"),
        args.data_seed,
        (args.size,),
        args.frames,
        args.batch * (args.frames - 1),
        sampling,
        (paces[0] / LONGEST, paces[1] / LONGEST),
    )


def _folder(args: argparse.Namespace, options: StepOptions, drawn: Drawn) -> StepFolder:
    """The clips of the folder that the options ask for.

    Raises:
        ValueError: for videos that cannot be used, naming them all.
    """
    cache = StepFields(args.cache, cache_of(args).settings)
    videos = usable_videos(list_videos(args.videos), options.needed, args.skip_broken)
    logger.info("%d videos", len(videos))
    return StepFolder(
        videos,
        cache,
        options,
        drawn,
        clips_per_video=args.clips_per_video,
        batch=args.batch,
        skip_broken=args.skip_broken,
    )


def _sampling(args: argparse.Namespace) -> Sampling:
    names = ("strokes", "background", "each", "anywhere", "nothing", "many")
    given = {name: getattr(args, name) for name in names}
    return Sampling(**given, half_size=(args.half_size, args.half_size))


def _metadata(args: argparse.Namespace, trained: Trained) -> dict[str, str]:
    """What the file says of itself."""
    configuration = {"step": args.step, "vae": args.vae.name if args.vae else "the small model's"}
    return {
        **trained.metadata(),
        "motion_i2v.data": told_of(args),
        "motion_i2v.side": str(round(math.sqrt(args.size[0] * args.size[1]))),
        "motion_i2v.stroke": str(args.half_size),
        "motion_i2v.configuration": json.dumps(configuration),
    }
