"""Hosts that several files of tests share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from devkit import places
from soak import host_nodes
from tests.host import led_host
from tests.host_process import HostProcess


@pytest.fixture(scope="session")
def foreign(tmp_path_factory) -> Iterator[HostProcess]:
    """A running ComfyUI with nodes that give what other packs and the host give, and the soak's."""
    base = tmp_path_factory.mktemp("foreign_host") / "base"
    (base / "custom_nodes").mkdir(parents=True)
    for file in (Path(__file__).with_name("foreign_nodes.py"), Path(host_nodes.__file__)):
        shutil.copy(file, base / "custom_nodes")
    flags = ("--whitelist-custom-nodes", places.PACK, "foreign_nodes.py", "host_nodes.py")
    with HostProcess(base=base, arguments=flags) as host:
        yield host


@pytest.fixture(scope="session")
def led(tmp_path_factory) -> Iterator[led_host.Prompts]:
    """A running ComfyUI with narrow image and video models."""
    with led_host.start(tmp_path_factory.mktemp("led_host") / "base") as host:
        yield led_host.Prompts(host)
