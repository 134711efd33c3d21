"""Tracks as lines of text: one trajectory a line, x1,y1,x2,y2[,...]."""

from __future__ import annotations

import re

from .lenient_json import place
from .track_json import Found, Number

NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"


def read_lines(text: str) -> Found:
    """The trajectories of all lines that are not blank.

    Raises:
        ValueError: showing the word that is no number, or the line with an odd count of them.
    """
    found: Found = []
    position = 0
    for line in text.splitlines(keepends=True):
        if line.strip():
            found.append(_read_line(line, position, text))
        position += len(line)
    return found


def _read_line(line: str, position: int, text: str) -> list[tuple[Number, Number]]:
    numbers: list[Number] = []
    at = position
    for word in line.rstrip().split(","):
        bare = word.strip()
        if not re.fullmatch(NUMBER, bare):
            start = at + len(word) - len(word.lstrip())
            raise ValueError(
                f"{bare[:40]!r} is not a number{place(text, start)}; expected x1,y1,x2,y2,... "
                f"(one trajectory a line) or JSON"
            )
        numbers.append(float(bare) if re.search(r"[.eE]", bare) else int(bare))
        at += len(word) + 1
    if len(numbers) % 2:
        raise ValueError(
            f"an odd count of numbers, {len(numbers)}, in the trajectory{place(text, position)}; "
            f"each point is x and y"
        )
    return list(zip(numbers[::2], numbers[1::2], strict=True))
