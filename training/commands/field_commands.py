"""The sub-command `fields`: the motion of all clips of a folder of videos, tracked in advance."""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass

from ..data.clip_plans import ClipOptions
from ..data.field_cache import FieldCache, fill, usable_videos
from ..data.ranges import Part
from ..data.videos import list_videos
from .data_options import cache_of, options_of, video_arguments
from .options import add_options

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ShareOptions:
    """What is done of the work.

    Args:
        part: of the videos, as 2/8: for 8 processes or machines that share the work.
    """

    part: Part = (1, 1)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `fields` takes."""
    video_arguments(parser, required=True)
    add_options(parser, ClipOptions, ("strides", "longest"))
    add_options(parser, ShareOptions)


def run(args: argparse.Namespace) -> int:
    """Tracks all clips that are not in the cache yet."""
    options, cache = options_of(args), cache_of(args)
    part, parts = args.part
    videos = list_videos(args.videos)[part - 1 :: parts]
    videos = usable_videos(videos, options.needed, args.skip_broken)
    cache.store.clean()
    _check_room(cache, options, len(videos) * args.clips_per_video)
    fill(cache, videos, options, args.clips_per_video, args.skip_broken)
    return 0


def _check_room(cache: FieldCache, options: ClipOptions, clips: int) -> None:
    width, height = options.size
    each = options.tracked * width * height * (4 + 1 / 8)
    used = sum(file.stat().st_size for file in cache.store.folder.glob("??/*.safetensors"))
    needed, free = max(0.0, clips * each - used), cache.store.free()
    logger.info("%d clips of %dx%d, about %.2f GB in all", clips, width, height, clips * each / 1e9)
    if needed > free:
        raise ValueError(
            f"{clips} motion fields take about {clips * each / 1e9:.1f} GB, but "
            f"{cache.store.folder} has {free / 1e9:.1f} GB left: make room, give another folder "
            "with --cache, or take fewer with --clips-per-video or smaller ones with --size"
        )
