"""Lists of points as other packs write them in JSON, checked value by value."""

from __future__ import annotations

import json
from typing import Any

from .lenient_json import LARGEST

Number = int | float
Found = list[list[tuple[Number, Number]]]
"""Trajectories as they stand in the text; whole numbers stay whole, which tells pixels apart."""


def kind_of(value: Any) -> str:
    """Which format a JSON value is: "kj", "editor", "tracks" or "points"."""
    if not isinstance(value, dict):
        return "kj"
    if "paths" in value or "version" in value:
        return "editor"
    if "track_path" in value:
        return "tracks"
    if "positive" in value or "negative" in value:
        return "points"
    raise ValueError(
        f"cannot tell which format this JSON object with the keys {sorted(value)[:8]} is: expected "
        f'"paths" (the editor), "track_path" (TRACKS) or "positive" (PointsEditor)'
    )


def read_lists(value: Any, flat_is_path: bool) -> Found:
    """KJNodes' and Wan's lists: of points, of tracks, or of splines {"points": [...]}.

    Raises:
        ValueError: naming the track, the point and the value that is wrong.
    """
    if not isinstance(value, list):
        raise ValueError(f"tracks are a list of points or of lists of points, not {shown(value)}")
    if not value:
        raise ValueError("the list of tracks is empty ([]): draw or paste at least one point")
    if isinstance(value[0], dict) and "points" in value[0]:
        value = [item.get("points") if isinstance(item, dict) else item for item in value]
    elif _is_point(value[0]):
        points = _read_points(value, "the list")
        return [points] if flat_is_path else [[point] for point in points]
    while _is_batch(value):
        if len(value) > 1:
            raise ValueError(f"this is a batch of {len(value)} lists of tracks: paste one of them")
        value = value[0]
    return [_read_points(track, f"track {index + 1}") for index, track in enumerate(value)]


def read_store(value: Any, flat_is_path: bool) -> Found:
    """PointsEditor's {"positive": [...], "negative": [...]}; a negative point is a pin."""
    if not isinstance(value, dict):
        return read_lists(value, flat_is_path)
    stored = {key: value.get(key, []) for key in ("positive", "negative")}
    positive, negative = (
        _read_points(points, key) if points != [] else [] for key, points in stored.items()
    )
    moving = [positive] if flat_is_path and positive else [[point] for point in positive]
    return moving + [[point] for point in negative]


def read_track_dict(value: Any, size: tuple[int, int]) -> Found:
    """The core's TRACKS as JSON, in pixels of `size`: those of its own "size" where it has one.

    Raises:
        ValueError: also where a point is hidden, which a path cannot say.
    """
    frames: Any = value.get("track_path") if isinstance(value, dict) else None
    while _is_batch(frames) and len(frames) == 1:
        frames = frames[0]
    if not isinstance(frames, list) or not frames:
        raise ValueError(f'"track_path" is a list [frames][points][2], not {shown(frames)}')
    read = [_read_points(frame, f"track_path[{index}]") for index, frame in enumerate(frames)]
    for index, frame in enumerate(read):
        if len(frame) != len(read[0]):
            raise ValueError(
                f"track_path[{index}] has {len(frame)} points where frame 0 has {len(read[0])}"
            )
    if not _all_true(value.get("track_visibility", True)):
        raise ValueError(
            '"track_visibility" hides points, which a drawn path cannot say: connect the TRACKS '
            "themselves, or leave the hidden tracks out"
        )
    width, height = _read_size(value.get("size"), size)
    ratio = (size[0] / width, size[1] / height)
    if ratio != (1, 1):
        read = [[(x * ratio[0], y * ratio[1]) for x, y in frame] for frame in read]
    return [list(track) for track in zip(*read, strict=True)]


def shown(value: Any) -> str:
    """A value as JSON, short enough for a message."""
    text = "missing" if value is None else json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _read_points(points: Any, where: str) -> list[tuple[Number, Number]]:
    if not isinstance(points, list) or not points:
        raise ValueError(f"{where} is a list of at least one point, not {shown(points)}")
    return [_read_point(point, f"{where}, point {index + 1}") for index, point in enumerate(points)]


def _read_point(point: Any, where: str) -> tuple[Number, Number]:
    if isinstance(point, dict):
        return _number(point.get("x"), "x", where), _number(point.get("y"), "y", where)
    if _is_point(point):
        return _number(point[0], "x", where), _number(point[1], "y", where)
    raise ValueError(f'{where} is {shown(point)}: expected {{"x": ..., "y": ...}}')


def _number(value: Any, name: str, where: str) -> Number:
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST:
        return value
    raise ValueError(f'{where}: "{name}" is a finite number, not {shown(value)}')


def _read_size(written: Any, size: tuple[int, int]) -> tuple[Number, Number]:
    if written is None:
        return size
    if not isinstance(written, list) or len(written) != 2:
        raise ValueError(f'"size" is [width, height], not {shown(written)}')
    width, height = (_number(n, "size", "TRACKS") for n in written)
    if width < 1 or height < 1:
        raise ValueError(f'"size" is at least 1 pixel each way, not {shown(written)}')
    return width, height


def _all_true(value: Any) -> bool:
    return all(map(_all_true, value)) if isinstance(value, list) else bool(value)


def _is_point(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) == 2 and not any(isinstance(item, list | dict) for item in value)
    return isinstance(value, dict)


def _is_batch(value: Any) -> bool:
    """Whether there is one more list around the tracks than there should be."""
    inner = value[0] if isinstance(value, list) and value else None
    first = inner[0] if isinstance(inner, list) and inner else None
    return isinstance(first, list) and not _is_point(first)
