"""Options that say which clips a training sees, and the clips that they ask for."""

from __future__ import annotations

import argparse
import logging
from functools import partial
from pathlib import Path

from ...models.trackers.methods import ANCHORED, WITHOUT_WEIGHTS
from ..data.batches import LONGEST, MakeBatch, StrideTimes
from ..data.captions import read_captions
from ..data.clip_plans import CENTER, EVEN, RANDOM, ClipOptions
from ..data.field_cache import CLIPS_PER_VIDEO, FieldCache, usable_videos
from ..data.folder_data import FolderClips
from ..data.photographs import Photographs
from ..data.scene_batches import RandomTimes, Shape, synthetic_batch
from ..data.video_fields import DOT, TrackerSettings
from ..data.videos import list_videos

logger = logging.getLogger(__name__)


def video_arguments(
    parser: argparse.ArgumentParser, required: bool, size: str = "512x320", frames: int = 16
) -> None:
    """What says which clips of which videos, and how their motion is found.

    Args:
        required: whether there must be videos.
        size, frames: defaults of a clip.
    """
    parser.add_argument(
        "--videos", type=Path, required=required, help="folder of video files, folders in it too"
    )
    parser.add_argument(
        "--cache", type=Path, required=required, help="folder in which motion fields are kept"
    )
    parser.add_argument("--size", type=_size, default=size, help="of a clip")
    parser.add_argument("--frames", type=int, default=frames, help="of a clip, the first included")
    parser.add_argument("--crop", choices=(CENTER, RANDOM), default=CENTER, help="of a frame")
    parser.add_argument(
        "--clips-per-video",
        type=_count,
        default=CLIPS_PER_VIDEO,
        help="how many different clips a video gives",
    )
    parser.add_argument("--data-seed", type=int, default=0, help="of which clips they are")
    parser.add_argument(
        "--skip-broken", action="store_true", help="leave out videos that cannot be used"
    )
    tracker = parser.add_argument_group("tracker")
    tracker.add_argument(
        "--tracker", choices=(*WITHOUT_WEIGHTS, DOT), help=f"default: {DOT} with files, {ANCHORED}"
    )
    tracker.add_argument(
        "--tracker-step", type=int, help="track by way of frames at most this far apart"
    )
    for name in ("raft", "cotracker", "refiner"):
        tracker.add_argument(f"--{name}", type=Path, help=f"weights of {DOT}: its {name} file")
    tracker.add_argument("--tracker-device", default="cpu", help=f"on which {DOT} runs")


def stride_arguments(parser: argparse.ArgumentParser) -> None:
    """How far from the reference the frames are, for what learns fields from a reference."""
    parser.add_argument(
        "--strides",
        type=_strides,
        help=f"how far ahead the frames are: '{EVEN}' steps (more than 2 frames), '{RANDOM}' "
        "(2 frames), or numbers as 8,16,24",
    )
    parser.add_argument("--longest", type=int, default=120, help="the largest stride")


def folder_arguments(parser: argparse.ArgumentParser, required: bool = False) -> None:
    """What a training needs to know of a folder of videos; without --videos there is none."""
    video_arguments(parser, required)
    stride_arguments(parser)
    parser.add_argument(
        "--captions",
        type=Path,
        help="a .csv file with the columns file and caption, a .txt file of file, tab, caption, "
        "or a folder of .txt files; default: captions.csv, captions.txt or the .txt files beside "
        "the videos, where there are any",
    )


def data_arguments(parser: argparse.ArgumentParser, batch: int = 1) -> None:
    """Adds what says where clips come from: `--videos` and its options, or `--synthetic`.

    Args:
        batch: the default of `--batch`.
    """
    folder_arguments(parser)
    parser.add_argument(
        "--synthetic",
        action="store_true",
        help="endless synthetic clips with exact motion, instead of --videos",
    )
    parser.add_argument("--batch", type=int, default=batch, help="clips a batch and process")


def options_of(args: argparse.Namespace) -> ClipOptions:
    """The clips that the arguments ask for."""
    return ClipOptions(
        args.size, args.frames, args.strides, args.longest, args.crop, args.data_seed
    )


def cache_of(args: argparse.Namespace) -> FieldCache:
    """The cache and the tracker that the arguments ask for.

    Raises:
        ValueError: for no folder, or one or a tracker that cannot be used.
    """
    if args.cache is None:
        raise ValueError("--videos needs --cache, a folder in which motion fields are kept")
    given = any((args.raft, args.cotracker, args.refiner))
    settings = TrackerSettings(
        args.tracker or (DOT if given else ANCHORED),
        args.tracker_step,
        args.raft,
        args.cotracker,
        args.refiner,
        args.tracker_device,
    )
    return FieldCache(args.cache, settings)


def folder_clips(args: argparse.Namespace, batch: int = 1) -> FolderClips:
    """The clips that the arguments ask for, after a look at every video and caption.

    Raises:
        ValueError: for videos that cannot be used, or captions that are wrong; naming them all.
    """
    options, cache = options_of(args), cache_of(args)
    listed = list_videos(args.videos)
    captions = read_captions(args.videos, listed, args.captions)
    videos = usable_videos(listed, options.needed, args.skip_broken)
    with_caption = sum(bool(captions[path]) for path in videos)
    logger.info("%d videos, %d with a caption", len(videos), with_caption)
    return FolderClips(
        videos,
        captions,
        cache,
        options,
        clips_per_video=args.clips_per_video,
        batch=batch,
        skip_broken=args.skip_broken,
    )


def batches_of(args: argparse.Namespace) -> MakeBatch:
    """The batches that the options ask for, as `training.loop.train` takes them.

    Raises:
        ValueError: for no source or two, and for options or files that cannot be used.
    """
    if args.synthetic == (args.videos is not None):
        raise ValueError("give either --videos FOLDER --cache FOLDER, or --synthetic")
    if args.batch < 1:
        raise ValueError(f"a batch has at least 1 clip, not {args.batch}")
    if args.synthetic:
        return _synthetic(args)
    return folder_clips(args, args.batch).make_batch


def _synthetic(args: argparse.Namespace) -> MakeBatch:
    options = options_of(args)
    strides = options.kind
    if strides == EVEN:
        step = options.longest // (options.frames - 1)
        strides = tuple(step * frame for frame in range(1, options.frames))
    longest = strides[-1] if isinstance(strides, tuple) else options.longest
    if longest > LONGEST:
        raise ValueError(f"synthetic clips have strides up to {LONGEST}, not {longest}")
    return partial(
        synthetic_batch,
        seed=options.seed,
        shape=Shape(options.size, options.frames, args.batch),
        times_of=StrideTimes(strides)
        if isinstance(strides, tuple)
        else RandomTimes(options.frames),
        photographs=Photographs("train"),
    )


def told_of(args: argparse.Namespace) -> str:
    """What a file says of the data that it was trained on."""
    return (
        "synthetic clips, see training/data/scenes.py" if args.synthetic else "a folder of videos"
    )


def _size(text: str) -> tuple[int, int]:
    try:
        width, height = (int(side) for side in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size as 512x320") from None
    return width, height


def _strides(text: str) -> str | tuple[int, ...]:
    if text in (EVEN, RANDOM):
        return text
    try:
        return tuple(int(stride) for stride in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not {EVEN}, {RANDOM} or numbers as 8,16,24"
        ) from None


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of clips, 1 at least")
    return int(text)
