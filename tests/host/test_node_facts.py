"""What every node owes its user: a category, a tooltip everywhere, and a help page."""

from pathlib import Path

import pytest

from tests.host_process import HostProcess

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def nodes(host: HostProcess) -> dict[str, dict]:
    """The pack's nodes, as the host describes them."""
    module = "custom_nodes.ComfyUI-MotionI2V"
    found = {k: v for k, v in host.object_info().items() if v["python_module"] == module}
    assert found, "the host knows no node of this pack"
    return found


def inputs_of(node: dict) -> dict[str, list]:
    return {name: value for group in node["input"].values() for name, value in group.items()}


def options_of(value: list) -> dict:
    return value[1] if len(value) > 1 and isinstance(value[1], dict) else {}


def visible_inputs(node: dict) -> dict[str, dict]:
    hidden = set(node["input"].get("hidden", {}))
    return {n: options_of(v) for n, v in inputs_of(node).items() if n not in hidden}


def test_ids_and_categories(nodes):
    for name, node in nodes.items():
        assert name.startswith("MotionI2V"), name
        assert node["category"].startswith("MotionI2V/"), name
        assert node["display_name"] != name, f"{name} has no display name"
        assert node["description"], f"{name} has no description"


def test_every_input_and_output_has_a_tooltip(nodes):
    bare = [
        f"{name}.{input_name}"
        for name, node in nodes.items()
        for input_name, options in visible_inputs(node).items()
        if not options.get("tooltip")
    ]
    for name, node in nodes.items():
        tooltips = node.get("output_tooltips") or [None] * len(node["output"])
        outputs = zip(node["output_name"], tooltips, strict=True)
        bare += [f"{name} -> {output}" for output, tooltip in outputs if not tooltip]
    assert bare == []


def test_every_node_has_a_help_page_that_the_host_serves(nodes, host: HostProcess):
    import urllib.request

    for name in nodes:
        page = ROOT / "js" / "docs" / f"{name}.md"
        assert page.is_file(), f"{name} has no help page"
        address = f"{host.url}/extensions/ComfyUI-MotionI2V/docs/{name}.md"
        with urllib.request.urlopen(address) as answer:
            assert answer.read().decode() == page.read_text("utf-8")


def test_no_help_page_without_a_node(nodes):
    pages = {page.stem for page in (ROOT / "js" / "docs").glob("*.md")}
    assert pages <= set(nodes)
