"""The checks that are no Python tests: lint, format, types, scans, and the JavaScript tests."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass

from devkit import places
from devkit.scans import SCANS


@dataclass(frozen=True)
class Check:
    """A command, run from the root of the checkout, that fails where something is wrong."""

    name: str
    command: tuple[str, ...]

    def run(self) -> subprocess.CompletedProcess[str]:
        """Runs it and returns exit code and output (stdout and stderr together)."""
        return subprocess.run(
            self.command,
            cwd=places.ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


PYTHON_CHECKS = (
    Check("ruff check", (sys.executable, "-m", "ruff", "check", ".")),
    Check("ruff format", (sys.executable, "-m", "ruff", "format", "--check", ".")),
    Check("mypy", (sys.executable, "-m", "devkit.typed")),
    *(Check(name, (sys.executable, "-m", "devkit.scans", name)) for name in SCANS),
)


def javascript_check() -> Check | None:
    """Returns the check that runs the JavaScript tests, None where there is no Node.js."""
    node = shutil.which("node")
    # Named one by one: what a folder means to `node --test` has changed between versions.
    files = sorted(str(file) for file in (places.ROOT / "tests" / "js").glob("*.test.*js"))
    return Check("node --test", (node, "--test", *files)) if node and files else None


def main() -> int:
    """Runs lint, types and scans and returns 1 where one of them fails."""
    failed = False
    for check in PYTHON_CHECKS:
        done = check.run()
        print(f"{check.name}: {'failed' if done.returncode else 'ok'}", flush=True)
        if done.returncode:
            print(done.stdout)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
