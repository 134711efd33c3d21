"""What a page's export of a workflow has lost of the files that it was loaded from.

The example workflows are as the oldest supported frontend writes them. A newer one, over newer core
nodes, adds keys, sockets and widgets of its own; all that the files say must still be there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

OURS = "MotionI2V"
"""What the pack's node types begin with."""
PAIRED_BY_ID = {"nodes", "links", "subgraphs"}
"""Lists whose items have ids; an item more is a change too."""
OF_THE_FRONTEND = {
    *("size", "order", "font_size"),  # how a page lays out, counts and letters by itself
    *("version", "frontendVersion"),
}

Json = dict[str, Any]


def lost(kept: Json, saved: Json) -> list[str]:
    """Returns what a saved workflow (UI format) has lost or changed of the file's.

    Both are compared through all their subgraphs. Not asked for is what a frontend decides by
    itself (OF_THE_FRONTEND, the names of sockets without a link), nor that it adds nothing to core
    nodes.
    """
    # A page gives a workflow that has no id yet another one each time.
    return list(_lost({key: kept[key] for key in kept if key != "id"}, saved, "workflow"))


def lost_of_prompt(twin: Json, prompt: Json, workflow: Json) -> list[str]:
    """Returns what an exported prompt (API format) has lost or changed of the twin's.

    Args:
        twin: node id -> `{"class_type", "inputs", "_meta"}`, as the file says.
        prompt: the same, as the page exports it.
        workflow: the file in UI format, for the titles that somebody gave. The others are names
            that core may give its nodes anew.
    """
    given = {node["title"] for node in _nodes(workflow) if "title" in node}
    found = [f"prompt: node {key} came or went" for key in sorted(twin.keys() ^ prompt.keys())]
    for key in sorted(twin.keys() & prompt.keys()):
        here, there = twin[key], prompt[key]
        if here["class_type"] != there["class_type"]:
            found.append(f"prompt: node {key} is now {there['class_type']}")
        title = here["_meta"]["title"]
        named = title in given or here["class_type"].startswith(OURS)
        if named and title != there["_meta"]["title"]:
            found.append(f"prompt: node {key} is now called {there['_meta']['title']}")
        found += [
            f"prompt: node {key} has lost {name}={value!r}"
            for name, value in here["inputs"].items()
            if value not in _values_of(name, there["inputs"])
            # A core node's field that says nothing may go, as that of Preview as Text did.
            and (value != "" or here["class_type"].startswith(OURS))
        ]
        if here["class_type"].startswith(OURS) and here["inputs"].keys() != there["inputs"].keys():
            found.append(f"prompt: node {key} has other inputs: {sorted(there['inputs'])}")
    return found


def _values_of(name: str, inputs: Json) -> list[Any]:
    """What an input is given. A newer host may nest it in a choice: `codec` in `format.codec`."""
    return [value for key, value in inputs.items() if key == name or key.endswith(f".{name}")]


def _nodes(graph: Json) -> Iterator[Json]:
    yield from graph["nodes"]
    for subgraph in graph.get("definitions", {}).get("subgraphs", []):
        yield from _nodes(subgraph)


def _lost(kept: Any, saved: Any, where: str) -> Iterator[str]:
    if kept in (None, [], {}) and saved in (None, [], {}):
        return  # frontends leave out what is empty, or write it, as they please
    if isinstance(kept, dict) and isinstance(saved, dict):
        for key in kept.keys() - OF_THE_FRONTEND:
            yield from _lost_of(key, kept, saved, f"{where}.{key}")
    elif isinstance(kept, list) and isinstance(saved, list) and len(kept) == len(saved):
        for index, (one, other) in enumerate(zip(kept, saved, strict=True)):
            yield from _lost(one, other, f"{where}[{index}]")
    elif kept != saved or isinstance(kept, bool) != isinstance(saved, bool):
        yield f"{where}: {kept!r} is now {saved!r}"


def _lost_of(key: str, kept: Json, saved: Json, where: str) -> Iterator[str]:
    """What is lost of one key of a graph or of a node."""
    one, other = kept[key], saved.get(key)
    is_node = "type" in kept and "pos" in kept
    if key in PAIRED_BY_ID:
        yield from _lost(_by_id(one), _by_id(other), where)
        yield from (f"{where}.{new} is new" for new in _by_id(other).keys() - _by_id(one).keys())
    elif is_node and key == "inputs":
        yield from _lost(_linked(one), _linked(other), where)
        yield from (f"{where}.{new} is new" for new in _linked(other).keys() - _linked(one).keys())
    elif is_node and key == "outputs":
        # By their places, which links go by; their names are told by the host.
        ends = [
            [[end["type"], end.get("links") or []] for end in side or []] for side in (one, other)
        ]
        yield from _lost(ends[0], ends[1][: len(ends[0])], where)
    elif is_node and key == "widgets_values" and not kept["type"].startswith(OURS):
        # A page reads them by their places: what newer core nodes add must come behind.
        yield from _lost(one or [], (other or [])[: len(one or [])], where)
    else:
        yield from _lost(one, other, where)


def _by_id(items: Any) -> Json:
    """{id: item}; the links of a workflow's first level are lists that begin with theirs."""
    items = items or []
    return {str(item["id"] if isinstance(item, dict) else item[0]): item for item in items}


def _linked(inputs: Any) -> Json:
    """{name: link} of those that have one."""
    return {end["name"]: end["link"] for end in inputs or [] if end.get("link") is not None}
