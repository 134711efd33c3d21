"""Sockets and search words, on hosts that differ in what they make of them."""

from dataclasses import dataclass, field


@dataclass
class NewerSchema:
    search_aliases: list[str] = field(default_factory=list)
    essentials_category: str | None = None
    has_intermediate_output: bool = False


@dataclass
class OlderSchema:
    node_id: str = ""


def test_aliases_where_the_host_has_them(host_env, monkeypatch):
    from motion_i2v.nodes import sockets

    monkeypatch.setattr(sockets.io, "Schema", NewerSchema)
    assert sockets.aliases("motion brush", "kling") == {"search_aliases": ["motion brush", "kling"]}
    monkeypatch.setattr(sockets.io, "Schema", OlderSchema)
    assert sockets.aliases("motion brush") == {}


def test_what_a_schema_knows(host_env, monkeypatch):
    from motion_i2v.nodes import sockets

    monkeypatch.setattr(sockets.io, "Schema", NewerSchema)
    assert sockets.essential() == {"essentials_category": "Video Tools"}
    assert sockets.shows_itself() == {"has_intermediate_output": True}
    monkeypatch.setattr(sockets.io, "Schema", OlderSchema)
    assert sockets.essential() == {}
    assert sockets.shows_itself() == {}


def test_advanced_inputs_where_inputs_know_it(host_env, monkeypatch):
    from motion_i2v.nodes import sockets

    def newer(id, default=None, advanced=None): ...
    def older(id, default=None): ...

    monkeypatch.setattr(sockets.io.Int, "Input", newer)
    assert sockets.advanced() == {"advanced": True}
    monkeypatch.setattr(sockets.io.Int, "Input", older)
    assert sockets.advanced() == {}


def test_sockets_of_types_that_the_host_has(host_env):
    """Each is there with its type, and without a widget of its own, or it is not there."""
    from motion_i2v.nodes import sockets

    has = {
        sockets.curve_socket: (hasattr(sockets.io, "Curve"), "CURVE"),
        sockets.box_socket: (hasattr(sockets.io, "BoundingBox"), "BOUNDING_BOX"),
    }
    for make, (known, kind) in has.items():
        made = make("there", "A tooltip.")
        assert len(made) == known
        for socket in made:
            told = socket.as_dict()
            assert (socket.get_io_type(), socket.optional) == (kind, True)
            assert (told["forceInput"], told["tooltip"]) == (True, "A tooltip.")


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
