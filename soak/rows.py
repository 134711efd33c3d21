"""A row of the table that `python dev.py soak` prints, and the table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

SHOWN = 3
"""Failures that the table spells out; the JSON beside it has all."""


@dataclass(frozen=True)
class Row:
    """What one kind of ill treatment came to.

    Args:
        name: what was done, as the table's first column.
        must: what has to hold.
        done: how often it was done.
        failures: one sentence for each time that it did not hold.
        measured: figures, such as of memory or time.
    """

    name: str
    must: str
    done: int
    failures: tuple[str, ...]
    measured: str


def table(rows: Sequence[Row]) -> str:
    """Returns the rows as a Markdown table, with the first failures of each below it."""
    lines = ["| | must be | done | failed | measured |", "| --- | --- | --: | --: | --- |"]
    for row in rows:
        cells = (row.name, row.must, f"{row.done:,}", str(len(row.failures)), row.measured)
        lines.append("| " + " | ".join(_cell(text) for text in cells) + " |")
    for row in rows:
        first = (" ".join(failure.split()) for failure in row.failures[:SHOWN])
        lines += [f"\n- {row.name}: {failure}" for failure in first]
    return "\n".join(lines) + "\n"


def as_json(rows: Sequence[Row]) -> str:
    """Returns the rows with all failures."""
    return json.dumps([asdict(row) for row in rows], indent=1, ensure_ascii=False) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
