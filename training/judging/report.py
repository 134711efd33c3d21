"""Evaluations: their parts, the tables that these make, and which goals the tables reach."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .judges import Rows, Tables, Workbench, mean_rows

MUST, AIM = "must", "aim"


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


@dataclass(frozen=True)
class Wanted:
    """A goal before there are figures.

    Args:
        kind, what, below: see `Goal`.
        table, row, column: where the figure is.
        other: the row whose figure bounds it; None: `lead` does alone.
        times, lead: what the bound is of the other's figure: times it, and so much more.
        other_column: where the other's is not in `column`.
    """

    kind: str
    what: str
    table: str
    row: str
    column: str
    other: str | None = None
    below: bool = False
    times: float = 1.0
    lead: float = 0.0
    other_column: str | None = None

    def goal(self, tables: Tables) -> Goal | None:
        """None where the tables do not have its rows; column "" is the last frame's."""
        rows = tables.get(self.table, {})
        if self.row not in rows or (self.other is not None and self.other not in rows):
            return None
        column, what = self.column, self.what
        if not column:
            column = [name for name in rows[self.row] if name.startswith("frame ")][-1]
            what = what.format(column)
        bound = self.lead
        if self.other is not None:
            bound += self.times * rows[self.other][self.other_column or column]
        return Goal(self.kind, what, rows[self.row][column], bound, self.below)


JudgeScene = Callable[[Any, Any], Rows]
"""(a bench, one of its scenes) -> the rows that are made of it."""
JudgeBench = Callable[[Any], Tables]


@dataclass(frozen=True)
class Judged:
    """An evaluation: what its judges make of a bench, and its goals.

    Judges enter it by the decorators. The docstring of one is the title of its table.

    Args:
        wanted: its goals.
        parts: what makes the tables of each part.
        titles: of the tables.
    """

    wanted: Sequence[Wanted]
    parts: dict[str, list[JudgeBench]] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)

    def by_scene(
        self, part: str, what: str, table: str = "", share: float = 1.0
    ) -> Callable[[JudgeScene], JudgeBench]:
        """A judge out of one of a scene: the means over scenes, or the first share of them.

        Args:
            what: is judged, for those who wait.
            table: where it is not called as the part is.
        """

        def entered(rows: JudgeScene) -> JudgeBench:
            def judge(bench: Workbench[Any]) -> Tables:
                kept = bench.scenes[: math.ceil(share * len(bench.scenes))]
                made = [rows(bench, scene) for scene in bench.over(what, kept)]
                return {table or part: mean_rows(made)}

            judge.__doc__ = rows.__doc__
            return self.whole(part, table)(judge)

        return entered

    def whole(
        self, part: str, table: str = "", **others: str
    ) -> Callable[[JudgeBench], JudgeBench]:
        """A judge of a whole bench.

        Args:
            others: further tables of it, and their titles.
        """

        def entered(judge: JudgeBench) -> JudgeBench:
            self.parts.setdefault(part, []).append(judge)
            self.titles[table or part] = " ".join((judge.__doc__ or "").split()).rstrip(".")
            self.titles.update(others)
            return judge

        return entered

    def tables(self, bench: Any, parts: Sequence[str]) -> Tables:
        """The tables of some parts, without those in which there is nothing."""
        judges = [judge for part in parts for judge in self.parts[part]]
        made = (pair for judge in judges for pair in judge(bench).items())
        return {key: rows for key, rows in made if rows}

    def goals(self, tables: Tables) -> list[Goal]:
        """The goals that the tables can tell of: those of networks that were judged."""
        found = [goal for each in self.wanted if (goal := each.goal(tables)) is not None]
        return sorted(found, key=lambda goal: goal.kind == AIM)


def lines(tables: Tables, titles: Mapping[str, str], goals: Sequence[Goal]) -> Iterator[str]:
    """Every table in Markdown, then the goals."""
    for key, rows in tables.items():
        yield from (f"### {titles[key]}", "", *table(rows), "")
    if goals:
        yield from ("### Goals", "", "| | | figure | reached |", "| --- | --- | --- | --- |")
        yield from (goal.line() for goal in goals)


def as_json(tables: Tables, goals: Sequence[Goal]) -> dict[str, Any]:
    """Tables and goals as strict JSON takes them: what is not known, or endless, is null."""
    told = [
        {"kind": goal.kind, "what": goal.what, "figure": _finite(goal.figure)}
        | {"bound": _finite(goal.bound), "reached": goal.reached}
        for goal in goals
    ]
    figures = {
        key: {row: {name: _finite(each) for name, each in of.items()} for row, of in rows.items()}
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
