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

from .editor_document import read_editor_document, write_editor_document
from .lenient_json import parse_json, unwrapped
from .motion_field import check_size
from .paths import Path
from .track_json import Found, kind_of, read_lists, read_store, read_track_dict
from .track_lines import read_lines
from .tracks import Tracks

FORMATS = ("auto", "kj", "ati", "points", "tracks", "lines", "editor")
WRITTEN = ("kj", "ati", "lines", "editor", "tracks")
COORDINATES = ("auto", "pixels", "normalised")
FLAT = ("auto", "path", "pins")
ATI_POINTS = 121
"""Points of a track in Wan ATI's JSON."""


def parse_tracks(
    text: str,
    size: tuple[int, int],
    format: str = "auto",
    coordinates: str = "auto",
    flat: str = "auto",
    curve: str = "smooth",
    spacing: str = "index",
) -> list[Path]:
    """Reads tracks in any of the formats above.

    Args:
        text: not empty; JSON may be written as Python does, or stand in a JSON string.
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
    text = unwrapped(text)
    if not text.strip():
        raise ValueError("the tracks' text is empty: draw or paste at least one point")
    if format == "lines" or (format == "auto" and text.strip()[0] not in "[{("):
        return _paths(read_lines(text), coordinates, size, curve, spacing)
    value = parse_json(text)
    kind = kind_of(value) if format == "auto" else format
    if kind == "editor":
        return _at_least_one(read_editor_document(value, size))
    if kind == "tracks":
        return _paths(read_track_dict(value, size), "pixels", size, curve, spacing)
    if kind == "points":
        found = read_store(value, flat_is_path=flat == "path")
    else:
        found = read_lists(value, flat_is_path=flat != "pins")
    return _paths(found, coordinates, size, curve, spacing)


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


def _paths(
    found: Found, coordinates: str, size: tuple[int, int], curve: str, spacing: str
) -> list[Path]:
    if coordinates == "normalised" or (coordinates == "auto" and _look_normalised(found)):
        found = [[(x * size[0], y * size[1]) for x, y in points] for points in found]
    paths = []
    for index, points in enumerate(found):
        try:
            paths.append(Path(tuple((float(x), float(y)) for x, y in points), curve, spacing))
        except ValueError as error:
            raise ValueError(f"track {index + 1} of {len(found)}: {error}") from None
    return _at_least_one(paths)


def _look_normalised(found: Found) -> bool:
    values = [value for points in found for point in points for value in point]
    return all(0 <= v <= 1 for v in values) and any(isinstance(v, float) for v in values)


def _rounded(point: Sequence[float]) -> list[int | float]:
    return [int(v) if v == int(v) else v for v in (round(value, 2) for value in point)]


def _at_least_one(paths: list[Path]) -> list[Path]:
    if not paths:
        raise ValueError("nothing is drawn: draw or paste at least one point")
    return paths


def _check(what: str, word: str, known: Sequence[str]) -> None:
    if word not in known:
        raise ValueError(f"unknown {what} {word!r}: expected one of {', '.join(known)}")
