"""Invalid inputs get a message that a user can act on, and the server goes on serving."""

from typing import Any

import pytest

from tests.host.invalid_inputs import ROWS, SOURCES, From
from tests.host_process import HostProcess, Prompt, Refused


def prompt_of(node: str, inputs: dict[str, Any], host: HostProcess) -> Prompt:
    """The node with its inputs, the sources that it needs, and something that asks for it."""
    linked = {k: list(v) if isinstance(v, From) else v for k, v in inputs.items()}
    prompt: Prompt = {"node": {"class_type": node, "inputs": linked}, **SOURCES}
    if not host.get(f"/object_info/{node}")[node]["output_node"]:
        prompt["sink"] = {"class_type": "PreviewAny", "inputs": {"source": ["node", 0]}}
    return prompt


def said_by(error: dict[str, Any]) -> str:
    """The message of one of the host's node errors."""
    if error["type"] != "custom_validation_failed":
        return f"{error['message']}: {error['details']}"
    # A check of several inputs together is reported once for each of them.
    return error["details"].removeprefix(f"{error['extra_info']['input_name']} - ")


def complaints(host: HostProcess, prompt: Prompt) -> set[str]:
    """What the host says against the node, in its answer or when it runs."""
    try:
        result = host.run(prompt)
    except Refused as refused:
        (node, problem), *others = refused.answer["node_errors"].items()
        assert (node, others) == ("node", [])
        return {said_by(error) for error in problem["errors"]}
    for error in result.errors:
        assert error["node_id"] == "node", error
        # A traceback's tail is no message: Python's own words mean that nobody checked.
        assert error["exception_type"] == "ValueError", error
    return {error["exception_message"] for error in result.errors}


@pytest.mark.parametrize(
    ("node", "inputs", "words"), ROWS, ids=[f"{i}-{row[0][9:]}" for i, row in enumerate(ROWS)]
)
def test_is_refused_with_a_clear_message(host: HostProcess, node, inputs, words):
    said = complaints(host, prompt_of(node, inputs, host))
    assert said, "it was not refused"
    if isinstance(words, str):
        assert len(said) == 1, said
        words = (words,)
    for word in words:
        assert any(word.lower() in message.lower() for message in said), (word, said)


def test_the_server_goes_on_serving(host: HostProcess):
    assert host.alive
    sink = {"class_type": "PreviewAny", "inputs": {"source": ["field", 0]}}
    assert host.run({**SOURCES, "sink": sink}).succeeded


def test_every_node_has_a_row(host: HostProcess):
    described = {k: v for k, v in host.object_info().items() if k.startswith("MotionI2V")}
    # A node without inputs has none that could be wrong.
    nodes = {name for name, node in described.items() if any(node["input"].values())}
    assert nodes == {row[0] for row in ROWS}
