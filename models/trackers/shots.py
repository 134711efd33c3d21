"""Clips that cannot be tracked: blank frames, and cuts from one shot to another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..types.progress import Tick, nothing
from . import fields
from .clip_frames import ClipFrames
from .dis import SMALLEST, DenseInverseSearch

LOOK = 160
BLANK = 1.0
# Measured on real clips: across cuts at most 0.10 connected and 0.46 alike after matching, within
# shots (every 4th frame only) at least 0.39 connected.
ALIKE_AT_ONCE = 0.9
ALIKE = 0.7
CONNECTED = 0.25
NEAR = 1.0
# Shifted onto each other, frames of a pan are above 0.95 alike, and pictures of a cut below 0.35.
OVERLAP = 0.4


def check_trackable(clip: ClipFrames, numbers: Sequence[int], allow_cuts: bool, tick: Tick) -> None:
    """Raises ValueError, saying where, for a blank frame or (unless allowed) a cut.

    Args:
        clip: at any size; it is looked at 160 px wide.
        numbers: what the user calls each frame.
        allow_cuts: look at the first frame only.
        tick: called once a frame after the first.
    """
    w, h = clip.own_size
    ratio = LOOK / max(w, h)
    small = clip.at((max(SMALLEST, round(w * ratio)), max(SMALLEST, round(h * ratio))))
    _check_blank(small.grey(0), numbers[0])
    if allow_cuts:
        return
    for cut in cuts(small, numbers, tick):
        before, after = numbers[cut - 1], numbers[cut]
        raise ValueError(
            f"the clip seems to be cut between frames {before} and {after}: hardly anything is "
            "found again. If the motion is only fast, set 'cuts' to 'ignore'. If it is a cut, take "
            f"one shot: {_one_shot(cut, after, len(clip))}"
        )


def _one_shot(cut: int, after: int, frames: int) -> str:
    """The settings that leave one shot of at least two frames."""
    ways = []
    if cut >= 2:
        ways.append(f"set 'frames_used' to {cut} for the one before the cut")
    if frames - cut >= 2:
        ways.append(f"set 'first_frame' to {after} for the one after it")
    return ", or ".join(ways) or "there is only one frame of each here, so load more of it"


def cuts(clip: ClipFrames, numbers: Sequence[int], tick: Tick = nothing) -> Iterator[int]:
    """Yields the index of each frame that does not go on from the one before it."""
    search = DenseInverseSearch()
    previous = clip.grey(0)
    for i in range(1, len(clip)):
        current = clip.grey(i)
        _check_blank(current, numbers[i])
        if _is_cut(search, previous, current):
            yield i
        previous = current
        tick()


def _is_cut(search: DenseInverseSearch, before: np.ndarray, after: np.ndarray) -> bool:
    """Whether hardly a pixel of one picture is found again in the other, and they look unlike."""
    if _likeness(before, after) > ALIKE_AT_ONCE:
        return False
    there, back = search(before, after), search(after, before)
    trip, _ = fields.round_trip(there, back)
    moved = fields.sample(after, fields.targets(there))
    connected = float((trip < NEAR).mean())
    if connected >= CONNECTED or _likeness(before, moved) >= ALIKE:
        return False
    return _likeness(*_shifted(before, after)) < ALIKE


def _shifted(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What two pictures share if the whole of one is shifted, as by a fast pan.

    The shift is found by phase correlation; one that leaves less than OVERLAP of the pictures
    proves nothing, and they come back as they are.
    """
    import cv2

    h, w = before.shape
    window = cv2.createHanningWindow((w, h), cv2.CV_32F)
    a, b = (picture.astype(np.float32) for picture in (before, after))
    (x, y), _ = cv2.phaseCorrelate(a, b, window)
    dx, dy = round(x), round(y)
    if max(0, w - abs(dx)) * max(0, h - abs(dy)) < OVERLAP * w * h:
        return before, after
    return _part(before, -dx, -dy), _part(after, dx, dy)


def _part(picture: np.ndarray, dx: int, dy: int) -> np.ndarray:
    """What a picture shares with the one that it is shifted from by (dx, dy)."""
    h, w = picture.shape
    return picture[max(0, dy) : h + min(0, dy), max(0, dx) : w + min(0, dx)]


def _likeness(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation of two pictures, -1 to 1."""
    x, y = (p.astype(np.float32) - p.mean() for p in (a, b))
    return float((x * y).sum() / max(1e-6, np.sqrt((x * x).sum() * (y * y).sum())))


def _check_blank(grey: np.ndarray, number: int) -> None:
    if float(grey.std()) < BLANK:
        level = "black" if grey.mean() < 8 else "one colour"
        raise ValueError(
            f"frame {number} is all {level}: there is nothing to track in it. Leave it out with "
            "'first_frame' and 'frames_used'"
        )
