"""Tracks drawn over a picture: arrows for what moves, discs for what is pinned."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..types.eight_bits import eight_bits
from ..types.tracks import Tracks

COLORS = ("#ff5c39", "#29b6ff", "#ffd23f", "#b78bff", "#3ddc84", "#ff7ac6", "#ff9f1c", "#5eead4")
"""The editor's colours, in its order."""

SHADOW = (8, 10, 14)
WHITE = (255, 255, 255)
SUBPIXEL = 4
"""Bits of the fraction of a coordinate, as OpenCV's drawing functions take them."""
MARGIN = 4.0
"""How far outside points are still drawn, in picture sizes; OpenCV's coordinates are bounded."""
STILL = 0.75
"""A track that stays within so many pixels is drawn as a pin."""


@dataclass(frozen=True)
class _Pen:
    canvas: np.ndarray
    unit: float

    def line(self, points: np.ndarray, color: tuple[int, ...], width: float) -> None:
        import cv2

        thick = max(1, round(width * self.unit))
        cv2.polylines(self.canvas, [_fixed(points)], False, color, thick, cv2.LINE_AA, SUBPIXEL)

    def area(self, points: np.ndarray, color: tuple[int, ...]) -> None:
        import cv2

        cv2.fillPoly(self.canvas, [_fixed(points)], color, cv2.LINE_AA, SUBPIXEL)

    def disc(self, at: np.ndarray, color: tuple[int, ...], radius: float) -> None:
        import cv2

        x, y = _fixed(at).tolist()
        across = max(1, round(radius * self.unit * (1 << SUBPIXEL)))
        cv2.circle(self.canvas, (x, y), across, color, -1, cv2.LINE_AA, SUBPIXEL)


def draw_tracks(
    picture: torch.Tensor,
    tracks: Tracks,
    colors: Sequence[str | None] = (),
    fine: Tracks | None = None,
) -> torch.Tensor:
    """The picture with every track drawn over it.

    Args:
        picture: [B, H, W, C] or [H, W, C] in 0..1, C >= 3; the first one is drawn on.
        tracks: rescaled to the picture.
        colors: "#rrggbb" one a track; the editor's own colours where there is none.
        fine: the same tracks sampled more often, for rounder lines; beads stay one a frame.

    Returns:
        [1, H, W, 3] float32 in 0..1.

    Raises:
        ValueError: for a picture of another shape, or `fine` with another number of points.
    """
    first = picture[0] if picture.ndim == 4 and len(picture) else picture
    if first.ndim != 3 or first.shape[2] < 3 or 0 in first.shape:
        raise ValueError(f"a picture is [B, height, width, 3], got {list(picture.shape)}")
    canvas = np.ascontiguousarray(eight_bits(first))
    if fine is not None and fine.count != tracks.count:
        raise ValueError(f"fine tracks of {fine.count} points for tracks of {tracks.count}")
    _draw_all(canvas, tracks, colors, fine)
    return torch.from_numpy(canvas.astype(np.float32) / 255)[None]


class TracksLayer:
    """Tracks drawn once, to be laid over many pictures of one size.

    Args:
        tracks: rescaled to the pictures.
        size: (W, H) of the pictures.
    """

    def __init__(self, tracks: Tracks, size: tuple[int, int]) -> None:
        # Over black it is what the ink adds, and over white less that, what of a picture is left.
        ink, left = (np.full((size[1], size[0], 3), level, np.uint8) for level in (0, 255))
        _draw_all(ink, tracks)
        _draw_all(left, tracks)
        self.ink = ink.astype(np.float32)
        self.left = (left - self.ink) / 255
        self.points = _points(tracks, *size)

    def over(self, canvas: np.ndarray, frame: int) -> None:
        """Lays it over [H, W, 3] uint8 in place, with a dot where each track is in a frame."""
        canvas[:] = (self.ink + canvas * self.left).round().clip(0, 255).astype(np.uint8)
        pen = _pen(canvas)
        now = self.points[min(frame, len(self.points) - 1)]
        for number, at in enumerate(now):
            if _is_still(self.points[:, number]):
                continue
            for radius, ink in ((6.6, SHADOW), (5.4, WHITE), (3.4, _color(number))):
                pen.disc(at, ink, radius)


