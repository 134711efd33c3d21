"""The tables of an evaluation, and which goals it reaches."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import evaluation as e
from .evaluation import Rows
from .judges import FACTORS

Tables = dict[str, Rows]

MUST, AIM = "must", "aim"
LEAD = 1.5
"""By how many dB stage 2 has to be better."""

FARTHER = 0.1
"""By how much of the true length points have to go farther for an arrow longer by half of it."""

TITLES = {
    "vae": "Image VAE: dB on crops of held-out photographs",
    "flow_vae": "Flow VAE: error of true fields in px, and share of pixels (PCK) within so many px",
    "stage1": "Stage 1: end-point error in px, and share of points (PCK) within so many px",
    "leakage": "Motion brush, half of the scenes: motion outside and inside it, driven error, px",
    "arrows": "Longer arrows, half of the scenes: how far points go, in parts of the true length",
    "stage2": "Stage 2 along the true field: dB, SSIM, and change along true motion (of 255)",
    "chain": "Whole chain, from drawn points: the same",
}


@dataclass(frozen=True)
class Goal:
    """One thing that the model should do.

    Args:
        kind: MUST or AIM.
        what: in words.
        figure: what it does.
        bound: what it has to.
        below: whether the figure has to be below the bound.
    """

    kind: str
    what: str
    figure: float
    bound: float
    below: bool = False

    @property
    def reached(self) -> bool:
        """False where either is not known."""
        return self.figure < self.bound if self.below else self.figure >= self.bound

    def line(self) -> str:
        """A row of the table of goals."""
        sign = "<" if self.below else ">="
        known = not (math.isnan(self.figure) or math.isnan(self.bound))
        answer = ("yes" if self.reached else "no") if known else "not known"
        figures = f"{self.figure:.2f} {sign} {self.bound:.2f}"
        return f"| {self.kind} | {self.what} | {figures} | {answer} |"


def lines(
    tables: Tables, titles: Mapping[str, str] = TITLES, goals: Sequence[Goal] | None = None
) -> Iterator[str]:
    """Every table in Markdown, then the goals; None: those of the small model's stages."""
    for key, rows in tables.items():
        yield f"### {titles[key]}"
        yield ""
        yield from table(rows)
        yield ""
    goals = reached(tables) if goals is None else goals
    if goals:
        yield "### Goals"
        yield ""
        yield "| | | figure | reached |"
        yield "| --- | --- | --- | --- |"
        yield from (goal.line() for goal in goals)


def as_json(tables: Tables, goals: Sequence[Goal]) -> dict[str, Any]:
    """Tables and goals as strict JSON takes them: what is not known, or endless, is null."""
    told = [
        {"kind": goal.kind, "what": goal.what, "figure": _finite(goal.figure)}
        | {"bound": _finite(goal.bound), "reached": goal.reached}
        for goal in goals
    ]
    figures = {
        key: {
            row: {name: _finite(value) for name, value in scores.items()}
            for row, scores in rows.items()
        }
        for key, rows in tables.items()
    }
    return {"tables": figures, "goals": told}


def _finite(value: float) -> float | None:
    """A figure that JSON has a number for; None for the others."""
    return value if math.isfinite(value) else None


def table(rows: Rows) -> Iterator[str]:
    """One table in Markdown; a figure that is not known is a dash."""
    columns = list(dict.fromkeys(name for scores in rows.values() for name in scores))
    width = max(len(name) for name in rows)
    yield "| " + " | ".join([" " * width, *columns]) + " |"
    yield "| " + " | ".join(["---"] + ["---:"] * len(columns)) + " |"
    for name, scores in rows.items():
        cells = [_cell(scores.get(column, math.nan), column) for column in columns]
        yield "| " + " | ".join([name.ljust(width), *cells]) + " |"


def _cell(value: float, column: str) -> str:
    text = "-" if math.isnan(value) else f"{value:.3f}" if "SSIM" in column else f"{value:.2f}"
    return text.rjust(len(column))


def reached(tables: Tables) -> list[Goal]:
    """The goals that the tables can tell of: those of networks that were judged."""
    goals: list[Goal] = []
    for key, of in {
        "vae": _vae_goals,
        "stage1": _stage1_goals,
        "arrows": _arrow_goals,
        "stage2": _stage2_goals,
    }.items():
        rows = tables.get(key, {})
        if any(name.startswith(e.OURS) for name in rows):
            goals += of(rows)
    return sorted(goals, key=lambda goal: goal.kind == AIM)


def _vae_goals(rows: Rows) -> list[Goal]:
    return [Goal(MUST, "image VAE on held-out crops, dB", rows[e.OURS]["PSNR"], 23.5)]


def _stage1_goals(rows: Rows) -> list[Goal]:
    ours, half, dense = rows[e.OURS], rows[e.STILL]["points"] / 2, rows[e.DENSE]["driven"]
    return [
        Goal(MUST, "drawn points nearer than half of no motion's, px", ours["points"], half, True),
        Goal(AIM, "driven objects nearer than Densify Tracks', px", ours["driven"], dense, True),
    ]


def _arrow_goals(rows: Rows) -> list[Goal]:
    half, true, longer = (rows[e.OURS][f"at {factor:g}"] for factor in FACTORS)
    return [
        Goal(MUST, "arrow of the true length farther than of half", true, half + FARTHER),
        Goal(MUST, "half as long again farther still", longer, true + FARTHER),
    ]


def _stage2_goals(rows: Rows) -> list[Goal]:
    def whole(row: str) -> float:
        return rows[row]["PSNR all"]

    def new(row: str) -> float:
        return rows[row]["PSNR uncovered"]

    ours = whole(e.RIGHT)
    return [
        Goal(MUST, "stage 2 over frame 0 repeated + 1.5, dB", ours, whole(e.REPEATED) + LEAD),
        Goal(MUST, "right field over zero field + 1.5, dB", ours, whole(e.ZERO) + LEAD),
        Goal(MUST, "right field over another clip's + 1.5, dB", ours, whole(e.OTHER) + LEAD),
        Goal(AIM, "stage 2 over the splatted latent, dB", ours, whole(e.SPLATTED)),
        Goal(AIM, "over hole filling on uncovered pixels, dB", new(e.RIGHT), new(e.WARPED)),
    ]
