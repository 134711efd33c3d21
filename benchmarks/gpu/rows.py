"""The rows of the check's table: what was measured, the bar, and the verdict."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

GOOD, MISSED, FAILED, SHOWN = "good", "missed", "failed", "no bar"
NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Args:
        check: the group that it belongs to.
        what: what was measured.
        measured: the figure in words, or why there is none.
        bar: what it has to keep; "" where nothing is asked of it.
        verdict: GOOD, MISSED, FAILED (it ended in an error), SHOWN or NOT_MEASURED.
        figures: the figures as numbers, bytes and seconds, for the JSON.
    """

    check: str
    what: str
    measured: str
    bar: str = ""
    verdict: str = SHOWN
    figures: dict[str, float] = field(default_factory=dict)


def judged(check: str, what: str, error: float, bar: float) -> Row:
    """A relative error that may be at most the bar; 0 asks for equality to the bit."""
    told = f"at most {bar:.0e}" if bar else "equal to the bit"
    measured = f"relative error {error:.1e}" if error else "equal to the bit"
    # Not a number is no figure that keeps a bar.
    verdict = GOOD if error <= bar else MISSED
    return Row(check, what, measured, told, verdict, {"relative_error": error, "bar": bar})


def not_measured(check: str, what: str, why: str, bar: str = "") -> Row:
    return Row(check, what, f"{NOT_MEASURED}: {why}", bar, NOT_MEASURED)


def failed(check: str, what: str, error: BaseException) -> Row:
    said = (str(error).splitlines() or [""])[0]
    return Row(check, what, f"{type(error).__name__}: {said}"[:200], verdict=FAILED)


def relative_error(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """||a - b|| / ||b||, 0 only where they are equal to the bit."""
    if torch.equal(ours, theirs):
        return 0.0
    difference = float((ours.double() - theirs.double()).norm() / theirs.double().norm())
    return difference or 1e-300


def markdown(machine: dict[str, Any], rows: Iterable[Row]) -> str:
    """The table, under a list of what it was measured on."""
    told = [f"- {name}: {value}" for name, value in machine.items()]
    table = ["| check | what | measured | bar | verdict |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        cells = (row.check, row.what, row.measured, row.bar or "-", row.verdict)
        table.append("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |")
    return "\n".join(["# GPU check", "", *told, "", *table, ""])


def write(folder: Path, machine: dict[str, Any], rows: list[Row]) -> tuple[Path, Path]:
    """Writes gpu.json and gpu.md, and returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    data, table = folder / "gpu.json", folder / "gpu.md"
    content = {"machine": machine, "rows": [asdict(row) for row in rows]}
    data.write_text(json.dumps(content, indent=1), "utf-8")
    table.write_text(markdown(machine, rows), "utf-8")
    return data, table
