"""Options that say which clips a training sees, and the clips that they ask for."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable
from dataclasses import MISSING, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ...models.trackers.methods import ANCHORED
from ...scenes.photographs import Photographs
from ..data.batches import MakeBatch
from ..data.captions import read_captions
from ..data.clip_plans import EVEN, ClipOptions
from ..data.field_cache import CLIPS_PER_VIDEO, FieldCache, usable_videos
from ..data.folder_data import FolderClips
from ..data.ranges import Count, Folder
from ..data.scene_batches import RandomTimes, StrideTimes, SyntheticClips, TimesOf
from ..data.scenes import LAST_STRIDE
from ..data.video_fields import DOT, TrackerSettings
from ..data.videos import list_videos
from .options import add_options, read_options

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class VideoOptions:
    """Of which videos there are clips, and how their motion is found.

    Args:
        videos: folder of video files, folders in it too.
        cache: folder in which motion fields are kept.
        clips_per_video: how many different clips a video gives.
        skip_broken: leave out videos that cannot be used.
        tracker: how motion is found; default: DOT with files, accurate.
    """

    videos: Folder | None = None
    cache: Folder | None = None
    clips_per_video: Count = CLIPS_PER_VIDEO
    skip_broken: bool = False
    tracker: str | None = None


def video_arguments(
    parser: argparse.ArgumentParser, required: bool = False, **defaults: Any
) -> None:
    """What says which clips of which videos, and how their motion is found.

    Args:
        required: whether there must be videos.
        defaults: other ones of a clip than ClipOptions', such as frames=3.
    """
    needed: dict[str, Any] = {"videos": MISSING, "cache": MISSING} if required else {}
    add_options(parser, VideoOptions, **needed)
    add_options(parser, TrackerSettings, ("step", "device"), prefix="tracker_")
    add_options(parser, TrackerSettings, ("raft", "cotracker", "refiner"))
    add_options(parser, ClipOptions, ("size", "frames", "crop"), **defaults)
    add_options(parser, ClipOptions, ("seed",), prefix="data_")


@dataclass(frozen=True)
class CaptionOptions:
    """What is said of the videos.

    Args:
        captions: a .csv file with the columns file and caption, a .txt file of file, tab, caption,
            or a folder of .txt files; default: captions.csv, captions.txt or the .txt files beside
            the videos, where there are any.
    """

    captions: Path | None = None


def folder_arguments(parser: argparse.ArgumentParser) -> None:
    """What a training needs to know of a folder of videos; without --videos there is none."""
    video_arguments(parser)
    add_options(parser, ClipOptions, ("strides", "longest"))
    add_options(parser, CaptionOptions)


@dataclass(frozen=True)
class SourceOptions:
    """Where clips come from.

    Args:
        synthetic: endless synthetic clips with exact motion, instead of --videos.
        batch: clips a batch and process.
    """

    synthetic: bool = False
    batch: int = 1


def options_of(args: argparse.Namespace) -> ClipOptions:
    """The clips that the arguments ask for."""
    return read_options(args, ClipOptions, seed=args.data_seed)


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
