"""`python dev.py soak [--minutes N] [--seed S] [ROW ...]`: runs rows and writes their table."""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Sequence

from devkit import places
from soak.apart import run_apart
from soak.rows import as_json, table

ROWS = {
    "malformed": (10_000, 10),
    "prompts": (1_000, 24),
    "interrupts": (300, 18),
    "kills": (100, 3),
    "two_trainings": (1, 2),
    "hostile_files": (1_000, 3),
}
"""The rows, each `soak/<name>.py` with `run(count, seconds, seed) -> Row`: how often, and how much
of the time it may take, as minutes of an hour."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the rows that are named, or all; returns 1 where one did not hold or did nothing."""
    options = _options(arguments)
    rows = []
    deadline = time.monotonic() + 60 * options.minutes
    for number, name in enumerate(options.rows):
        count, minutes = ROWS[name]
        # What a row leaves of its share goes to those after it.
        share = minutes / sum(ROWS[later][1] for later in options.rows[number:])
        seconds = share * (deadline - time.monotonic())
        print(f"== {name}", flush=True)
        rows.append(run_apart(name, min(count, options.count), seconds, options.seed))
        print(table(rows[-1:]), flush=True)
    output = places.ROOT / "output"
    output.mkdir(exist_ok=True)
    (output / "soak.md").write_text(table(rows), "utf-8")
    (output / "soak.json").write_text(as_json(rows), "utf-8")
    print(table(rows), end="")
    return int(any(row.failures or not row.done for row in rows))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("dev.py soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="shared by the rows")
    parser.add_argument("--seed", type=int, default=0, help="of what is generated")
    parser.add_argument("--count", type=int, default=sys.maxsize, help="at most, of each row")
    present = [name for name in ROWS if importlib.util.find_spec(f"soak.{name}")]
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(present)}")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.rows if name not in present]
    if unknown:
        parser.error(f"no row {', '.join(unknown)}; there are {', '.join(present)}")
    options.rows = options.rows or present
    return options


if __name__ == "__main__":
    sys.exit(main())
