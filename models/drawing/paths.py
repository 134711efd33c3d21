"""Drawn paths: what a trajectory is before it is sampled once a frame.

A path says through which points something goes, along which curve, and when. The editor's
document, drag arrows and pasted coordinates all become paths; `sample_paths` turns them into
tracks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch

from ..types.motion_field import check_frames, check_size
from ..types.tracks import Tracks
from .document_schema import CURVES, EASES, SPACINGS

PINS = ("zero", "released")
FAR = 1e6
"""How far from the picture's corner a point may lie, in pixels; beyond it, text was misread."""

Pin = Literal["zero", "released"]


@dataclass(frozen=True)
class Path:
    """One drawn trajectory. One point alone is a pin: a place that must not move.

    Args:
        points: (x, y) in pixels of the picture it was drawn on, at least one; may lie outside.
        curve: "smooth" (PCHIP through the points, in each coordinate) or "straight".
        spacing: when each point is passed, in the path's own span 0..1: "arc" in proportion to
            the length drawn so far, "index" equal times from point to point (what the released
            code does), "timed" at `times`.
        times: with "timed", one a point: first 0, last 1, strictly increasing.
        holds: one a point, fractions of the span spent waiting there; () for none.
        ease: "linear", "ease_in", "ease_out" or "ease_in_out", over the span.
        start, end: the span as fractions of the clip; at rest before and after it.
        color: as the editor wrote it, e.g. "#ff5533"; None where it has none.

    Raises:
        ValueError: for an unknown word, or numbers that break one of these rules.
    """

    points: tuple[tuple[float, float], ...]
    curve: str = "smooth"
    spacing: str = "index"
    times: tuple[float, ...] = ()
    holds: tuple[float, ...] = ()
    ease: str = "linear"
    start: float = 0.0
    end: float = 1.0
    color: str | None = None

    def __post_init__(self) -> None:
        if not self.points:
            raise ValueError("a path has at least one point")
        for index, point in enumerate(self.points):
            if len(point) != 2 or not all(abs(value) <= FAR for value in point):
                raise ValueError(
                    f"point {index} is at {point}: expected finite x and y, at most {FAR:g} px away"
                )
        _check_choice("curve", self.curve, CURVES)
        _check_choice("spacing", self.spacing, SPACINGS)
        _check_choice("ease", self.ease, EASES)
        if not 0 <= self.start < self.end <= 1:
            raise ValueError(
                f"a path's start and end are fractions of the clip, 0 <= start < end <= 1, "
                f"not {self.start:g} and {self.end:g}"
            )
        self._check_times()
        self._check_holds()

    @property
    def is_pin(self) -> bool:
        return len(self.points) == 1

    def _check_times(self) -> None:
        if self.spacing != "timed" or self.is_pin:
            return
        times = self.times
        if len(times) != len(self.points):
            raise ValueError(
                f'"timed" spacing needs a time "t" on each of {len(self.points)} points'
            )
        rises = all(a < b for a, b in pairwise(times))
        if not rises or times[0] != 0 or times[-1] != 1:
            raise ValueError(
                f"the points' times must rise strictly from 0 to 1, got {[f'{t:g}' for t in times]}"
            )

    def _check_holds(self) -> None:
        if self.holds and len(self.holds) != len(self.points):
            raise ValueError(f"{len(self.holds)} holds for {len(self.points)} points")
        for index, hold in enumerate(self.holds):
            if not (math.isfinite(hold) and hold >= 0):
                raise ValueError(f"the hold at point {index} is {hold:g}: it must be 0 or more")


