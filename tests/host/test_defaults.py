"""Every node that runs without a model gives the same where its defaults are left out."""

from typing import Any

import pytest

from tests.host.invalid_inputs import SOURCES
from tests.host_process import HostProcess, Prompt, Refused

# What a socket of each type is given here; nodes that need a model have their own tests.
SOURCE_OF = {"IMAGE": "two pictures", "MASK": "empty mask", "MOTION_FIELD": "field"}
SOURCE_OF |= {"TRACKS": "tracks"}


@pytest.fixture(scope="module")
def nodes(host: HostProcess) -> dict[str, dict[str, Any]]:
    """The pack's nodes, as the host describes them."""
    return {k: v for k, v in host.object_info().items() if k.startswith("MotionI2V")}


def defaults_of(node: dict[str, Any]) -> dict[str, Any]:
    """{name: default} of the inputs that have one."""
    return {
        name: given[1]["default"]
        for group in ("required", "optional")
        for name, given in node["input"].get(group, {}).items()
        if len(given) > 1 and "default" in given[1]
    }


def sockets_of(node: dict[str, Any]) -> dict[str, str]:
    """{name: type} of the required inputs without a default."""
    defaults = defaults_of(node)
    required = node["input"].get("required", {})
    return {name: given[0] for name, given in required.items() if name not in defaults}


def prompt_of(kind: str, node: dict[str, Any], values: dict[str, Any]) -> Prompt:
    """The node with what it needs over links, its widgets as given, and all that it gives shown."""
    sockets = sockets_of(node)
    links = {name: [SOURCE_OF[of], 0] for name, of in sockets.items() if of in SOURCE_OF}
    shown = {
        f"shown {index}": {"class_type": "PreviewAny", "inputs": {"source": ["node", index]}}
        for index in range(len(node["output"]))
    }
    return {"node": {"class_type": kind, "inputs": {**links, **values}}, **shown, **SOURCES}


def came_of(host: HostProcess, prompt: Prompt) -> tuple[dict[str, Any], list[str]]:
    """What was shown of a prompt's results, and the errors, the host's answer among them."""
    try:
        result = host.run(prompt)
    except Refused as refused:
        errors = refused.answer["node_errors"].get("node", {"errors": []})["errors"]
        return {}, [f"{error['message']}: {error['details']}" for error in errors]
    shown = {key: value.get("text") for key, value in result.outputs.items() if key != "node"}
    return shown, [error["exception_message"] for error in result.errors]


def test_left_out_is_the_default(nodes, host: HostProcess):
    ran = []
    for kind, node in nodes.items():
        # What a model looks like as text says nothing of it.
        if not {*sockets_of(node).values(), *node["output"]} <= {*SOURCE_OF, "STRING"}:
            continue
        left_out = came_of(host, prompt_of(kind, node, {}))
        assert left_out == came_of(host, prompt_of(kind, node, defaults_of(node))), kind
        ran.append(kind)
    assert "MotionI2VTrajectoryEditor" in ran
    assert len(ran) > 15
