"""Words that a search finds nodes by are given to hosts that know them, and to no other."""

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
