"""The pack as users have it: copied into custom_nodes, under the names that installers give it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import devkit.host
from devkit import places
from tests.host_process import HostProcess

GIT = places.PACK
REGISTRY = "motion-i2v"


def put_copy(custom_nodes: Path, name: str) -> None:
    """Copies what an installer would bring, small model and all."""
    leave = shutil.ignore_patterns(*devkit.host.NOT_THE_PACK)
    shutil.copytree(places.ROOT, custom_nodes / name, ignore=leave)


@contextmanager
def host_with(base: Path, *names: str) -> Iterator[HostProcess]:
    """A running ComfyUI with a copy of the pack under each of these names, and no other."""

    def put_copies(custom_nodes: Path) -> None:
        for name in names:
            put_copy(custom_nodes, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(devkit.host, "put_pack", put_copies)
        with HostProcess(base=base, arguments=("--whitelist-custom-nodes", *names)) as process:
            yield process
