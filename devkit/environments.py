"""Virtual environments: made whatever this Python lacks, filled by pip as the user set it up."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from devkit import places

QUIETLY = ("--quiet", "--disable-pip-version-check", "--no-input", "--progress-bar", "off")


def make(venv: Path) -> None:
    """Makes a virtual environment with pip in it; one that is complete is never touched.

    Raises:
        SystemExit: where no way works; the message tells each that was tried.
    """
    failures: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        path = os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH"))))
        ways = iter(_ways(venv, folder))
        while not _has_pip(venv):
            way = next(ways, None)
            if way is None:
                raise SystemExit(
                    f"\nNo virtual environment could be made in {venv}. Tried, one after another:\n"
                    + "\n".join(failures)
                    + "\nOn Debian or Ubuntu `apt install python3-venv` helps; elsewhere install "
                    f"virtualenv for {sys.executable}, or uv, or start this with another Python."
                )
            shutil.rmtree(venv, ignore_errors=True)
            for command in way:
                done = run(*command, PYTHONPATH=path)
                if done.returncode != 0:
                    failures.append(f"  {' '.join(command)}\n{_end_of(done.stdout, 3)}")
                    break


def _ways(venv: Path, folder: str) -> list[list[list[str]]]:
    """Returns the ways to make an environment with pip, each as commands, the usual one first.

    Debian's bare python3 has no ensurepip, which the first one needs; virtualenv brings pip along.
    `folder` is where the last one puts virtualenv, on the path of the commands.
    """
    python, uv = sys.executable, shutil.which("uv")
    virtualenv = [python, "-m", "virtualenv", "--quiet", "--python", python, str(venv)]
    fetch = [python, "-m", "pip", "install", *QUIETLY, "--target", folder, "virtualenv"]
    with_uv = [[uv, "venv", "--quiet", "--seed", "--python", python, str(venv)]] if uv else []
    ways = [[[python, "-m", "venv", str(venv)]], [virtualenv], with_uv, [fetch, virtualenv]]
    return [way for way in ways if way]


def _has_pip(venv: Path) -> bool:
    python = places.interpreter_of(venv)
    return python.is_file() and run(str(python), "-m", "pip", "--version").returncode == 0


def pip(venv: Path, verb: str, *arguments: str) -> None:
    """Runs pip in an environment, silently.

    Raises:
        SystemExit: where it fails, with the end of what it said and what to do.
    """
    done = run(str(places.interpreter_of(venv)), "-m", "pip", verb, *QUIETLY, *arguments)
    if done.returncode != 0:
        raise SystemExit(
            f"\n`pip {verb} {' '.join(arguments)}` failed:\n{_end_of(done.stdout, 15)}\n\n"
            "Where the package index can't be reached, check the network and pip's settings "
            "(`pip config list`). Run the command again to go on from here; delete .dev/ to "
            "start afresh."
        )


def _end_of(output: str, lines: int) -> str:
    return "\n".join(f"    {line[:400]}" for line in output.strip().splitlines()[-lines:])


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a program and returns its exit code and output (stdout and stderr together)."""
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environment},
    )
