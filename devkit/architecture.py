"""`python -m devkit.architecture`: the pictures of docs/architecture.md, made from the code.

One is an example workflow with, for each node, its file and the rooms of `models/` that it calls;
the other the rooms and who imports whom. Both are Mermaid, which GitHub draws.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from devkit import places
from devkit.rooms import ROOMS, SHIPPED, files_of, room_of, rooms_used
from models.files.atomic import whole

PAGE = places.ROOT / "docs" / "architecture.md"
WORKFLOW = "picture-arrows-prompt"
BLOCK = re.compile(r"(<!-- made: (\w+) -->\n)(.*?)(<!-- end -->)", re.S)


def node_files() -> dict[str, tuple[str, Path]]:
    """Returns node id -> (display name, file), read from the schemas in nodes/."""
    found = {}
    for file in files_of("nodes"):
        for call in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("Schema"):
                told = {word.arg: word.value for word in call.keywords}
                id_, name = told.get("node_id"), told.get("display_name")
                if isinstance(id_, ast.Constant) and isinstance(name, ast.Constant):
                    found[str(id_.value)] = (str(name.value), file)
    return found


def drawing_to_video() -> Iterator[str]:
    """Yields the lines of the workflow's picture."""
    graph = json.loads((places.EXAMPLES / f"{WORKFLOW}.json").read_text("utf-8"))
    known = node_files()
    linked = {end for link in graph["links"] for end in (link[1], link[3])}
    yield "flowchart LR"
    for node in graph["nodes"]:
        if node["id"] not in linked:
            continue
        if node["type"] not in known:
            yield f'  n{node["id"]}(["{node["type"]}"])'
            continue
        name, file = known[node["type"]]
        rooms = sorted(room for room in rooms_used(file) if room.startswith("models/"))
        lines = [f"<b>{name}</b>", f"nodes/{file.name}", ", ".join(r[7:] for r in rooms)]
        yield f'  n{node["id"]}["{"<br>".join(lines)}"]'
    for _, source, _, target, _, kind in graph["links"]:
        yield f"  n{source} -- {kind} --> n{target}"


def rooms() -> Iterator[str]:
    """Yields the lines of the rooms' picture: of the pack's own, who imports whom."""
    shown = [room for room in ROOMS if room.split("/")[0] in SHIPPED]
    arrows = {
        (room_of(file.relative_to(places.ROOT).parts), used)
        for file in files_of(*SHIPPED)
        if file.name != "__main__.py"
        for used in rooms_used(file)
    }
    yield "flowchart TD"
    for room in shown:
        yield f'  {_id(room)}["{room}/"]'
    for room, used in sorted(arrows):
        if used in shown and not _through_others(room, used, arrows):
            yield f"  {_id(room)} --> {_id(used)}"


def _id(room: str) -> str:
    return room.replace("/", "_")


def _through_others(room: str, used: str, arrows: set[tuple[str, str]]) -> bool:
    """Whether another room that `room` imports leads to `used` too: one arrow less to draw."""
    between = {target for source, target in arrows if source == room} - {used}
    seen: set[str] = set()
    while between:
        one = between.pop()
        seen.add(one)
        between |= {target for source, target in arrows if source == one} - seen
    return used in seen


MADE = {"drawing_to_video": drawing_to_video, "rooms": rooms}


def made(text: str) -> str:
    """Returns the page with every picture as the code is now."""

    def block(found: re.Match[str]) -> str:
        lines = "\n".join(MADE[found[2]]())
        return f"{found[1]}```mermaid\n{lines}\n```\n{found[4]}"

    return BLOCK.sub(block, text)


def main() -> int:
    text = made(PAGE.read_text("utf-8"))
    with whole(PAGE) as part:
        part.write_text(text, "utf-8")
    print(f"{PAGE.relative_to(places.ROOT)} is as the code is.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
