"""Another frontend than the host's own, for trying the page: COMFYUI_FRONTEND=<version>."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from devkit import environments, places

FOLDER = places.PRIVATE / "frontends"
PACKAGE = "comfyui-frontend-package"


def flags() -> tuple[str, ...]:
    """Returns what ComfyUI is started with to serve the frontend that COMFYUI_FRONTEND names.

    Raises:
        SystemExit: where it names no version, or the package index does not have it.
    """
    version = os.environ.get("COMFYUI_FRONTEND")
    return ("--front-end-root", str(static_folder(version))) if version else ()


def static_folder(version: str) -> Path:
    """Returns the folder with a frontend's index.html, fetched the first time it is asked for.

    Raises:
        SystemExit: where `version` is not one, or the package index does not have it.
    """
    if not re.fullmatch(r"\d+(\.\d+)+", version):
        raise SystemExit(
            f"COMFYUI_FRONTEND={version} is not a version of {PACKAGE}. Name one, such as 1.49.6, "
            "or unset it to use the host's own frontend."
        )
    static = FOLDER / version / "comfyui_frontend_package" / "static"
    if not static.is_dir():
        _fetch(version)
    return static


def _fetch(version: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    pip = (str(places.interpreter_of(places.VENV)), "-m", "pip", "install", *environments.QUIETLY)
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        fresh = Path(folder) / version
        options = ("--no-deps", "--no-compile", "--target", str(fresh))
        done = environments.run(*pip, *options, f"{PACKAGE}=={version}")
        if done.returncode != 0:
            raise SystemExit(
                f"COMFYUI_FRONTEND={version}: {PACKAGE} {version} cannot be installed:\n"
                f"{done.stdout.strip()}\nName a version that the package index has."
            )
        try:
            fresh.rename(FOLDER / version)
        except OSError:  # another run was faster
            if not (FOLDER / version).is_dir():
                raise
