"""Lets unit tests call the node classes: ComfyUI importable, on the CPU, without a server."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def host_env():
    """Makes the host's modules importable; skips where there is no ComfyUI.

    The host comes last on the path: it has folders called `nodes` and `tests` too.
    """
    folder = os.environ.get("COMFYUI_DIR") or str(ROOT / ".dev" / "ComfyUI")
    if not (Path(folder) / "comfy_api").is_dir():
        pytest.skip(f"there is no ComfyUI at {folder}: run `make test`, or set COMFYUI_DIR")
    sys.path.append(folder)
    try:
        import comfy.cli_args

        comfy.cli_args.args.cpu = True
        import comfy_api.latest  # noqa: F401
    except ImportError as error:
        pytest.skip(f"ComfyUI at {folder} cannot be imported: {error}")


@pytest.fixture
def host_folders(host_env, tmp_path):
    """The host's input and output folders, empty and private to one test."""
    import folder_paths

    before = folder_paths.get_input_directory(), folder_paths.get_output_directory()
    folders = SimpleNamespace(input=tmp_path / "input", output=tmp_path / "output")
    for folder in (folders.input, folders.output):
        folder.mkdir()
    folder_paths.set_input_directory(str(folders.input))
    folder_paths.set_output_directory(str(folders.output))
    yield folders
    folder_paths.set_input_directory(before[0])
    folder_paths.set_output_directory(before[1])
