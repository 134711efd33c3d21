"""JSON as people paste it: Python's way of writing is tolerated, and an error shows the place.

The text is data and nothing in it is ever evaluated.
"""

from __future__ import annotations

import json
import re
from typing import Any

LARGEST = 1e300
"""A JSON integer may have more digits than a float has room for; such a number is refused."""

AROUND = 24
"""Characters shown on each side of the place of an error."""

TOO_DEEP = "the text's JSON is nested too deeply: tracks need 4 levels, of brackets in brackets"

_WORDS = {"True": "true", "False": "false", "None": "null", "(": "[", ")": "]"}
_PYTHON = r'(?s)"(?:\\.|[^"\\])*"' r"|'(?:\\.|[^'\\])*'" r"|\b(?:True|False|None)\b|[()]"
_ESCAPE_OR_QUOTE = r'(?s)\\.|"'


def parse_json(text: str) -> Any:
    """The value of a JSON text, in which strings may stand in single quotes, as Python writes them.

    True, False, None and tuples are read too.

    Raises:
        ValueError: with line, column and the text around the place that cannot be read; for NaN
            and Infinity too.

    >>> parse_json("[(1, 2.5), {'a': None}]")
    [[1, 2.5], {'a': None}]
    """
    try:
        return json.loads(_as_json(text), parse_constant=_reject_constant)
    except json.JSONDecodeError as error:
        what = error.msg.removesuffix(" at")
        where = place(text, error.pos)
        raise ValueError(f"the text must be whole JSON, but: {what}{where}") from None
    except RecursionError:
        raise ValueError(TOO_DEEP) from None


def place(text: str, position: int) -> str:
    """ " at line L, column C: ...text >>>here<<< text..." for messages.

    >>> place("[1,, 2]", 3)
    ' at line 1, column 4: [1, >>>,<<<  2]'
    """
    position = min(max(position, 0), len(text))
    line = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    before = text[max(position - AROUND, 0) : position]
    here = text[position : position + 1] or "end of text"
    after = text[position + 1 : position + 1 + AROUND]
    return f" at line {line}, column {column}: {before} >>>{here}<<< {after}"


def unwrapped(text: str) -> str:
    """The text without a byte order mark, and out of the quotes that make it a JSON string."""
    text = text.removeprefix("\ufeff").strip()
    if text.startswith('"'):
        try:
            inner = json.loads(text)
        except json.JSONDecodeError:
            return text
        return inner if isinstance(inner, str) else text
    return text


def _as_json(text: str) -> str:
    """What Python's own way of writing differs in from JSON's; what stands in strings stays."""
    return re.sub(_PYTHON, _written_as_json, text)


def _written_as_json(found: re.Match[str]) -> str:
    part = found.group()
    if part[0] != "'":
        return _WORDS.get(part, part)
    # JSON has no \\' escape, and a double quote needs one.
    escapes = {"\\'": "'", '"': '\\"'}
    inner = re.sub(_ESCAPE_OR_QUOTE, lambda m: escapes.get(m[0], m[0]), part[1:-1])
    return f'"{inner}"'


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is not a coordinate: every number must be finite")
