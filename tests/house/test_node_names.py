"""A node that an error or a tooltip names is one that there is, ours or the host's."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
QUOTED = re.compile(r"'([A-Z][\w-]*(?: [\w-]+)+)'")
"""A name of two words or more that begins with a capital, in quotes: so messages name nodes."""


def test_every_node_that_a_message_names_is_there(host):
    known = {node["display_name"] for node in host.object_info().values()}
    named = {
        (name, str(file.relative_to(ROOT)))
        for room in ("nodes", "models", "scenes", "training")
        for file in (ROOT / room).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for name in QUOTED.findall(node.value)
    }
    assert named
    assert {(name, file) for name, file in named if name not in known} == set()
