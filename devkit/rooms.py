"""The rooms of the checkout: what CONTRIBUTING.md's map allows, and what the code imports."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from devkit import places

SHIPPED = ("nodes", "models", "scenes", "training")
"""The rooms of the package, whose imports are relative."""
TOPS = (*SHIPPED, "tools", "benchmarks", "soak", "devkit", "testing")
PACK = "motion_i2v"


def read_map() -> dict[str, set[str]]:
    """Returns what the map's rows allow: room -> rooms, with "ComfyUI" among them."""
    allowed = {}
    for line in (places.ROOT / "CONTRIBUTING.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if len(cells) == 3 and cells[0].startswith("`") and cells[0].endswith("/`"):
            rooms = set(re.findall(r"`([\w/]+)/`", cells[2]))
            allowed[cells[0].strip("`/")] = rooms | (
                {"ComfyUI"} if "ComfyUI" in cells[2] else set()
            )
    return allowed


ROOMS = read_map()


def files_of(*tops: str) -> list[Path]:
    """Returns the Python files of some top rooms."""
    return sorted(file for top in tops for file in (places.ROOT / top).rglob("*.py"))


def room_of(parts: tuple[str, ...]) -> str:
    """Returns the innermost room of the map that holds a module, '' where none does."""
    for depth in range(len(parts), 0, -1):
        if "/".join(parts[:depth]) in ROOMS:
            return "/".join(parts[:depth])
    return ""


def imported(source: str, here: PurePosixPath) -> Iterator[tuple[ast.stmt, tuple[str, ...]]]:
    """Yields (statement, module's parts) of every import, relative and lazy ones too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, tuple(alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            module = tuple(node.module.split(".")) if node.module else ()
            if node.level:
                module = here.parts[: len(here.parts) - node.level] + module
            # `from .. import host` means a room; `from ..host import load` a name in one.
            for alias in node.names:
                yield node, (*module, alias.name)


def rooms_used(file: Path) -> set[str]:
    """Returns the rooms of the map that a file imports from, but for its own."""
    here = PurePosixPath(file.relative_to(places.ROOT).as_posix())
    found = {room_of(parts) for _, parts in imported(file.read_text("utf-8"), here)}
    return found - {"", room_of(here.parts)}
