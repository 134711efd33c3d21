"""Inputs with a default may be left out of a prompt, and the page is told the same of them."""

import inspect

import pytest


@pytest.fixture(scope="module")
def nodes(host_env):
    from motion_i2v.nodes import NODES

    return NODES


def groups(told):
    return told[0] if isinstance(told, tuple) else told


def test_the_host_needs_only_what_has_no_default(nodes):
    for node in nodes:
        shown, checked = node.GET_NODE_INFO_V1()["input"], groups(node.INPUT_TYPES())
        needed = {
            name: told
            for name, told in shown["required"].items()
            if "default" not in told[1] and name not in node.MAY_LACK
        }
        assert checked["required"] == needed
        assert checked["required"] | checked["optional"] == shown["required"] | shown.get(
            "optional", {}
        )


def test_checks_before_a_run_do_with_what_is_there(nodes):
    for node in nodes:
        described = groups(node.INPUT_TYPES())
        for check in (node.validate_inputs, node.fingerprint_inputs):
            for name, parameter in inspect.signature(check).parameters.items():
                if parameter.kind is parameter.VAR_KEYWORD:
                    continue
                # Only a prompt that lacks nothing is asked for its fingerprint.
                if check == node.fingerprint_inputs and name in described["required"]:
                    continue
                assert parameter.default is not parameter.empty, (check, name)


def test_what_is_left_out_has_its_default_where_it_runs(nodes, monkeypatch):
    for node in nodes:
        seen = {}

        def execute(cls, seen=seen, **given):
            seen.update(given)

        monkeypatch.setattr(node, "execute", classmethod(execute))
        shown = node.GET_NODE_INFO_V1()
        defaults = {
            name: told[1]["default"]
            for name, told in shown["input"]["required"].items()
            if "default" in told[1]
        }
        node.EXECUTE_NORMALIZED()
        lists = node.define_schema().is_input_list
        assert seen == {name: [value] if lists else value for name, value in defaults.items()}
        for name in defaults:
            # Something that it may be, and that is not always the default.
            told = shown["input"]["required"][name][1]
            text = "given" if isinstance(told["default"], str) else not told["default"]
            other = (told.get("options") or [told.get("max", text)])[-1]
            value = [other] if lists else other
            node.EXECUTE_NORMALIZED(**{name: value})
            assert seen[name] == value


def test_a_run_reads_the_defaults_that_the_host_was_told(nodes, monkeypatch):
    for node in nodes:
        made = []
        define = node.define_schema

        def define_schema(cls, define=define, made=made):
            made.append(cls)
            return define()

        monkeypatch.setattr(node, "define_schema", classmethod(define_schema))
        monkeypatch.setattr(node, "execute", classmethod(lambda cls, **given: None))
        node.INPUT_TYPES()
        asked = len(made)
        for _ in range(3):
            node.EXECUTE_NORMALIZED()
        assert asked >= 1, node
        assert len(made) == asked, node
