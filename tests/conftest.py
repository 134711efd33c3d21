"""Every test imports the pack as `motion_i2v`; see testing/pack.py."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from collections.abc import Iterator

import pytest
import torch

import testing.pack  # noqa: F401
from devkit import commands, setup
from tests.host_process import HostProcess
from tests.tolerances import TOLERANCES

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--device cuda --dtype float64`: where and how unit tests of mathematics compute."""
    names = [str(dtype).removeprefix("torch.") for dtype in TOLERANCES]
    parser.addoption("--device", default="cpu", help="of the tests of models' mathematics")
    parser.addoption("--dtype", default="float32", choices=names, help="of their values")


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> torch.device:
    """The device of `--device`; skips where this machine has none of it."""
    name = request.config.getoption("--device")
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = (str(error).splitlines() or ["torch was built without it"])[0]
        pytest.skip(f"there is no device '{name}' here: {reason}")
    return torch.device(name)


@pytest.fixture(scope="session")
def dtype(request: pytest.FixtureRequest) -> torch.dtype:
    """The dtype of `--dtype`."""
    return getattr(torch, request.config.getoption("--dtype"))


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
    monkeypatch.setattr(commands, "_hand_over", lambda *named, **_: made.append(named) or 0)
    return made
