"""Where things are: the checkout, its private set-up, and the ComfyUI that is used."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PRIVATE = ROOT / ".dev"
VENV = PRIVATE / "venv"
TOOLS = PRIVATE / "tools"
"""The environment of the lint tools, which share no package with ComfyUI's."""
EXAMPLES = ROOT / "example_workflows"
OUTPUT = ROOT / "output"
PACK = "ComfyUI-MotionI2V"
"""The pack's folder name in custom_nodes."""


def interpreter_of(venv: Path) -> Path:
    """Returns the path of the interpreter in a virtual environment, there or not."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def own_comfyui() -> Path | None:
    """Returns the ComfyUI that the user named in COMFYUI_DIR.

    Raises:
        SystemExit: where COMFYUI_DIR holds no ComfyUI.
    """
    named = os.environ.get("COMFYUI_DIR")
    if not named:
        return None
    folder = Path(named).expanduser().resolve()
    if not (folder / "main.py").is_file() or not (folder / "comfy").is_dir():
        raise SystemExit(
            f"COMFYUI_DIR={named} is no ComfyUI: there is no main.py beside a comfy/ folder. "
            "Name the folder that you start ComfyUI from, or unset COMFYUI_DIR."
        )
    return folder


def comfyui_around() -> Path:
    """Returns the user's own ComfyUI, else the one in whose custom_nodes this checkout lies, else
    the private one, there or not."""
    around = ROOT.parent.parent
    lies_in_it = ROOT.parent.name == "custom_nodes" and (around / "comfy").is_dir()
    return own_comfyui() or (around if lies_in_it else PRIVATE / "ComfyUI")


def comfyui() -> Path:
    """Returns the folder of the ComfyUI to start: the user's own, or the private one."""
    return own_comfyui() or PRIVATE / "ComfyUI"


def own_python() -> Path | None:
    """Returns the interpreter for the user's own ComfyUI.

    That is COMFYUI_PYTHON, else the virtual environment inside COMFYUI_DIR, else None.

    Raises:
        SystemExit: where COMFYUI_PYTHON is not a file.
    """
    named = os.environ.get("COMFYUI_PYTHON")
    if named:
        if not Path(named).expanduser().is_file():
            raise SystemExit(f"COMFYUI_PYTHON={named} is not a file. Name a Python interpreter.")
        return Path(named).expanduser().absolute()
    folder = own_comfyui()
    if folder is not None:
        for venv in (".venv", "venv"):
            if interpreter_of(folder / venv).is_file():
                return interpreter_of(folder / venv)
    return None


def comfyui_python() -> Path:
    """Returns the interpreter that runs ComfyUI."""
    private = interpreter_of(VENV)
    return own_python() or (private if private.is_file() else Path(sys.executable))
