"""Runs the programs in benchmarks/, one after the other, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys

from devkit import places


def main(names: list[str]) -> int:
    """Runs the named benchmarks, or all, and returns 1 where one of them fails."""
    found = {file.stem: file for file in sorted((places.ROOT / "benchmarks").glob("[a-z]*.py"))}
    unknown = [name for name in names if name not in found]
    if unknown:
        print(f"No benchmark {', '.join(unknown)}; there are {', '.join(found)}.")
        return 1
    failed = False
    for name in names or found:
        print(f"== {name}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}"]
        failed |= subprocess.call(command, cwd=places.ROOT) != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
