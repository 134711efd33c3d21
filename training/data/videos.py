"""Video files: which there are, whether they can be read, and chosen frames of them.

Frames are counted in the order in which they are shown; how long each is shown plays no part, so
a variable frame rate is as good as a constant one.
"""

from __future__ import annotations

import hashlib
import os
import random
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import chain
from pathlib import Path

import av
import cv2
import numpy as np

from ...models.files.safetensors_files import length_of
from ...models.types.progress import OnStep

SUFFIXES = {
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg"),
    *(".ts", ".m2ts", ".wmv", ".flv", ".ogv", ".3gp", ".gif"),
}
SAMPLE = 1 << 16
REMEMBERED = 4096
WITHOUT_INDEX = {"mpeg"}
"""Containers (MPEG program streams) whose frames tell wrong times after a seek."""
AGAIN = "copy it again, convert it, or leave it out"
LOOK_BACK = (0, 2, 10)
"""Seconds before a frame at which a key frame is looked for, one after the other."""


class VideoError(ValueError):
    """A video that cannot be used; the message names the file."""


def list_videos(folder: Path) -> list[Path]:
    """The video files in `folder` and the folders in it, sorted by their path within it.

    What is a video is told by the file's ending; hidden files are left out.

    Raises:
        ValueError: where there is no such folder, or no video in it.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; give the one that holds the videos")
    found = [
        Path(place, name)
        for place, _, names in os.walk(folder)
        for name in names
        if Path(name).suffix.lower() in SUFFIXES and not name.startswith(".")
    ]
    if not found:
        known = " ".join(sorted(SUFFIXES))
        raise ValueError(f"there is no video in {folder}; files that end in {known} are looked for")
    return sorted(found, key=lambda file: file.relative_to(folder).as_posix())


@dataclass(frozen=True, eq=False)
class Video:
    """What is known of a video file before its frames are read.

    Args:
        path: the file.
        size: (W, H) of a frame as it is shown, that is turned upright, before `aspect` is applied.
        aspect: the width of a pixel over its height.
        times: of every frame, in units of the stream; empty where the file does not tell them.
        frames: how many there are.
        digest: of the file's content, the same wherever the file lies.
    """

    path: Path
    size: tuple[int, int]
    aspect: float
    times: array[int]
    frames: int
    digest: str


@dataclass(frozen=True)
class Crop:
    """The part of a frame that is used, in whole pixels of the frame as it is shown."""

    left: int
    top: int
    width: int
    height: int

    def cut(self, picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """That part of `picture` [H, W, 3], resized to `size` (W, H); uint8 stays uint8."""
        part = picture[self.top : self.top + self.height, self.left : self.left + self.width]
        shrinks = size[0] <= self.width and size[1] <= self.height
        part = np.ascontiguousarray(part)
        return cv2.resize(part, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def probe(path: Path) -> Video:
    """Opens a video, counts its frames and looks at the first one.

    Raises:
        VideoError: for a file that is not there, is empty, or has no frame that can be read.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise VideoError(f"{path}: {error.strerror}") from None
    if not status.st_size:
        raise VideoError(f"{path} is empty (0 bytes): {AGAIN}")
    return _probe(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=REMEMBERED)
def _probe(path: Path, size: int, changed: int) -> Video:
    del changed  # part of the key only
    times, frames = _times(path)
    with _opened(path) as (container, stream):
        # A frame's side data tell how it is turned; the container's headers do not in PyAV.
        first = next(container.decode(stream), None)
        if first is None:
            raise VideoError(f"{path} has no frame that can be decoded: {AGAIN}")
        upright = _upright(first).shape
        aspect = float(stream.sample_aspect_ratio or Fraction(1)) or 1.0
    sideways = _turns(first) % 2 == 1
    shown = (upright[1], upright[0])
    return Video(path, shown, 1 / aspect if sideways else aspect, times, frames, digest(path, size))


