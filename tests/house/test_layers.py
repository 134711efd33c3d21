"""Who imports whom: the map in CONTRIBUTING.md, held to be true of every import of the checkout."""

import ast
from collections import Counter
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path, PurePosixPath

import pytest

from devkit.rooms import PACK, ROOMS, TOPS, files_of, imported, room_of

ROOT = Path(__file__).resolve().parents[2]
FILES = files_of(*TOPS)
HOST = ("comfy", "comfy_api", "comfy_extras", "folder_paths", "execution", "latent_preview")
DOOR = "__main__.py"
"""`python -m` needs it at the top of a room. It may open the rooms below, and loads the pack."""

ALLOWED = ROOMS


def offences(source: str, here: PurePosixPath) -> Iterator[str]:
    """Yields the imports that the map does not allow to a file, `here` in the checkout."""
    room = room_of(here.parts)
    relative = here.parts[0] in ("nodes", "models", "scenes", "training") and here.name != DOOR
    for node, parts in imported(source, here):
        if relative and not getattr(node, "level", 0) and parts[0] in (PACK, *TOPS):
            yield f"line {node.lineno}: {'.'.join(parts)}: imports inside the pack are relative"
        target = room_of(parts[1:] if parts[0] == PACK else parts)
        if parts[0] in HOST:
            target = "ComfyUI"
        below = here.name == DOOR and target.startswith(f"{room}/")
        if target not in ("", room) and not below and not _allows(room, target):
            yield f"line {node.lineno}: {room}/ may not import {'.'.join(parts)}"


def _allows(room: str, target: str) -> bool:
    """Whether a row names the target, or the room that it lies in."""
    return any(
        target == one or (target.startswith(f"{one}/") and one == "models") for one in ALLOWED[room]
    )


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_file_imports_what_its_room_may(file: Path):
    here = PurePosixPath(file.relative_to(ROOT))
    assert list(offences(file.read_text("utf-8"), here)) == []


@pytest.mark.parametrize(
    ("source", "here"),
    [
        ("from ..host import loading", "models/files/layout.py"),
        ("from ..host.loading import load", "models/files/layout.py"),
        ("def f():\n    from ..host import loading", "models/files/layout.py"),
        ("from .. import host", "models/files/layout.py"),
        ("from ...training import loop", "models/host/loading.py"),
        ("from ...nodes.node import Node", "models/host/loading.py"),
        ("import comfy.sd", "models/networks/splat.py"),
        ("from comfy.sd import VAE", "models/networks/splat.py"),
        ("import folder_paths", "models/files/layout.py"),
        ("from ..loop import train", "training/data/videos.py"),
        ("from .commands import options", "training/loop.py"),
        ("from ..objectives.stage1 import Stage1", "training/judging/judges.py"),
        ("from ..training.data import clip", "scenes/renderer.py"),
        ("from motion_i2v.models.types import tracks", "nodes/sockets.py"),
        ("import tests.copies", "benchmarks/splat.py"),
        ("from tests import copies", "testing/pack.py"),
        ("from devkit import host", "models/host/loading.py"),
    ],
)
def test_an_import_upwards_is_found(source: str, here: str):
    assert list(offences(source, PurePosixPath(here)))


@pytest.mark.parametrize(
    ("source", "here"),
    [
        ("from ..types.tracks import Tracks", "models/drawing/paths.py"),
        ("from . import seeds", "training/data/videos.py"),
        ("import comfy.sd\nimport torch", "models/host/loading.py"),
        ("from motion_i2v.training.commands.command import main", "training/__main__.py"),
        ("from motion_i2v.models.host import loading", "benchmarks/stage1.py"),
        ("from ..models.host.loading import load", "nodes/stage1_loaders.py"),
    ],
)
def test_an_import_that_the_map_allows_passes(source: str, here: str):
    assert list(offences(source, PurePosixPath(here))) == []


def test_the_map_has_no_circles():
    graph = {
        room: {other for other in ALLOWED if other != room and _allows(room, other)}
        for room in ALLOWED
    }
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("shelf", ["models", "training"])
def test_the_rooms_have_doors(shelf: str):
    folders = sorted({file.parent for file in FILES if file.is_relative_to(ROOT / shelf)})
    assert len(list((ROOT / shelf).glob("*.py"))) <= 8
    for folder in folders:
        assert str(folder.relative_to(ROOT)) in ALLOWED or folder == ROOT / "models"
        caption = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8")))
        assert len(caption or "") > 40, folder


def test_every_unit_test_lies_in_its_room():
    files = {path.relative_to(ROOT / "tests/unit") for path in (ROOT / "tests/unit").rglob("*.py")}
    for path in files - {Path("conftest.py")}:
        folder = path.parent
        rooms = [ROOT / folder, ROOT / "models" / folder, ROOT / "tests" / folder]
        assert folder != Path("."), path
        assert any(room.is_dir() for room in rooms), path


def test_no_two_files_or_public_classes_have_one_name():
    shipped = [file for file in FILES if file.is_relative_to(ROOT / "nodes")]
    shipped += [
        file
        for file in FILES
        if file.relative_to(ROOT).parts[0] in ("models", "scenes", "training")
    ]
    files = Counter(file.name for file in shipped if not file.name.startswith("__"))
    classes = Counter(
        node.name
        for file in shipped
        for node in ast.parse(file.read_text("utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in (files + classes).items() if count > 1] == []
