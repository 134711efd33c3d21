"""Every test imports the pack as `motion_i2v`; see testing/pack.py."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from collections.abc import Iterator

import pytest

import testing.pack  # noqa: F401
from devkit import commands, setup
from tests.host_process import HostProcess

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def host() -> Iterator[HostProcess]:
    """A running ComfyUI with the pack, shared by all tests of the session."""
    with HostProcess() as process:
        yield process


@pytest.fixture(scope="session")
def host_env() -> None:
    """Makes the host's modules importable, on the CPU; skips where there is no ComfyUI.

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
def handed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What dev.py's commands hand over to the private Python, none of which is run."""
    made: list[tuple[str, ...]] = []
    monkeypatch.setattr(setup, "ensure", lambda **_: None)
    monkeypatch.setattr(commands, "_hand_over", lambda *arguments: made.append(arguments) or 0)
    return made