def digest(path: Path, size: int) -> str:
    """A hash of a file's size and of three samples of its content: quick for files of any size."""
    hashed = hashlib.blake2b(str(size).encode(), digest_size=16)
    with path.open("rb") as stream:
        for place in (0, max(0, size // 2 - SAMPLE // 2), max(0, size - SAMPLE)):
            stream.seek(place)
            hashed.update(stream.read(SAMPLE))
    return hashed.hexdigest()


def read_frames(
    video: Video, numbers: Sequence[int], crop: Crop, size: tuple[int, int]
) -> np.ndarray:
    """Decodes the frames of these numbers, cut out and resized.

    Returns:
        uint8 [len(numbers), H, W, 3], RGB, in the order of `numbers`.

    Raises:
        VideoError: where the video ends before, or a frame is damaged.
    """
    if not 0 <= min(numbers) <= max(numbers) < video.frames:
        raise VideoError(
            f"{video.path} has frames 0 to {video.frames - 1}; there is no frame "
            f"{max(numbers) if max(numbers) >= video.frames else min(numbers)}"
        )
    found: dict[int, np.ndarray] = {}
    wanted = sorted(set(numbers))
    for number, picture in zip(wanted, _decoded(video, wanted), strict=False):
        found[number] = crop.cut(picture, size)
    if len(found) < len(wanted):
        missing = wanted[len(found)]
        raise VideoError(
            f"{video.path}: frame {missing} of {video.frames} cannot be decoded; {AGAIN}"
        )
    return np.stack([found[number] for number in numbers])


def center_crop(video: Video, size: tuple[int, int]) -> Crop:
    """The largest part in the middle of the frame that has the shape of `size` (W, H)."""
    width, height = _largest(video, size)
    return Crop((video.size[0] - width) // 2, (video.size[1] - height) // 2, width, height)


def random_crop(
    video: Video, size: tuple[int, int], draw: random.Random, smallest: float = 0.7
) -> Crop:
    """A part of the shape of `size` (W, H) at a random place.

    Its sides are a random share, at least `smallest`, of the largest that fits.
    """
    share = draw.uniform(smallest, 1)
    width, height = (max(1, round(side * share)) for side in _largest(video, size))
    left, top = draw.randint(0, video.size[0] - width), draw.randint(0, video.size[1] - height)
    return Crop(left, top, width, height)


def problems(videos: Sequence[Path], frames: int, on_step: OnStep | None = None) -> dict[Path, str]:
    """Looks at every video: what is wrong, of those that cannot be used.

    The first, the middle and the last frame are decoded.

    Args:
        videos: the files.
        frames: how many each must have at least.
        on_step: called with the videos done and those in all.
    """
    found = {}
    for done, path in enumerate(videos, start=1):
        try:
            video = probe(path)
            check_length(video, frames)
            numbers = sorted({video.frames // 2, video.frames - 1})
            read_frames(video, numbers, center_crop(video, (1, 1)), (1, 1))
        except VideoError as error:
            found[path] = str(error)
        if on_step is not None:
            on_step(done, len(videos))
    return found


def check_length(video: Video, frames: int) -> None:
    """Raises VideoError for a video of fewer frames."""
    if video.frames < frames:
        raise VideoError(
            f"{video.path} is too short: {video.frames} frames, but {frames} are needed"
        )


def _largest(video: Video, size: tuple[int, int]) -> tuple[int, int]:
    width, height = video.size
    # How wide the part is, in pixels of the file, for each pixel of its height.
    ratio = size[0] / size[1] / video.aspect
    if width > height * ratio:
        return max(1, min(width, round(height * ratio))), height
    return width, max(1, min(height, round(width / ratio)))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """The file and its first video stream; whatever FFmpeg finds wrong becomes a VideoError."""
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise VideoError(f"{path} holds no video, only {_kinds(container)}: leave it out")
            yield container, container.streams.video[0]
    except (av.error.FFmpegError, EOFError, UnicodeError) as error:  # of titles that are no text
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise VideoError(
            f"{path} cannot be read as a video ({reason}, in {length_of(path)}): {AGAIN}"
        ) from None


def _kinds(container: av.container.InputContainer) -> str:
    return ", ".join(sorted({stream.type for stream in container.streams})) or "an empty container"


def _times(path: Path) -> tuple[array[int], int]:
    """When each frame is shown, without decoding; no times where not every packet tells its own."""
    times: set[int] = set()
    packets = 0
    with _opened(path) as (container, stream):
        for packet in container.demux(stream):
            if not packet.size:
                continue
            packets += 1
            if packet.pts is None:
                break
            if not packet.is_discard:
                times.add(packet.pts)
        else:
            # Other containers than .mp4 and .mov only guess how many there should be.
            promised = stream.frames if container.format.name.startswith("mov") else 0
            if packets < promised:
                raise VideoError(
                    f"{path} is cut short: {packets} of {promised} frames are there; copy it again"
                )
            return array("q", sorted(times)), len(times)
    with _opened(path) as (container, stream):
        return array("q"), sum(1 for _ in container.decode(stream))


def _decoded(video: Video, wanted: Sequence[int]) -> Iterator[np.ndarray]:
    """Yields the wanted frames (their numbers ascend), as far as they can be decoded."""
    if not video.times:
        with _opened(video.path) as (container, stream):
            yield from _by_counting(video, container.decode(stream), wanted)
        return
    goals = [video.times[number] for number in wanted]
    for seconds in LOOK_BACK if wanted[0] else ():
        with _opened(video.path) as (container, stream):
            frames = _from_key_frame(container, stream, goals[0], seconds)
            if frames is not None:
                yield from _by_time(video, frames, goals)
                return
    with _opened(video.path) as (container, stream):
        yield from _by_time(video, container.decode(stream), goals)


def _from_key_frame(
    container: av.container.InputContainer, stream: av.VideoStream, goal: int, seconds: int
) -> Iterator[av.VideoFrame] | None:
    """The frames from a key frame before the goal; None where seeking did not lead to one.

    In some containers it leads into the middle of a group of pictures, whose references are
    missing then, or beyond the goal.
    """
    if container.format.name in WITHOUT_INDEX:
        return None
    before = goal - round(seconds / (stream.time_base or 1))
    try:
        container.seek(before, stream=stream, backward=True)
    except av.error.FFmpegError:
        return None
    frames = container.decode(stream)
    key = next((frame for frame in frames if frame.key_frame), None)
    if key is None or key.pts is None or key.pts > goal:
        return None
    return chain([key], frames)


def _by_time(
    video: Video, frames: Iterator[av.VideoFrame], goals: Sequence[int]
) -> Iterator[np.ndarray]:
    place = 0
    for frame in frames:
        while frame.pts is not None and frame.pts >= goals[place]:
            yield _whole(video, frame)
            place += 1
            if place == len(goals):
                return


def _by_counting(
    video: Video, frames: Iterator[av.VideoFrame], wanted: Sequence[int]
) -> Iterator[np.ndarray]:
    numbers = set(wanted)
    for number, frame in enumerate(frames):
        if number in numbers:
            yield _whole(video, frame)
        if number == wanted[-1]:
            return


def _whole(video: Video, frame: av.VideoFrame) -> np.ndarray:
    if getattr(frame, "is_corrupt", False):
        raise VideoError(f"{video.path}: the frame at {frame.time:.2f} s is damaged; {AGAIN}")
    picture = _upright(frame)
    if (picture.shape[1], picture.shape[0]) != video.size:
        return cv2.resize(picture, video.size, interpolation=cv2.INTER_AREA)
    return picture


def _upright(frame: av.VideoFrame) -> np.ndarray:
    """uint8 [H, W, 3], turned as the file says that it is to be shown."""
    return np.rot90(frame.to_ndarray(format="rgb24"), _turns(frame))


def _turns(frame: av.VideoFrame) -> int:
    """Quarter turns to the left."""
    return round(getattr(frame, "rotation", 0) / 90) % 4
