"""Tracks as text: every format that people have, read into paths and written from tracks.

kj      KJNodes SplineEditor: [{"x": 12, "y": 40}, ...] or [[{...}], [{...}]]
ati     Wan ATI, WanTrackToVideo: as kj, 121 points a track
points  KJNodes PointsEditor: a list of points, or {"positive": [...], "negative": [...]}
tracks  the core's TRACKS as JSON: {"track_path": [F][P][2], "track_visibility": ...}
lines   one trajectory a line: x1,y1,x2,y2[,...]
editor  this pack's own document, see `editor_document.py`
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..types.motion_field import check_size
from ..types.tracks import Tracks
from .editor_document import read_editor_document, write_editor_document
from .lenient_json import parse_json, place
from .paths import Path
from .track_json import Found, kind_of, read_lists, read_store, read_track_dict
from .track_lines import read_lines
from .track_nesting import leaves

FORMATS = ("auto", "kj", "ati", "points", "tracks", "lines", "editor")
WRITTEN = ("kj", "ati", "lines", "editor", "tracks")
COORDINATES = ("auto", "pixels", "normalised")
FLAT = ("auto", "path", "pins")
ATI_POINTS = 121
"""Points of a track in Wan ATI's JSON."""


def parse_tracks(
    text: str | Sequence[Any],
    size: tuple[int, int],
    format: str = "auto",
    coordinates: str = "auto",
    flat: str = "auto",
    curve: str = "smooth",
    spacing: str = "index",
) -> list[Path]:
    """Reads tracks in any of the formats above.

    Args:
        text: not empty; JSON may be written as Python does, or stand in a JSON string. The texts of
            a list, in JSON or one of Python's own, are joined, each in a format of its own.
        size: (W, H) of the picture, in pixels, that the tracks are to belong to.
        format: "auto" takes text that begins with "[" or "{" as JSON and tells the kinds apart by
            their keys, and anything else as lines.
        coordinates: "pixels", or "normalised" (0..1 of the picture's width and height); "auto" is
            normalised where all values lie in 0..1 and at least one is written with a decimal
            point, else pixels. The editor's document is always relative, and TRACKS are pixels.
        flat: what a list of points without lists around it means: one "path", or "pins", one a
            point; "auto" is a path for kj, and pins for points. A store's negative points are
            always pins: places that must not move.
        curve, spacing: as in `Path`, for the formats that have none of their own. The points of
            kj and ati are samples at equal times, so "index" keeps their speed.

    Returns:
        At least one path, in pixels of `size`.

    Raises:
        ValueError: showing the part that cannot be read and where it is; also where there is no
            track at all.
    """
    check_size(size)
    _check("format", format, FORMATS)
    _check("coordinates", coordinates, COORDINATES)
    _check("flat", flat, FLAT)
    parts = _read_all(leaves(text, as_json=format != "lines"), size, format, flat)
    loose = [points for part in parts if not part.fixed for points in part.points]
    normal = coordinates == "normalised" or (coordinates == "auto" and _look_normalised(loose))
    paths: list[Path] = []
    for part in parts:
        scale = size if normal and not part.fixed else (1, 1)
        paths += part.paths + _paths(part.points, scale, curve, spacing)
    if not paths:
        raise ValueError("nothing is drawn: draw or paste at least one point")
    return paths


def parse_drawing(text: str) -> Any:
    """The editor's document as `read_editor_document` takes it.

    Raises:
        ValueError: for what is no JSON, and for tracks in any other of the formats above: the
            editor cannot show them.
    """
    document, *more = leaves(text)
    if not more and isinstance(document, dict) and {"version", "paths"} & set(document):
        return document
    try:
        parse_tracks(text, (1, 1))
    except ValueError:
        return parse_json(text)
    raise ValueError(
        "this is text of tracks, and not a drawing of the editor: put it into Tracks From Text, "
        "which gives the same tracks as the editor"
    )


