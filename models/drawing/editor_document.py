"""The trajectory editor's document: JSON that `js/` writes and this file reads.

Coordinates are relative to the picture, so that a drawing outlives a change of its size:
x_px = x * W, y_px = y * H. `tests/examples/editor_documents.json` holds examples that both
languages are tested against.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from .document_schema import DEFAULTS, KINDS, VERSION
from .lenient_json import LARGEST
from .paths import Path


def read_editor_document(document: Any, size: tuple[int, int]) -> list[Path]:
    """The paths of a parsed document {"version": 1, "paths": [...]}, in pixels of `size` (W, H).

    Keys that are not known are passed over.

    Raises:
        ValueError: naming the path, the point and the value that is wrong.
    """
    if not isinstance(document, dict):
        raise ValueError(f"the editor's document is a JSON object, not {_shown(document)}")
    if document.get("version") != VERSION or isinstance(document["version"], bool):
        raise ValueError(
            f'the drawing has "version" {_shown(document.get("version"))}, and this pack reads '
            f"version {VERSION}; update the pack, or draw anew"
        )
    paths = document.get("paths")
    if not isinstance(paths, list):
        raise ValueError(f'the drawing\'s "paths" is a list, not {_shown(paths)}')
    return [_read_path(path, f"paths[{index}]", size) for index, path in enumerate(paths)]


def write_editor_document(paths: Sequence[Path], size: tuple[int, int]) -> str:
    """The document that draws `paths` (pixels of `size`) in the editor."""
    written = [_write_path(path, index, size) for index, path in enumerate(paths)]
    return json.dumps({"version": VERSION, "paths": written})


def _read_path(path: Any, where: str, size: tuple[int, int]) -> Path:
    if not isinstance(path, dict):
        raise ValueError(f"{where} is a JSON object, not {_shown(path)}")
    path = DEFAULTS | path
    kind = path["kind"]
    if kind not in KINDS:
        known = " or ".join(map(_shown, KINDS))
        raise ValueError(f"{where} is of the unknown kind {_shown(kind)}: expected {known}")
    points = path.get("points")
    if not isinstance(points, list) or not points:
        raise ValueError(f'{where}: "points" is a list of at least one point, not {_shown(points)}')
    if kind == "pin" and len(points) != 1:
        raise ValueError(f"{where}: a pin has exactly 1 point, not {len(points)}")
    for index, point in enumerate(points):
        if not isinstance(point, dict):
            raise ValueError(f"{where}.points[{index}] is a JSON object, not {_shown(point)}")
    located = [(f"{where}.points[{index}]", point) for index, point in enumerate(points)]
    spacing = path["spacing"]
    timed = spacing == "timed" and len(points) > 1
    color = path.get("color")
    try:
        return Path(
            points=tuple(
                (_number(p, "x", at) * size[0], _number(p, "y", at) * size[1]) for at, p in located
            ),
            curve=path["curve"],
            spacing=spacing,
            times=tuple(_number(p, "t", at) for at, p in located) if timed else (),
            holds=_read_holds(located),
            ease=path["ease"],
            start=_number(path, "start", where),
            end=_number(path, "end", where),
            color=color if isinstance(color, str) else None,
        )
    except ValueError as error:
        message = str(error)
        raise ValueError(message if message.startswith(where) else f"{where}: {message}") from None


def _read_holds(located: list[tuple[str, dict[str, Any]]]) -> tuple[float, ...]:
    holds = tuple(_number(point, "hold", at, 0.0) for at, point in located)
    return holds if any(holds) else ()


def _number(owner: dict[str, Any], key: str, where: str, default: float | None = None) -> float:
    value = owner.get(key, default)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST:
        return float(value)
    raise ValueError(f'{where}: "{key}" is a finite number, not {_shown(value)}')


def _write_path(path: Path, index: int, size: tuple[int, int]) -> dict[str, Any]:
    points: list[dict[str, float]] = []
    for i, (x, y) in enumerate(path.points):
        point = {"x": x / size[0], "y": y / size[1]}
        if path.times:
            point["t"] = path.times[i]
        if path.holds and path.holds[i]:
            point["hold"] = path.holds[i]
        points.append(point)
    written: dict[str, Any] = {"id": f"p{index + 1}", "kind": "pin" if path.is_pin else "path"}
    if not path.is_pin:
        written |= {"curve": path.curve, "spacing": path.spacing, "ease": path.ease}
        written |= {"start": path.start, "end": path.end}
    if path.color is not None:
        written["color"] = path.color
    return written | {"points": points}


def _shown(value: Any) -> str:
    text = "missing" if value is None else json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
