"""Tracks: points followed through a clip, as ComfyUI's TRACKS socket carries them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from .as_numbers import as_numbers
from .motion_field import check_frames, check_size
from .track_visibility import read_visibility

POINTS = "tracks' points are [frames, points, 2]"
LARGEST_SIDE = 16384
"""Of the picture that tracks of others say they belong to, px; as a node's width may be."""


@dataclass(frozen=True)
class Tracks:
    """Points followed through the frames of a clip.

    Args:
        points: [F, P, 2] float32 pixels, x then y.
        visibility: [F, P] bool.
        size: (W, H) of the picture that the points belong to.
        drawn: they come from paths, which a person meant as they are; else they were measured.

    Raises:
        ValueError: for any other shape, or a coordinate that is not finite.
    """

    points: torch.Tensor
    visibility: torch.Tensor
    size: tuple[int, int]
    drawn: bool = False

    def __post_init__(self) -> None:
        check_size(self.size)
        _check_points(self.points)
        expected = list(self.points.shape[:2])
        if list(self.visibility.shape) != expected or self.visibility.dtype != torch.bool:
            raise ValueError(
                f"tracks' visibility is bool [frames, points] = {expected}, got "
                f"{self.visibility.dtype} {list(self.visibility.shape)}"
            )

    @property
    def frames(self) -> int:
        return self.points.shape[0]

    @property
    def count(self) -> int:
        """The number of points, P."""
        return self.points.shape[1]

    def rescaled(self, size: tuple[int, int]) -> Tracks:
        """The same tracks over a picture of `size` (W, H): x * W' / W, y * H' / H."""
        check_size(size)
        if size == self.size:
            return self
        ratio = self.points.new_tensor([size[0] / self.size[0], size[1] / self.size[1]])
        return replace(self, points=self.points * ratio, size=size)

    def retimed(self, frames: int) -> Tracks:
        """The same motion in another number of frames, both ends kept.

        Between two frames a point goes along the curve through all of its places (PCHIP, in each
        coordinate), not straight on and round a corner in every frame that was there; it is seen
        where it was in the nearest one.
        """
        check_frames(frames)
        if frames == self.frames:
            return self
        time = np.linspace(0, self.frames - 1, frames)
        nearest = torch.from_numpy(time.round().astype(np.int64))
        from scipy.interpolate import PchipInterpolator

        if self.frames == 1:
            points = self.points.expand(frames, -1, -1).clone()
        else:
            curve = PchipInterpolator(np.arange(self.frames), self.points.cpu().double().numpy())
            points = torch.from_numpy(curve(time)).to(self.points)
        return replace(self, points=points, visibility=self.visibility[nearest])

    def to_dict(self) -> dict[str, Any]:
        """What travels on a TRACKS socket: the core's two keys, and ours beside them."""
        return {
            "track_path": self.points,
            "track_visibility": self.visibility,
            "size": tuple(self.size),
            **({"drawn": True} if self.drawn else {}),
        }

    @staticmethod
    def from_dict(tracks: Mapping[str, Any], size: tuple[int, int] | None = None) -> Tracks:
        """Reads a TRACKS dict, ours or the core's.

        Args:
            tracks: {"track_path": [F, P, 2] px, also in a batch of one, "track_visibility": see
                `track_visibility.read_visibility`, "size": (W, H), "drawn": bool}; the core's
                own nodes leave out the last two.
            size: (W, H) of the picture the pixels are taken to belong to where there is no "size".

        Raises:
            ValueError: where a key is missing, shapes disagree, or no size is known.
        """
        if not isinstance(tracks, Mapping) or "track_path" not in tracks:
            found = sorted(map(str, tracks)) if isinstance(tracks, Mapping) else f"{tracks!r:.60}"
            raise ValueError(f'tracks are a dict with "track_path", got {found}')
        owner = tracks.get("size", size)
        if owner is None:
            raise ValueError(
                "these tracks do not say which picture size their pixels belong to; "
                "connect a picture, or tracks that were made by a Motion-I2V node"
            )
        points = as_numbers(tracks["track_path"], POINTS).to(torch.float32)
        while points.ndim > 3 and points.shape[0] == 1:
            points = points[0]
        _check_points(points)
        visibility = read_visibility(tracks.get("track_visibility"), *points.shape[:2])
        size = _owner(owner)
        drawn = tracks.get("drawn") is True
        return Tracks(points, visibility.to(points.device), size, drawn)


def _owner(size: Any) -> tuple[int, int]:
    """(W, H) of whole pixels, as a tuple, a list or a tensor says it."""
    try:
        width, height = (float(side) for side in size)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"tracks' size is (width, height) in pixels, not {size!r:.60}") from None
    if not (1 <= width < LARGEST_SIDE + 1 and 1 <= height < LARGEST_SIDE + 1):
        raise ValueError(f"tracks' size is {width:g}x{height:g}; each side is 1 to {LARGEST_SIDE}")
    return int(width), int(height)


def _check_points(points: torch.Tensor) -> None:
    if points.ndim > 3:
        raise ValueError(f"{POINTS}, got a batch {list(points.shape)}: pick one of it")
    if points.ndim != 3 or points.shape[2] != 2 or points.shape[0] < 1:
        raise ValueError(f"{POINTS}, got {list(points.shape)}")
    if points.dtype != torch.float32:
        raise ValueError(f"tracks' points are float32, got {points.dtype}; use points.float()")
    finite = torch.isfinite(points).flatten(2).all(dim=2)
    if not bool(finite.all()):
        frame, point = torch.nonzero(~finite)[0].tolist()
        raise ValueError(
            f"track {point} has a NaN or infinite coordinate in frame {frame}; all must be finite"
        )