def write_tracks(tracks: Tracks, format: str) -> str:
    """Writes tracks as text, in pixels of `tracks.size`, to a hundredth of a pixel.

    "kj" is a flat list for one track and a list of lists for several, as SplineEditor gives; "ati"
    is a list of lists of 121 points, linearly resampled in time; "editor" a document with every
    sample as a point. Only "tracks" keeps visibility: the other formats have no word for it, and a
    hidden point stands in them like any other.

    Raises:
        ValueError: for an unknown format, or where there is no track.
    """
    _check("format", format, WRITTEN)
    if tracks.count == 0:
        raise ValueError("there is no track to write: draw or connect at least one")
    if format == "editor":
        return write_editor_document(tracks_to_paths(tracks), tracks.size)
    if format == "tracks":
        rows = [[_rounded(point) for point in row] for row in tracks.points.tolist()]
        visibility = tracks.visibility.tolist()
        return json.dumps(
            {"track_path": rows, "track_visibility": visibility, "size": list(tracks.size)}
        )
    if format == "ati":
        tracks = tracks.retimed(ATI_POINTS)
    columns = [[_rounded(point) for point in one] for one in tracks.points.transpose(0, 1).tolist()]
    if format == "lines":
        return "\n".join(",".join(str(v) for point in one for v in point) for one in columns)
    listed = [[{"x": x, "y": y} for x, y in one] for one in columns]
    return json.dumps(listed[0] if format == "kj" and len(listed) == 1 else listed)


def tracks_to_paths(tracks: Tracks) -> list[Path]:
    """Each track as a path through its samples at equal times; one that never moves as a pin."""
    paths = []
    for samples in tracks.points.transpose(0, 1):
        points = samples[:1] if bool((samples == samples[:1]).all()) else samples
        paths.append(Path(tuple((x, y) for x, y in points.tolist())))
    return paths


@dataclass(frozen=True)
class _Part:
    """What one text says: whole paths, or points; fixed where it says itself what they mean."""

    points: Found = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)
    fixed: bool = False


def _read_all(texts: list[Any], size: tuple[int, int], format: str, flat: str) -> list[_Part]:
    parts = []
    for index, text in enumerate(texts):
        try:
            parts.append(_read(text, size, format, flat))
        except ValueError as error:
            number = f"text {index + 1} of {len(texts)}: " if len(texts) > 1 else ""
            raise ValueError(f"{number}{error}") from None
    return parts


def _read(part: Any, size: tuple[int, int], format: str, flat: str) -> _Part:
    kind = _kind(part, format)
    if kind == "lines":
        return _Part(read_lines(part))
    if kind == "editor":
        return _Part(paths=read_editor_document(part, size))
    if kind == "tracks":
        return _Part(read_track_dict(part, size), fixed=True)
    if kind == "points":
        return _Part(read_store(part, flat_is_path=flat == "path"))
    return _Part(read_lists(part, flat_is_path=flat != "pins"))


def _kind(part: Any, format: str) -> str:
    """Which of the formats a part of the text is read as."""
    if isinstance(part, str):
        if format not in ("auto", "lines"):
            raise ValueError(f"this is no JSON, as {format} is: set format to auto{place(part, 0)}")
        return "lines"
    kind = kind_of(part) if format == "auto" or isinstance(part, dict) else format
    if format not in ("auto", kind):
        raise ValueError(f"this is of the format {kind}, not {format}: set format to auto")
    return kind


def _paths(found: Found, scale: tuple[int, int], curve: str, spacing: str) -> list[Path]:
    paths = []
    for index, points in enumerate(found):
        placed = tuple((float(x * scale[0]), float(y * scale[1])) for x, y in points)
        try:
            paths.append(Path(placed, curve, spacing))
        except ValueError as error:
            raise ValueError(f"track {index + 1} of {len(found)}: {error}") from None
    return paths


def _look_normalised(found: Found) -> bool:
    values = [value for points in found for point in points for value in point]
    return all(0 <= v <= 1 for v in values) and any(isinstance(v, float) for v in values)


def _rounded(point: Sequence[float]) -> list[int | float]:
    return [int(v) if v == int(v) else v for v in (round(value, 2) for value in point)]


def _check(what: str, word: str, known: Sequence[str]) -> None:
    if word not in known:
        raise ValueError(f"unknown {what} {word!r}: expected one of {', '.join(known)}")
