"""The schema of the editor's document, which the page and this pack's Python share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[2] / "js" / "editor" / "schema.js"


def read_schema() -> dict[str, Any]:
    """Returns the JSON Schema: a JavaScript module whose only value is JSON."""
    return json.loads(FILE.read_text("utf-8").split("\nexport default ", 1)[1])


SCHEMA = read_schema()
VERSION: int = SCHEMA["properties"]["version"]["const"]
_PATH = SCHEMA["$defs"]["path"]["properties"]
KINDS, CURVES, SPACINGS, EASES = (
    tuple(_PATH[name]["enum"]) for name in ("kind", "curve", "spacing", "ease")
)
DEFAULTS: dict[str, Any] = {
    name: told["default"] for name, told in _PATH.items() if "default" in told
}
"""What a path of a document means where it leaves a key out."""
