"""Sets up, shows, tests and serves the pack: `python dev.py demo`. `make demo` calls this too.

It needs Python 3.10-3.13 and nothing else; everything that it installs goes into `.dev/`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

SUPPORTED = ((3, 10), (3, 11), (3, 12), (3, 13))
NAMES = tuple(f"python{major}.{minor}" for major, minor in reversed(SUPPORTED))


def version_of(python: str) -> tuple[int, ...] | None:
    """Returns (major, minor) of an interpreter, None where it does not run."""
    code = "import sys; print(*sys.version_info[:2])"
    try:
        run = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=30)
        return tuple(int(part) for part in run.stdout.split()) if run.returncode == 0 else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def supported_python() -> str | None:
    """Returns an interpreter that the set-up supports, None where this machine has none."""
    for name in NAMES:
        python = shutil.which(name)
        if python and version_of(python) in SUPPORTED:
            return python
    return None


def main() -> int | str:
    if sys.version_info[:2] in SUPPORTED:
        from devkit.commands import run

        return run(sys.argv[1:])
    python = supported_python()
    mine = ".".join(str(part) for part in sys.version_info[:2])
    if python is None or os.environ.get("MOTION_I2V_TRIED"):
        return (
            f"Python 3.10-3.13 is needed; this is {mine} ({sys.executable}), and there is no "
            f"{', '.join(NAMES)} on PATH that runs. Install one of them, or name it: "
            f"`/path/to/{NAMES[0]} dev.py ...`, `make PYTHON=/path/to/{NAMES[0]} ...`."
        )
    print(f"Python {mine} is not supported; going on with {python}.", flush=True)
    environment = {**os.environ, "MOTION_I2V_TRIED": "1"}
    here = str(Path(__file__).resolve())
    return subprocess.call([python, here, *sys.argv[1:]], env=environment)


if __name__ == "__main__":
    sys.exit(main())
