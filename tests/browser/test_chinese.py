"""ComfyUI's page in Chinese: a node on the canvas, its tooltips and its help page."""

from collections.abc import Iterator

import pytest

from tests.browser.editor_page import EditorPage
from tests.chinese import texts

NODE = "MotionI2VWarpPreview"
SPEAK = "(name) => app.extensionManager.setting.set('Comfy.Locale', name)"
BUILD = f"""
() => {{
    app.graph.clear()
    const node = LiteGraph.createNode('{NODE}')
    node.pos = [500, 200]
    app.graph.add(node)
    app.canvas.ds.scale = 1
    app.canvas.ds.offset = [0, 0]
    app.canvas.setDirty(true, true)
}}
"""
SHOWN = """
() => {
    const node = app.graph.nodes[0]
    const label = (slot) => slot.label || slot.localized_name || slot.name
    const named = (slots) => Object.fromEntries(slots.map((slot) => [slot.name, label(slot)]))
    return {
        title: node.title,
        inputs: named([...node.inputs, ...node.widgets]),
        outputs: node.outputs.map(label),
    }
}
"""
FIRST_WIDGET = """
() => {
    const node = app.graph.nodes[0]
    const [widget] = node.widgets
    const shown = [...document.querySelectorAll('[data-node-id] *')]
        .find((part) => part.childElementCount === 0 && part.textContent === widget.label)
    if (shown) {
        const box = shown.getBoundingClientRect()
        return [box.left + box.width / 2, box.top + box.height / 2]
    }
    const box = app.canvas.canvas.getBoundingClientRect()
    const [x, y] = app.canvas.ds.convertOffsetToCanvas([
        node.pos[0] + 60, node.pos[1] + (widget.last_y ?? widget.y) + 10])
    return [box.left + x, box.top + y]
}
"""


@pytest.fixture(scope="module")
def chinese() -> dict[str, str]:
    """What the page shall say of the node, by the key without `nodeDefs.<id>.`."""
    own = f"nodeDefs.{NODE}."
    return {k.removeprefix(own): text for k, text in texts.chinese().items() if k.startswith(own)}


@pytest.fixture
def speaking(opened: EditorPage) -> Iterator[EditorPage]:
    """The page in Chinese, with one node on it."""
    opened.page.evaluate(SPEAK, "zh")
    try:
        opened.reload()
        opened.page.evaluate(BUILD)
        opened.page.wait_for_timeout(500)
        yield opened
    finally:
        opened.page.evaluate(SPEAK, "en")
        opened.reload()


def test_the_page_speaks_chinese(speaking, chinese):
    """One test for all of it: changing the language takes two reloads."""
    page = speaking.page
    shown = page.evaluate(SHOWN)
    assert shown["title"] == chinese["display_name"]
    assert shown["inputs"] == {name: chinese[f"inputs.{name}.name"] for name in shown["inputs"]}
    assert shown["outputs"] == [chinese[f"outputs.{slot}.name"] for slot in range(4)]

    left, top = page.evaluate(FIRST_WIDGET)
    page.mouse.move(left + 400, top + 300)
    page.mouse.move(left, top, steps=4)
    page.get_by_text(chinese["inputs.order.tooltip"]).first.wait_for()
    speaking.shot("chinese-node")

    page.evaluate("() => app.canvas.selectNode(app.graph.nodes[0])")
    page.locator("[data-testid=info-button]").click()
    page.locator(".node-help-content h1").wait_for()
    speaking.shot("chinese-help-page")
    text = page.locator(".node-help-content").inner_text()
    help_page = (texts.ROOT / "js" / "docs" / NODE / "zh.md").read_text("utf-8")
    heads = [line.lstrip("# ") for line in help_page.splitlines() if line.startswith("#")]
    assert [head for head in heads if head not in text] == []
    assert "*" not in text
