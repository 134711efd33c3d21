"""JSON as people paste it: single quotes are tolerated, and an error shows the place.

The text is data and nothing in it is ever evaluated.
"""

from __future__ import annotations

import json
from typing import Any

LARGEST = 1e300
"""A JSON integer may have more digits than a float has room for; such a number is refused."""

AROUND = 24
"""Characters shown on each side of the place of an error."""


def parse_json(text: str) -> Any:
    """The value of a JSON text in which strings may also stand in single quotes.

    Raises:
        ValueError: with line, column and the text around the place that cannot be read; for NaN
            and Infinity too.
    """
    try:
        return json.loads(_double_quoted(text), parse_constant=_reject_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg}{place(text, error.pos)}") from None
    except RecursionError:
        raise ValueError("the JSON is nested too deeply to be tracks") from None


def place(text: str, position: int) -> str:
    """ " at line L, column C: ...text >>>here<<< text..." for messages."""
    position = min(max(position, 0), len(text))
    line = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    before = text[max(position - AROUND, 0) : position]
    here = text[position : position + 1] or "end of text"
    after = text[position + 1 : position + 1 + AROUND]
    return f" at line {line}, column {column}: {before} >>>{here}<<< {after}"


def _double_quoted(text: str) -> str:
    """Single-quoted strings become double-quoted ones; what is in double quotes stays."""
    if "'" not in text:
        return text
    written: list[str] = []
    quote = ""
    escaped = False
    for character in text:
        if not quote:
            quote = character if character in "'\"" else ""
            written.append('"' if quote else character)
        elif escaped:
            # JSON has no \' escape.
            written.append("'" if character == "'" else "\\" + character)
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == quote:
            quote = ""
            written.append('"')
        else:
            written.append('\\"' if character == '"' else character)
    return "".join(written)


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is not a coordinate: every number must be finite")
