"""Strides: how far ahead of the reference each predicted frame lies, in frames of the source."""

from __future__ import annotations

import math
import re

RELEASED = 8


def parse_strides(text: str, frames: int) -> tuple[float, ...]:
    """Reads one number (a constant step, so that frame f is at f times it) or one a frame.

    Args:
        text: "8", or a list such as "8, 16, 24"; commas, spaces and brackets are all allowed.
        frames: of the clip, with the reference; at least 2.

    Returns:
        One stride a predicted frame; 8, 16, ..., 120 for "8" and 16 frames, as released.

    Raises:
        ValueError: for fewer than 2 frames, another count, or what is not a positive number.

    >>> parse_strides("8", 4)
    (8.0, 16.0, 24.0)
    >>> parse_strides("[8, 16, 40]", 4)
    (8.0, 16.0, 40.0)
    """
    if frames < 2:
        raise ValueError(
            f"a motion field needs at least 2 frames, the reference and one predicted; not {frames}"
        )
    words = [word for word in re.split(r"[\s,;\[\]()]+", text) if word]
    numbers = [_number(word, text) for word in words]
    if len(numbers) == 1:
        return tuple(numbers[0] * frame for frame in range(1, frames))
    if len(numbers) != frames - 1:
        raise ValueError(
            f"the list of strides has {len(numbers)} numbers, but {frames} frames have "
            f"{frames - 1} predicted ones; give one number for a constant step, or {frames - 1}"
        )
    return tuple(numbers)


def _number(word: str, text: str) -> float:
    try:
        number = float(word)
    except ValueError:
        raise ValueError(
            f"strides are numbers, such as '8' or '8, 16, 24'; '{word}' in '{text[:60]}' is none"
        ) from None
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"a stride is a positive number of frames, not {word}")
    return number