def sample_paths(
    paths: Sequence[Path], frames: int, size: tuple[int, int], pin: Pin = "zero"
) -> Tracks:
    """Samples each path once a frame; frame i of F is at clip time i / (F - 1).

    Args:
        paths: in pixels of a picture of `size`.
        frames: F, at least 1.
        size: (W, H).
        pin: "zero" keeps a single point where it is; "released" moves it by one pixel to the
            right and down over the clip, as the code that the weights were released with does.

    Returns:
        Tracks with one point a path, in the paths' order, all visible.

    >>> sample_paths([Path(((0, 0), (4, 2)))], 3, (8, 8)).points[:, 0].tolist()
    [[0.0, 0.0], [2.0, 1.0], [4.0, 2.0]]
    """
    check_frames(frames)
    check_size(size)
    _check_choice("pin", pin, PINS)
    clip_time = np.linspace(0, 1, frames)
    columns = [sample_path(path, clip_time, pin) for path in paths]
    points = np.stack(columns, axis=1) if columns else np.zeros((frames, 0, 2))
    tensor = torch.from_numpy(points.astype(np.float32))
    seen = torch.ones(tensor.shape[:2], dtype=torch.bool)
    return Tracks(tensor, seen, (size[0], size[1]), drawn=True)


def sample_path(path: Path, clip_time: np.ndarray, pin: Pin = "zero") -> np.ndarray:
    """Positions [T, 2] in float64 pixels of one path at clip times [T] in 0..1.

    >>> sample_path(Path(((0, 0), (8, 4)), ease="ease_in"), np.array([0, 0.5, 1])).tolist()
    [[0.0, 0.0], [2.0, 1.0], [8.0, 4.0]]
    >>> sample_path(Path(((3, 5),)), np.array([0.0, 1.0])).tolist()
    [[3.0, 5.0], [3.0, 5.0]]
    """
    points = np.asarray(path.points, dtype=np.float64)
    if path.is_pin and pin == "released":
        points = np.concatenate([points, points + 1])
        path = Path(tuple(map(tuple, points)), curve="straight")
    with np.errstate(over="ignore"):  # of a path that takes next to no time
        span = np.clip((clip_time - path.start) / (path.end - path.start), 0, 1)
    times, knots = _knots(path, points)
    if len(knots) == 1:
        return np.repeat(knots, len(clip_time), axis=0)
    return _interpolator(path.curve, times, knots)(_eased(path.ease, span))


def _knots(path: Path, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times [K], strictly rising from 0 to 1, and positions [K, 2]; a hold makes a knot two."""
    passed = _passing_times(path, points)
    if passed is None:
        return np.zeros(1), points[:1]
    holds = np.asarray(path.holds) if path.holds else np.zeros(len(points))
    leave = passed + np.cumsum(holds)
    times = np.stack([leave - holds, leave], axis=1).reshape(-1) / (1 + holds.sum())
    knots = np.repeat(points, 2, axis=0)
    # Points that coincide take no time by arc length, and a point without a hold leaves when it
    # arrives: PCHIP wants each instant once.
    keep = np.concatenate([[True], np.diff(np.maximum.accumulate(times)) > 0])
    return times[keep], knots[keep]


def _passing_times(path: Path, points: np.ndarray) -> np.ndarray | None:
    """When each point is passed, holds left out; None where there is nowhere to go."""
    if path.is_pin and len(points) == 1:
        return None
    if path.spacing == "timed":
        return np.asarray(path.times)
    if path.spacing == "index":
        return np.linspace(0, 1, len(points))
    lengths = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    return lengths / lengths[-1] if lengths[-1] > 0 else None


def _interpolator(curve: str, times: np.ndarray, knots: np.ndarray) -> Any:
    if curve == "straight":
        return lambda t: np.stack([np.interp(t, times, axis) for axis in knots.T], axis=1)
    from scipy.interpolate import PchipInterpolator

    return PchipInterpolator(times, knots, axis=0)


def _eased(ease: str, u: np.ndarray) -> np.ndarray:
    if ease == "ease_in":
        return u**2
    if ease == "ease_out":
        return 1 - (1 - u) ** 2
    if ease == "ease_in_out":
        return np.where(u < 0.5, 2 * u**2, 1 - 2 * (1 - u) ** 2)
    return u


def _check_choice(what: str, word: str, known: Sequence[str]) -> None:
    if word not in known:
        raise ValueError(f"unknown {what} {word!r}: expected one of {', '.join(known)}")
