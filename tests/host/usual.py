"""A node as the page would queue it: every widget with the value that the host tells for it."""

from __future__ import annotations

from typing import Any


def usual(info: dict[str, Any], kind: str, **given: Any) -> dict[str, Any]:
    """A node (API format) with the page's values, and others where given.

    What a core node needs differs between hosts: a test names what it is about, and leaves the rest
    to this.

    Args:
        info: the host's `/object_info`.
        kind: the node's type.
    """
    values = _values(info[kind]["input"].get("required", {}), "")
    return {"class_type": kind, "inputs": {**values, **given}}


def _values(described: dict[str, Any], before: str) -> dict[str, Any]:
    """{name: value} of the widgets; a name within a choice begins with that choice's."""
    values: dict[str, Any] = {}
    for name, (type_, *more) in described.items():
        options = more[0] if more else {}
        choices = type_ if isinstance(type_, list) else options.get("options")
        if "default" in options:
            values[before + name] = options["default"]
        elif choices and isinstance(choices[0], dict):
            values[before + name] = choices[0]["key"]
            values |= _values(choices[0]["inputs"].get("required", {}), f"{before}{name}.")
        elif choices:
            values[before + name] = choices[0]
    return values
