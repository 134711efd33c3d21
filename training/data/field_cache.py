"""Motion fields for clips of videos: from the cache, or tracked now and kept.

`python -m training fields` tracks them all in advance; training tracks what is missing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...models.trackers.steps import Tracker
from .clip_plans import ClipPlan, Plans
from .field_store import FieldStore
from .video_fields import TrackerSettings, Untrackable, VideoField, extract
from .videos import Video, VideoError, probe, problems

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

    def key(self, video: Video, plan: ClipPlan) -> dict[str, Any]:
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

    def field(self, video: Video, plan: ClipPlan) -> VideoField:
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

    def usable(self, video: Video, number: int, options: Plans) -> tuple[ClipPlan, VideoField]:
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

    def _tracked(self, key: dict[str, Any], video: Video, plan: ClipPlan) -> VideoField | str:
        if self.store.has(key):
            logger.warning("%s is damaged and is made again", self.store.path(key))
        self._tracker = self._tracker or self.settings.make()
        try:
            field = extract(video, plan, self.settings, self._tracker)
        except Untrackable as error:
            self.store.refuse(key, str(error))
            return str(error)
        return self.store.save(key, field)


def fill(
    cache: FieldCache,
    videos: Sequence[Path],
    options: Plans,
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
