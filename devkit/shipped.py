"""What ComfyUI's registry ships of this checkout: what git keeps, but for `.comfyignore`."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from devkit import places


def files() -> list[str]:
    """Returns the shipped files, committed or not, as paths from the root of the checkout."""
    kept = _listed("--exclude-standard")
    left_out = _listed("--ignored", "--exclude-from=.comfyignore")
    return sorted(name for name in kept - left_out if (places.ROOT / name).is_file())


def _listed(*options: str) -> set[str]:
    command = ["git", "ls-files", "--cached", "--others", "-z", *options]
    done = subprocess.run(command, cwd=places.ROOT, capture_output=True, text=True, check=True)
    return set(filter(None, done.stdout.split("\0")))


def put(target: Path, but: tuple[str, ...] = ()) -> None:
    """Copies the shipped files into a folder, those below the folders in `but` left out."""
    for name in files():
        if not name.startswith(tuple(f"{room}/" for room in but)):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(places.ROOT / name, target / name)
