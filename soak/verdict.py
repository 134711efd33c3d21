"""Whether what came of ill treatment is an answer that its user can act on."""

from __future__ import annotations

import traceback
from pathlib import Path

from devkit import places

ANSWERS = (ValueError, FileNotFoundError)
WORDS = 4
"""A message of fewer can't say what was wrong and what is needed."""


def fault_of(error: BaseException) -> str | None:
    """What is wrong with an error, or None where it is one that a check of the pack gave."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    own = Path(frame.filename).resolve().is_relative_to(places.ROOT)
    where = f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
    return fault_in(type(error).__name__, str(error), own and isinstance(error, ANSWERS), where)


def fault_in(kind: str, message: str, is_answer: bool, where: str) -> str | None:
    """As `fault_of`, of an error that a host tells of."""
    if not is_answer:
        return f"{kind} in {where}: {message:.200}"
    if len(message.split()) < WORDS:
        return f"{kind} in {where} does not say what is needed: {message!r:.200}"
    return None
