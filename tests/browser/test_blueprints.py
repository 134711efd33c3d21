"""The subgraph blueprints: the host lists them, the page inserts them, and they run."""

import json
import urllib.error

import pytest

from devkit import base, blueprints, places
from devkit.blueprints import BLUEPRINTS, OUTSIDE, Blueprint
from devkit.browser import ASKED, find_chromium, page_of
from tests.host_process import HostProcess

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="no Chromium found")

SEARCHED = 30
"""Letters of a name; the page's search finds nothing by more than 32."""
EMPTY = {"nodes": [], "links": [], "version": 0.4, "last_node_id": 0, "last_link_id": 0}
HOLDER = "app.graph.nodes.find((node) => node.subgraph)"
PROMPT = "async () => (await app.graphToPrompt()).output"
COMPLETE = f"""
(drawing) => {{
    const add = (kind, values) => {{
        const node = LiteGraph.createNode(kind)
        app.graph.add(node)
        for (const widget of node.widgets ?? []) {{
            if (widget.name in values) widget.value = values[widget.name]
        }}
        return node
    }}
    const holder = {HOLDER}
    const into = (name) => holder.inputs.findIndex((slot) => slot.name === name)
    const photo = add('LoadImage', {{ image: 'rocket.png' }})
    const editor = add('MotionI2VTrajectoryEditor', {{ drawing, frames: 6 }})
    photo.connect(0, editor, 0)
    photo.connect(0, holder, into('picture'))
    photo.connect(1, holder, into('mask'))
    editor.connect(0, holder, into('tracks'))
    for (const widget of holder.widgets) {{
        if (widget.name === 'frames') widget.value = 6
        if (widget.name === 'width') widget.value = 96
    }}
    const saver = add('SaveImage', {{ filename_prefix: 'blueprint' }})
    holder.connect(holder.outputs.findIndex((slot) => slot.type === 'IMAGE'), saver, 0)
}}
"""


@pytest.fixture(scope="module")
def listed(host: HostProcess) -> set[str]:
    """The names of this pack's blueprints, as the host tells them."""
    try:
        found = host.get("/global_subgraphs")
    except urllib.error.HTTPError:
        pytest.skip("this ComfyUI has no blueprints of packs (0.33 has them)")
    pack = f"custom_nodes.{places.PACK}"
    return {each["name"] for each in found.values() if each["info"]["node_pack"] == pack}


@pytest.fixture(scope="module")
def page(host: HostProcess, listed):
    base.put_photos(host.base)
    base.reset_settings(host.base)
    with page_of(host.url) as opened:
        if not opened.evaluate(ASKED, "/global_subgraphs"):
            pytest.skip("this page does not ask for blueprints of packs (1.49.6 does)")
        yield opened


def insert(page, name: str) -> None:
    """As a user does: the node search, the name, Enter, and a place for it on the canvas."""
    page.evaluate("async (graph) => { await app.loadGraphData(graph) }", EMPTY)
    page.wait_for_timeout(500)
    page.evaluate("() => { app.extensionManager.command.execute('Workspace.SearchBox.Toggle') }")
    page.locator("input:focus").wait_for()
    page.keyboard.type(name[:SEARCHED])
    page.get_by_text("Blueprint", exact=True).or_(page.get_by_role("option")).first.wait_for()
    page.wait_for_timeout(500)
    page.keyboard.press("Enter")
    page.wait_for_timeout(500)
    page.mouse.click(500, 400)
    page.wait_for_function(f"(name) => {HOLDER}?.title === name", arg=name)


def test_the_host_lists_them(listed):
    assert listed == {blueprint.name for blueprint in BLUEPRINTS}
    assert set(blueprints.FOLDER.glob("*.json")) == set(map(blueprints.file_of, BLUEPRINTS))


@pytest.mark.parametrize("blueprint", BLUEPRINTS, ids=lambda blueprint: blueprint.name)
def test_the_page_inserts_the_core_of_the_example(page, blueprint: Blueprint):
    insert(page, blueprint.name)
    prompt = page.evaluate(PROMPT)
    twin = json.loads((places.EXAMPLES / "api" / f"{blueprint.example}.json").read_text("utf-8"))
    core = {key: node for key, node in twin.items() if node["class_type"] not in OUTSIDE}
    inside = {key.split(":")[1]: node for key, node in prompt.items()}
    assert inside.keys() == core.keys()
    for key, node in core.items():
        assert inside[key]["class_type"] == node["class_type"]
        for name, value in node["inputs"].items():
            given = inside[key]["inputs"].get(name)
            if not isinstance(value, list):
                assert given == value, (key, name)
            elif value[0] in core:
                assert [given[0].split(":")[1], given[1]] == value, (key, name)
            else:
                assert given is None, (key, name)


@pytest.mark.parametrize("name", ["Motion-I2V Preview of Drawn Motion", "Motion-I2V Small Model"])
def test_it_runs_with_a_picture_and_a_drawing(page, host: HostProcess, name: str):
    twin = json.loads((places.EXAMPLES / "api" / "draw-and-preview.json").read_text("utf-8"))
    (drawing,) = [n["inputs"]["drawing"] for n in twin.values() if "drawing" in n["inputs"]]
    insert(page, name)
    page.evaluate(COMPLETE, drawing)
    result = host.run(page.evaluate(PROMPT))
    assert result.succeeded, result.errors
    assert len(host.files(result)) == 6
