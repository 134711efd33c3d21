"""Track text inside strings and lists: several splines often travel as a list of JSON strings."""

from __future__ import annotations

from typing import Any

from .lenient_json import TOO_DEEP, parse_json, unwrapped


def leaves(value: Any, as_json: bool = True) -> list[Any]:
    """The JSON values, and the texts that are none, that `value` is made of, in their order.

    Args:
        value: text, or a value; lists that hold text, at any depth, are taken apart.
        as_json: whether text that begins like JSON is read; else it stays text.

    Raises:
        ValueError: naming the part that cannot be read, or where nothing is written.
    """
    try:
        return _joined_points(_leaves(value, as_json))
    except RecursionError:
        raise ValueError(TOO_DEEP) from None


def _leaves(value: Any, as_json: bool) -> list[Any]:
    if isinstance(value, str):
        text = unwrapped(value)
        if not text.strip():
            raise ValueError("the tracks' text is empty: draw or paste at least one point")
        opens = text.strip()[0] in "[{("
        return _leaves(parse_json(text), as_json) if opens and as_json else [text]
    if isinstance(value, list | tuple) and _holds_text(value):
        found = []
        for index, item in enumerate(value):
            try:
                found += _leaves(item, as_json)
            except ValueError as error:
                raise ValueError(f"text {index + 1} of {len(value)}: {error}") from None
        return found
    return [list(value) if isinstance(value, tuple) else value]


def _holds_text(value: Any) -> bool:
    """Whether there is text in a list; beside a number it is a coordinate gone wrong."""
    if isinstance(value, list | tuple):
        return any(map(_holds_text, value)) and not any(isinstance(v, int | float) for v in value)
    return isinstance(value, str)


def _joined_points(found: list[Any]) -> list[Any]:
    """Texts that hold a point each, {"x": ..., "y": ...}, are one list of points."""
    points = len(found) > 1 and all(isinstance(leaf, dict) and "x" in leaf for leaf in found)
    return [found] if points else found
