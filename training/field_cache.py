"""Motion fields for clips of videos: from the cache, or tracked now and kept.

`python -m training fields` tracks them all in advance; training tracks what is missing.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..models.trackers.methods import ANCHORED, WITHOUT_WEIGHTS
from ..models.trackers.steps import Tracker
from .clip_plans import CENTER, EVEN, RANDOM, ClipOptions, Plan
from .field_store import FieldStore
from .video_fields import DOT, TrackerSettings, Untrackable, VideoField, extract
from .videos import Video, VideoError, list_videos, probe, problems

ATTEMPTS = 8
LISTED = 20
NOTE_EVERY = 10.0
CLIPS_PER_VIDEO = 16

logger = logging.getLogger(__name__)


class FieldCache:
    """Fields by video and plan, each tracked once.

    Args:
        folder: where they are kept; made where it is missing.
        settings: of the tracker.

    Raises:
        ValueError: where the folder cannot be used.
    """

    def __init__(self, folder: Path, settings: TrackerSettings | None = None):
        self.store = FieldStore(folder)
        self.settings = settings or TrackerSettings()
        self._settings_key = self.settings.key()
        self._tracker: Tracker | None = None

    def key(self, video: Video, plan: Plan) -> dict[str, Any]:
        """All that the field depends on."""
        crop = plan.crop
        return {
            "video": video.digest,
            "start": plan.start,
            "strides": list(plan.strides),
            "crop": [crop.left, crop.top, crop.width, crop.height],
            "size": list(plan.size),
            "tracker": self._settings_key,
        }

    def field(self, video: Video, plan: Plan) -> VideoField:
        """The motion of a plan; bit-same whether it was kept or is tracked now.

        Raises:
            Untrackable: where the video is cut in between, or a frame is blank.
            VideoError: where it cannot be decoded.
            DiskFull: where there is no room to keep it.
        """
        key = self.key(video, plan)
        kept = self.store.load(key)
        if kept is None:
            kept = self._tracked(key, video, plan)
        if isinstance(kept, str):
            raise Untrackable(kept)
        return kept

    def usable(self, video: Video, number: int, options: ClipOptions) -> tuple[Plan, VideoField]:
        """The `number`-th clip of a video and its motion.

        Where it holds a cut or a blank frame, another is drawn, ever shorter.

        Raises:
            VideoError: where none of them can be tracked, and as `field`.
        """
        reason = ""
        for attempt in range(ATTEMPTS):
            plan = options.plan(video, number, attempt)
            try:
                return plan, self.field(video, plan)
            except Untrackable as error:
                reason = str(error)
        raise VideoError(
            f"{video.path}: none of {ATTEMPTS} stretches drawn from it, the last of "
            f"{plan.strides[-1] + 1} frames, can be tracked; of the last, {reason}. Split the "
            "video into single shots"
        )

    def _tracked(self, key: dict[str, Any], video: Video, plan: Plan) -> VideoField | str:
        if self.store.has(key):
            logger.warning("%s is damaged and is made again", self.store.path(key))
        self._tracker = self._tracker or self.settings.make()
        try:
            field = extract(video, plan, self.settings, self._tracker)
        except Untrackable as error:
            self.store.refuse(key, str(error))
            return str(error)
        return self.store.save(key, field)


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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `fields` takes."""
    video_arguments(parser, required=True)
    stride_arguments(parser)
    parser.add_argument(
        "--part",
        type=_part,
        default="1/1",
        help="of the videos, as 2/8: for 8 processes or machines that share the work",
    )


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


def fill(
    cache: FieldCache,
    videos: Sequence[Path],
    options: ClipOptions,
    clips_per_video: int,
    skip_broken: bool,
) -> int:
    """Makes the cache hold the clips of these videos; returns how many it holds now.

    Raises:
        VideoError: in the end, listing the videos that turned out to be of no use, unless these
            are to be skipped.
    """
    total = len(videos) * clips_per_video
    progress = _Progress("motion fields", total)
    good, wrong = 0, []
    for place, path in enumerate(videos):
        try:
            video = probe(path)
            for number in range(clips_per_video):
                cache.usable(video, number, options)
                good += 1
                progress.note(place * clips_per_video + number + 1)
        except VideoError as error:
            wrong.append(str(error))
            logger.warning("no motion field: %s", error)
    logger.info("%d of %d motion fields are in %s", good, total, cache.store.folder)
    if wrong and not skip_broken:
        raise VideoError(_listed(wrong, len(videos)))
    return good


def usable_videos(videos: Sequence[Path], frames: int, skip_broken: bool) -> list[Path]:
    """Looks at all videos before any work is done; those that can be used.

    Raises:
        VideoError: listing those that cannot, unless they are to be skipped; where none is left.
    """
    progress = _Progress("videos checked", len(videos))
    wrong = problems(videos, frames, lambda done, _: progress.note(done))
    for reason in wrong.values() if skip_broken else ():
        logger.warning("skipped: %s", reason)
    if wrong and not skip_broken:
        raise VideoError(_listed(list(wrong.values()), len(videos)))
    if len(wrong) == len(videos):
        raise VideoError(f"none of the {len(videos)} videos can be used")
    return [path for path in videos if path not in wrong]


def _listed(wrong: Sequence[str], videos: int) -> str:
    more = [f"and {len(wrong) - LISTED} more"] if len(wrong) > LISTED else []
    return (
        "\n  ".join([f"{len(wrong)} of {videos} videos cannot be used:", *wrong[:LISTED], *more])
        + "\nRemove or replace them, or leave them out with --skip-broken."
    )


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


class _Progress:
    """A line now and then: how much is done, and how long the rest will take."""

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total = what, total
        self.began = self.noted = time.monotonic()

    def note(self, done: int) -> None:
        now = time.monotonic()
        if done < self.total and now - self.noted < NOTE_EVERY:
            return
        self.noted = now
        left = (now - self.began) / done * (self.total - done)
        logger.info("%s: %d of %d, %.0f s left", self.what, done, self.total, left)


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


def _part(text: str) -> tuple[int, int]:
    part, slash, parts = text.partition("/")
    if not (slash and part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a part as 2/8")
    return int(part), int(parts)
