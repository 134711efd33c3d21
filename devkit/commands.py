"""The commands of dev.py: each makes the set-up complete, then hands over to the private Python.

`gpu` alone goes on as the Python that it was called with: a user's own, with the torch that is
there.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys

from devkit import places, setup


def run(arguments: list[str]) -> int:
    """Runs one command line and returns its exit code."""
    parser = argparse.ArgumentParser("dev.py", description="What to do with this checkout.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        # What follows, `--help` too, is the command's own.
        commands.add_parser(name, help=command.__doc__, add_help=False)
    chosen, rest = parser.parse_known_args(arguments)
    try:
        return COMMANDS[chosen.command](rest)
    except KeyboardInterrupt:
        return 130


def _setup(_: list[str]) -> int:
    """install the private environment and ComfyUI into .dev/"""
    setup.ensure(tools=True, torch=True)
    print(f"The set-up in {places.PRIVATE} is complete.")
    return 0


def _demo(rest: list[str]) -> int:
    """run an example workflow on a photo and write its video into output/"""
    setup.ensure()
    return _hand_over("-m", "devkit.demo", *rest)


def _serve(rest: list[str]) -> int:
    """start ComfyUI with the pack for your browser"""
    setup.ensure()
    return _hand_over("-m", "devkit.serve", *rest)


def _test(rest: list[str]) -> int:
    """lint, types, JavaScript and Python tests; more arguments go to pytest"""
    return _with_tools("pytest", *(rest or TWO_AT_ONCE))


def _lint(rest: list[str]) -> int:
    """only lint, types and the scans of what is shipped"""
    return _with_tools("devkit.checks", *rest)


def _parity(rest: list[str]) -> int:
    """compare with a folder of reference results: parity DIR [FAMILY ...]"""
    setup.ensure(torch=True)
    # The folder is meant from where the user is; what follows are names of families.
    folder = [os.path.abspath(name) for name in rest[:1] if not name.startswith("-")]
    return _hand_over("-m", "tests.parity", *folder, *rest[len(folder) :])


def _gpu(rest: list[str]) -> int:
    """measure on your GPU, or `--narrow` on the CPU, into output/; needs no set-up"""
    has_torch = importlib.util.find_spec("torch") is not None
    python = sys.executable if has_torch else str(places.comfyui_python())
    if not has_torch and python == sys.executable:
        raise SystemExit(
            f"{python} has no torch. Run dev.py with the Python of your ComfyUI, or name that in "
            "COMFYUI_PYTHON."
        )
    folder = str(places.comfyui_around())
    return _hand_over("-m", "benchmarks.gpu", *rest, python=python, COMFYUI_DIR=folder)


def _bench(rest: list[str]) -> int:
    """run the benchmarks; name some to run only those"""
    setup.ensure(torch=True)
    return _hand_over("-m", "devkit.bench", *rest)


def _soak(rest: list[str]) -> int:
    """malformed inputs, long queues, interrupts, kills; an hour, or --minutes N; name rows"""
    return _with_tools("soak", *rest)


def _workflows(rest: list[str]) -> int:
    """re-save the example workflows and their API twins through ComfyUI's page"""
    return _with_tools("devkit.workflows", *rest)


def _pictures(rest: list[str]) -> int:
    """make the pictures that README.md shows"""
    return _with_tools("devkit.pictures", *rest)


COMMANDS = {
    "setup": _setup,
    "demo": _demo,
    "serve": _serve,
    "test": _test,
    "lint": _lint,
    "parity": _parity,
    "bench": _bench,
    "gpu": _gpu,
    "soak": _soak,
    "workflows": _workflows,
    "pictures": _pictures,
}
"""What follows `dev.py`, in the order of its help; a command's docstring is its line there."""


TWO_AT_ONCE = ("-n", "2", "--dist", "loadfile")
"""The whole suite in two processes, each with a host; a file's tests share what they set up."""


def _with_tools(module: str, *rest: str) -> int:
    setup.ensure(tools=True, torch=True)
    return _hand_over("-m", module, *rest)


def _hand_over(*arguments: str, python: str = "", **told: str) -> int:
    """Goes on as a Python, by default the private one, from the root of the checkout."""
    python = python or str(places.interpreter_of(places.VENV))
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONUNBUFFERED": "1", **told}
    sys.stdout.flush()
    os.chdir(places.ROOT)
    if os.name != "nt":
        # One process less, so that Ctrl-C reaches the one that cleans up and nobody else.
        os.execve(python, [python, *arguments], environment)
    child = subprocess.Popen([python, *arguments], env=environment)
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            continue  # the child got it too and is cleaning up
