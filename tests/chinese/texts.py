"""The English texts that need a Chinese twin, and the Chinese ones, both as {key: text}.

A key is what ComfyUI's page asks its translations for, such as
`nodeDefs.MotionI2VWarpPreview.inputs.field.tooltip`.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from tests.host.newer_inputs import TYPES as NEWER

ROOT = Path(__file__).resolve().parents[2]
LOCALE = ROOT / "locales" / "zh"
ORIGINALS = Path(__file__).with_name("originals.json")
"""Fingerprints of the English that was translated; `python -m tests.chinese` writes it."""

MODULE = "custom_nodes.ComfyUI-MotionI2V"
OF_THE_HOST = {"BOOLEAN", "COMBO", "FLOAT", "INT", "STRING", "TRACKS"}
"""Types that are the host's to name, though its own nodes may not have them (0.3.75: TRACKS)."""

Texts = dict[str, str]


def ours(info: dict[str, Any]) -> dict[str, Any]:
    """Returns the pack's nodes, of all that the host describes (`/object_info`)."""
    found = {name: node for name, node in info.items() if node["python_module"] == MODULE}
    assert found, "the host knows no node of this pack"
    return found


def inputs_of(node: dict[str, Any]) -> dict[str, tuple[str | list, dict[str, Any]]]:
    """Returns input -> (type or combo options, what else is said of it), hidden ones left out."""
    groups = (node["input"].get(group, {}) for group in ("required", "optional"))
    return {
        name: (value[0], value[1] if len(value) > 1 else {})
        for group in groups
        for name, value in group.items()
    }


def options_of(node: dict[str, Any]) -> dict[str, list[str]]:
    """Returns combo input -> its options."""
    found = {}
    for name, (kind, said) in inputs_of(node).items():
        options = kind if isinstance(kind, list) else said.get("options", [])
        if options:
            found[name] = [str(option) for option in options]
    return found


def node_texts(name: str, node: dict[str, Any]) -> Texts:
    """Returns all that a node says in English."""
    own = f"nodeDefs.{name}"
    texts = {f"{own}.display_name": node["display_name"], f"{own}.description": node["description"]}
    for input_name, (_, said) in inputs_of(node).items():
        key = f"{own}.inputs.{input_name.replace('.', '_')}"
        texts[f"{key}.name"] = said.get("display_name") or input_name
        texts[f"{key}.tooltip"] = said["tooltip"]
        if said.get("control_after_generate"):
            texts[f"{own}.inputs.control_after_generate.name"] = "control after generate"
    tooltips = node["output_tooltips"] or ()
    for number, (output, tooltip) in enumerate(zip(node["output_name"], tooltips, strict=True)):
        texts[f"{own}.outputs.{number}.name"] = output
        texts[f"{own}.outputs.{number}.tooltip"] = tooltip
    return texts


def shared_texts(info: dict[str, Any]) -> Texts:
    """Returns the categories, and the types of socket that only this pack has."""
    mine = ours(info)
    parts = {part for node in mine.values() for part in node["category"].split("/")}
    others = {name: node for name, node in info.items() if name not in mine}
    kinds = types_of(mine) - types_of(others) - OF_THE_HOST
    return {
        **{f"nodeCategories.{part.replace('.', '_')}": part for part in parts},
        **{f"dataTypes.{kind}": kind for kind in kinds},
    }


def types_of(nodes: dict[str, Any]) -> set[str]:
    """Returns the types of all sockets."""
    into = {
        kind for node in nodes.values() for kind, _ in inputs_of(node).values() if str(kind) == kind
    }
    return into | {kind for node in nodes.values() for kind in node["output"] if str(kind) == kind}


def english(info: dict[str, Any]) -> Texts:
    """Returns all English texts of the pack's nodes, as the host tells them."""
    texts = shared_texts(info)
    for name, node in ours(info).items():
        texts |= node_texts(name, node)
    return texts


def chinese() -> Texts:
    """Returns all Chinese texts, as ComfyUI joins a pack's files into one tree."""
    tree = json.loads((LOCALE / "main.json").read_text("utf-8"))
    for name in ("nodeDefs", "commands", "settings"):
        file = LOCALE / f"{name}.json"
        if file.is_file():
            tree[name] = json.loads(file.read_text("utf-8"))
    return dict(leaves(tree))


def leaves(tree: Any, *path: str) -> list[tuple[str, str]]:
    """Returns (key, text) for every text in a tree of dicts."""
    if not isinstance(tree, dict):
        return [(".".join(path), tree)]
    return [leaf for key, below in tree.items() for leaf in leaves(below, *path, key)]


def numbers(text: str) -> list[str]:
    """Returns the numbers in a text, sorted, each once."""
    return sorted(set(re.findall(r"\d+(?:\.\d+)?", text)))


def originals(info: dict[str, Any]) -> dict[str, str]:
    """Returns the fingerprints of all English: a node's texts, a help page or README each."""
    files = [ROOT / "README.md", *(ROOT / "js" / "docs").glob("*.md")]
    pages = {str(file.relative_to(ROOT).as_posix()): file.read_text("utf-8") for file in files}
    nodes = {name: "\0".join(shown_everywhere(name, node)) for name, node in ours(info).items()}
    return {name: fingerprint(text) for name, text in sorted({**pages, **nodes}.items())}


def shown_everywhere(name: str, node: dict[str, Any]) -> list[str]:
    """Returns a node's texts but those of inputs that only newer hosts have, in a fixed order."""
    newer = tuple(f"nodeDefs.{name}.inputs.{given}." for of, given in NEWER if of == name)
    texts = node_texts(name, node)
    return [f"{key}={texts[key]}" for key in sorted(texts) if not key.startswith(newer)]


def fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