def _draw_all(
    canvas: np.ndarray,
    tracks: Tracks,
    colors: Sequence[str | None] = (),
    fine: Tracks | None = None,
) -> None:
    height, width = canvas.shape[:2]
    points = _points(tracks, width, height)
    lines = points if fine is None else _points(fine, width, height)
    pen = _pen(canvas)
    for number in range(points.shape[1]):
        _draw_track(pen, lines[:, number], points[:, number], _color(number, colors))


def _pen(canvas: np.ndarray) -> _Pen:
    return _Pen(canvas, max(0.6, min(canvas.shape[:2]) / 420))


def _color(number: int, colors: Sequence[str | None] = ()) -> tuple[int, ...]:
    chosen = colors[number] if number < len(colors) else None
    return _rgb(chosen or COLORS[number % len(COLORS)])


def _is_still(points: np.ndarray) -> bool:
    return bool(np.hypot(*(points - points[0]).T).max() <= STILL)


def _points(tracks: Tracks, width: int, height: int) -> np.ndarray:
    reach = MARGIN * max(width, height)
    points = tracks.rescaled((width, height)).points
    return points.detach().cpu().double().clamp(-reach, reach).numpy()


def _draw_track(pen: _Pen, line: np.ndarray, points: np.ndarray, color: tuple[int, ...]) -> None:
    if _is_still(points):
        for radius, ink in (
            (9.5, SHADOW),
            (8, WHITE),
            (6, color),
            (2.2, WHITE),
        ):
            pen.disc(points[0], ink, radius)
        return
    head = _arrow_head(line, 15 * pen.unit)
    shaft = _shortened(line, 9 * pen.unit)
    outline = np.concatenate([head, head[:1]])
    # Dark outside, white, colour inside: seen on any picture.
    for ink, extra in ((SHADOW, 4.4), (WHITE, 2.4)):
        pen.line(shaft, ink, 3 + extra)
        pen.line(outline, ink, extra)
    pen.line(shaft, color, 3)
    pen.area(head, color)
    # One bead a frame, where they can be told apart: close ones are slow, wide ones fast.
    if np.hypot(*np.diff(points, axis=0).T).max() > 6 * pen.unit:
        for point in points[1:-1]:
            pen.disc(point, WHITE, 1.3)
    for radius, ink in ((7.5, SHADOW), (6.2, color), (4, WHITE)):
        pen.disc(points[0], ink, radius)


def _arrow_head(points: np.ndarray, length: float) -> np.ndarray:
    """The triangle [3, 2] at the end, pointing where the last stretch of that length went."""
    tip = points[-1]
    far = np.hypot(*(points - tip).T) >= min(length, np.hypot(*(points - tip).T).max())
    along = tip - points[np.nonzero(far)[0][-1]]
    along = along / max(float(np.hypot(*along)), 1e-9)
    aside = np.array([-along[1], along[0]])
    base = tip - along * length * 0.9
    return np.stack([tip, base + aside * length * 0.44, base - aside * length * 0.44])


def _shortened(points: np.ndarray, length: float) -> np.ndarray:
    """The path without what lies under the arrow head, so that the tip stays sharp."""
    distance = np.hypot(*(points - points[-1]).T)
    last = np.nonzero(distance > length)[0]
    if not len(last):
        return points[:1]
    a, b = points[last[-1]], points[last[-1] + 1] if last[-1] + 1 < len(points) else points[-1]
    near, far = np.hypot(*(b - points[-1])), np.hypot(*(a - points[-1]))
    part = (far - length) / max(far - near, 1e-9)
    return np.concatenate([points[: last[-1] + 1], [a + (b - a) * min(1.0, part)]])


def _fixed(points: np.ndarray) -> np.ndarray:
    # A pixel's centre lies at 0.5 here, at 0 for OpenCV.
    return ((points - 0.5) * (1 << SUBPIXEL)).round().astype(np.int32)


def _rgb(color: str) -> tuple[int, ...]:
    parts = re.fullmatch(r"#?" + 3 * "([0-9a-f]{2})", color, re.IGNORECASE)
    return tuple(int(part, 16) for part in parts.groups()) if parts else _rgb(COLORS[0])
