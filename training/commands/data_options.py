"""Options that say which clips a training sees, and the clips that they ask for."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ...models.trackers.methods import ANCHORED, WITHOUT_WEIGHTS
from ...scenes.photographs import Photographs
from ..data.batches import MakeBatch
from ..data.captions import read_captions
from ..data.clip_plans import EVEN, RANDOM, ClipOptions
from ..data.field_cache import CLIPS_PER_VIDEO, FieldCache, usable_videos
from ..data.folder_data import FolderClips
from ..data.scene_batches import RandomTimes, StrideTimes, SyntheticClips, TimesOf
from ..data.scenes import LAST_STRIDE
from ..data.video_fields import DOT, TrackerSettings
from ..data.videos import list_videos
from .options import TYPES, add_options, read_with, whole_numbers

logger = logging.getLogger(__name__)


def video_arguments(
    parser: argparse.ArgumentParser,
    required: bool,
    size: tuple[int, int] = ClipOptions.size,
    frames: int = ClipOptions.frames,
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
    shown = "{}x{}".format(*size)
    add_options(parser, ClipOptions, ("size", "frames", "crop"), size=shown, frames=frames)
    add_options(parser, ClipOptions, ("seed",), prefix="data_")
    parser.add_argument(
        "--clips-per-video",
        type=TYPES["Count"],
        default=CLIPS_PER_VIDEO,
        help="how many different clips a video gives",
    )
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
        type=read_with(f"{EVEN}, {RANDOM} or numbers as 8,16,24", _strides),
        help=f"how far ahead the frames are: '{EVEN}' steps (more than 2 frames), '{RANDOM}' "
        "(2 frames), or numbers as 8,16,24",
    )
    add_options(parser, ClipOptions, ("longest",))


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


def source_arguments(parser: argparse.ArgumentParser, batch: int) -> None:
    """`--synthetic`, instead of `--videos`, and `--batch` with its default."""
    parser.add_argument(
        "--synthetic",
        action="store_true",
        help="endless synthetic clips with exact motion, instead of --videos",
    )
    parser.add_argument("--batch", type=int, default=batch, help="clips a batch and process")


def data_arguments(parser: argparse.ArgumentParser, batch: int = 1) -> None:
    """Adds what says where clips come from."""
    folder_arguments(parser)
    source_arguments(parser, batch)


def options_of(args: argparse.Namespace) -> ClipOptions:
    """The clips that the arguments ask for."""
    return ClipOptions(
        args.size, args.frames, args.strides, args.longest, args.crop, args.data_seed
    )


def cache_of(args: argparse.Namespace, kind: type[FieldCache] = FieldCache) -> FieldCache:
    """The cache and the tracker that the arguments ask for.

    Raises:
        ValueError: for no folder, or one or a tracker that cannot be used.
    """
    if args.cache is None:
        raise ValueError("--videos needs --cache, a folder in which motion fields are kept")
    files = args.raft, args.cotracker, args.refiner
    name = args.tracker or (DOT if any(files) else ANCHORED)
    return kind(args.cache, TrackerSettings(name, args.tracker_step, *files, args.tracker_device))


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
    each, skip = args.clips_per_video, args.skip_broken
    return FolderClips(videos, cache, options, captions, each, batch, skip)


def check_source(args: argparse.Namespace) -> None:
    """Raises ValueError for no source or two, or an empty batch."""
    if args.synthetic == (args.videos is not None):
        raise ValueError("give either --videos FOLDER --cache FOLDER, or --synthetic")
    if args.batch < 1:
        raise ValueError(f"a batch has at least 1 clip, not {args.batch}")


def batches_of(args: argparse.Namespace) -> MakeBatch:
    """The batches that the options ask for, as `training.loop.train` takes them.

    Raises:
        ValueError: for no source or two, and for options or files that cannot be used.
    """
    check_source(args)
    return _synthetic(args) if args.synthetic else folder_clips(args, args.batch).make_batch


def _synthetic(args: argparse.Namespace) -> MakeBatch:
    options = options_of(args)
    kind, longest = options.kind, options.longest
    times: Callable[[int], TimesOf] = RandomTimes
    if kind == EVEN:
        step = longest // (options.frames - 1)
        kind = tuple(step * frame for frame in range(1, options.frames))
    if isinstance(kind, tuple):
        times, longest = partial(_at_strides, kind), kind[-1]
    if longest > LAST_STRIDE:
        raise ValueError(f"synthetic clips have strides up to {LAST_STRIDE}, not {longest}")
    pictures = options.frames * args.batch
    sizes, frames = (options.size,), (options.frames,)
    return SyntheticClips(Photographs("train"), options.seed, sizes, frames, pictures, times)


def _at_strides(strides: tuple[int, ...], _: int) -> StrideTimes:
    return StrideTimes(strides)


def told_of(synthetic: bool) -> str:
    """What a file says of the data that it was trained on."""
    return "synthetic clips, see training/data/scenes.py" if synthetic else "a folder of videos"


def _strides(text: str) -> str | tuple[int, ...]:
    return text if text in (EVEN, RANDOM) else whole_numbers(text)
