"""Every test imports the pack as `motion_i2v`; see pack.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from collections.abc import Iterator

import pytest

import tests.pack  # noqa: F401
from tests.host_process import HostProcess


@pytest.fixture(scope="session")
def host() -> Iterator[HostProcess]:
    """A running ComfyUI with the pack, shared by all tests of the session."""
    with HostProcess() as process:
        yield process
