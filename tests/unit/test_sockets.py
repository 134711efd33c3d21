"""Sockets and search words, on hosts that differ in what they make of them."""

from dataclasses import dataclass, field


@dataclass
class NewerSchema:
    search_aliases: list[str] = field(default_factory=list)


@dataclass
class OlderSchema:
    node_id: str = ""


def test_aliases_where_the_host_has_them(host_env, monkeypatch):
    from motion_i2v.nodes import sockets

    monkeypatch.setattr(sockets.io, "Schema", NewerSchema)
    assert sockets.aliases("motion brush", "kling") == {"search_aliases": ["motion brush", "kling"]}
    monkeypatch.setattr(sockets.io, "Schema", OlderSchema)
    assert sockets.aliases("motion brush") == {}


def test_outputs_are_called_the_same_by_every_host(host_env):
    # One without a display name has its type's name on older hosts, and its id on newer ones.
    from motion_i2v.nodes import NODES

    nameless = [
        f"{node.__name__} -> {output.id}"
        for node in NODES
        for output in node.define_schema().outputs
        if not output.display_name
    ]
    assert nameless == []
