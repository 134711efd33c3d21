"""What went wrong in the Trajectory Editor on real pages, each fault as a user meets it."""

import io
import json
import re
import urllib.request
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from devkit import base
from devkit.browser import READY, find_chromium
from tests.browser.editor_page import ARC, BUILD, EDITOR_NODE, EXTENSION, RED, EditorPage
from tests.host_process import HostError, HostProcess
from tests.tolerances import POINTER, SCREEN, close

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="no Chromium found")

DRAWING = f"{EDITOR_NODE}.widgets.find((w) => w.name === 'drawing')"
NEW_ID = "app.graph.id = crypto.randomUUID()"
# An own message with the stack: the console tells where it was called, not through whom.
TRACE = """
const told = console.error
Error.stackTraceLimit = 100
console.error = (...args) => told.call(console, ...args, new Error().stack)
"""


def pin_from_outside(editor: EditorPage, widget: str = DRAWING) -> None:
    """Adds a pin as a program does: the value is set, and nobody is told."""
    pin = {"kind": "pin", "points": [{"x": 0.9, "y": 0.9}]}
    editor.page.evaluate(
        f"""(pin) => {{
            const drawing = JSON.parse({widget}.value);
            drawing.paths.push(pin);
            {widget}.value = JSON.stringify(drawing);
        }}""",
        pin,
    )


def kinds(editor: EditorPage) -> list[str]:
    return [path["kind"] for path in editor.paths]


NOTED = f"""() => {{
    const {{ changeTracker }} = app.extensionManager.workflow.activeWorkflow
    const drawn = changeTracker.activeState.nodes.flatMap((node) => node.widgets_values ?? [])
    return !changeTracker._restoringState && drawn.includes({DRAWING}.value)
}}"""
"""The graph's own undo has taken note of the drawing, or put it back to the end."""


def test_every_undo_of_the_graph_keeps_the_editors_history(editor):
    # As after "Clear Workflow": a graph without an id, which each undo gives a new one.
    assert NEW_ID in BUILD
    editor.page.evaluate(BUILD.replace(NEW_ID, ""), ["red.png", [430, 120]])
    editor.page.locator(".mi2v-stage").wait_for()
    editor.wait_for_picture()
    editor.page.mouse.click(1400, 700)
    for x in (0.2, 0.4, 0.6):
        editor.tool("pin")
        editor.click(x, 0.3)
        # Never twice on one spot: that would be a double-click.
        editor.page.mouse.click(1400, 700 - 300 * x)
        editor.page.wait_for_function(NOTED)
    whole = editor.drawing
    for left in (2, 1):
        # Now and then the page notes a step of its own, the renderer's name, which is undone first.
        for _ in range(3):
            if len(editor.chips) > left:
                editor.page.keyboard.press("Control+z")
                editor.page.wait_for_timeout(1000)
                editor.page.wait_for_function(NOTED)
        assert len(editor.chips) == left
    editor.wait_for_picture()
    editor.page.locator(".mi2v-stage").focus()
    editor.press("Control+Shift+z", "Control+Shift+z")
    assert editor.drawing == whole


def test_another_graph_does_not_get_the_history(editor):
    editor.drag(*ARC)
    fresh = """async () => {
        const saved = JSON.parse(JSON.stringify(app.graph.serialize()))
        saved.id = crypto.randomUUID()
        const node = saved.nodes.find((node) => node.type.startsWith('MotionI2V'))
        node.widgets_values[0] = '{"version":1,"paths":[]}'
        await app.loadGraphData(saved)
    }"""
    editor.page.evaluate(fresh)
    editor.page.locator(".mi2v-stage").wait_for()
    editor.wait_for_picture()
    for action in ("undo", "redo"):
        assert editor.page.locator(f"[data-action={action}]").is_disabled()


def test_a_value_from_outside_is_not_drawn_over(editor):
    editor.drag(*ARC)
    pin_from_outside(editor)
    editor.drag((0.2, 0.8), (0.7, 0.8))
    assert kinds(editor) == ["path", "pin", "path"]
    editor.press("Control+z")
    assert kinds(editor) == ["path", "pin"]
    editor.press("Control+z")
    assert kinds(editor) == ["path"]
    editor.press("Control+y", "Control+y")
    assert kinds(editor) == ["path", "pin", "path"]


def test_a_value_from_outside_while_a_stroke_is_drawn(editor):
    page = editor.page
    page.mouse.move(*editor.at(0.2, 0.5))
    page.mouse.down()
    page.mouse.move(*editor.at(0.5, 0.4), steps=6)
    pin_from_outside(editor)
    page.locator(".mi2v-chip").wait_for()
    page.mouse.move(*editor.at(0.8, 0.5), steps=6)
    page.mouse.up()
    page.wait_for_timeout(100)
    assert kinds(editor) == ["pin", "path"]
    close(editor.paths[1]["points"][0]["x"], 0.2, POINTER)
    close(editor.paths[1]["points"][-1]["x"], 0.8, POINTER)


def test_a_value_from_outside_while_a_point_is_dragged(editor):
    editor.tool("pin")
    editor.click(0.3, 0.3)
    page = editor.page
    page.mouse.move(*editor.at(0.3, 0.3))
    page.mouse.down()
    page.mouse.move(*editor.at(0.5, 0.5), steps=6)
    page.evaluate(f'{DRAWING}.value = \'{{"version":1,"paths":[]}}\'')
    page.locator(".mi2v-chip").wait_for(state="detached")
    page.mouse.move(*editor.at(0.8, 0.5), steps=6)
    page.mouse.up()
    assert editor.paths == []
    editor.press("Control+z")
    close(editor.paths[0]["points"][0]["x"], 0.5, POINTER)
    editor.press("Control+z")
    close(editor.paths[0]["points"][0]["x"], 0.3, POINTER)


HAND_OUT = f"""
async () => {{
    app.canvas.deselectAll()
    app.canvas.selectNode({EDITOR_NODE})
    await app.extensionManager.command.execute('Comfy.Graph.ConvertToSubgraph')
    const holder = app.graph.nodes.find((node) => node.subgraph)
    const [inner] = holder.subgraph.nodes
    for (const name of ['drawing', 'frames']) {{
        const slot = inner.inputs.find((input) => input.name === name)
        holder.subgraph.addInput(name, String(slot.type)).connect(slot, inner)
    }}
    app.canvas.openSubgraph(holder.subgraph, holder)
}}
"""
ROOT = "(app.rootGraph ?? app.graph.rootGraph ?? app.graph)"
HOLDER = f"{ROOT}.nodes.find((node) => node.subgraph)"
OUTER = f"{HOLDER}.widgets.find((w) => w.name === 'drawing')"
QUEUED = """
async () => Object.values((await app.graphToPrompt()).output)
    .find((node) => node.class_type === 'MotionI2VTrajectoryEditor').inputs
"""


@pytest.fixture
def root_again(opened: EditorPage):
    """Leaves the subgraph that a test has opened, however it ends."""
    yield
    opened.page.evaluate(f"app.canvas.setGraph({ROOT})")


def test_widgets_handed_out_to_a_subgraphs_node(editor, root_again):
    page = editor.page

    def queued() -> list[str]:
        return [path["kind"] for path in json.loads(page.evaluate(QUEUED)["drawing"])["paths"]]

    editor.drag(*ARC)
    page.evaluate(HAND_OUT)
    page.locator(".mi2v-stage").wait_for()
    editor.wait_for_picture()
    close(editor.color_at(0.5, 0.7), RED, SCREEN)
    editor.drag((0.2, 0.8), (0.7, 0.8))
    assert queued() == ["path", "path"]
    pin_from_outside(editor, OUTER)
    page.evaluate(f"{HOLDER}.widgets.find((w) => w.name === 'frames').value = 40")
    page.wait_for_function(
        "() => document.querySelector('.mi2v-counter').textContent.endsWith('/ 40')"
    )
    assert editor.chips == ["Path 1", "Path 2", "Pin 1"]
    editor.drag((0.2, 0.2), (0.7, 0.2))
    assert queued() == ["path", "path", "pin", "path"]
    assert page.evaluate(QUEUED)["frames"] == 40
    editor.press("Control+z", "Control+z")
    assert queued() == ["path", "path"]
    editor.press("Control+y", "Control+y")
    assert queued() == ["path", "path", "pin", "path"]
    page.evaluate(f"async () => app.loadGraphData(JSON.parse(JSON.stringify({ROOT}.serialize())))")
    page.wait_for_function(f"() => {HOLDER}?.widgets?.length")
    page.evaluate(f"() => app.canvas.openSubgraph({HOLDER}.subgraph, {HOLDER})")
    # Older pages open a loaded subgraph wherever the view happened to be.
    page.wait_for_timeout(300)
    page.evaluate("app.canvas.ds.scale = 1; app.canvas.ds.offset = [0, 0]")
    page.evaluate("app.canvas.setDirty(true, true)")
    page.locator(".mi2v-chip").nth(3).wait_for()
    assert queued() == ["path", "path", "pin", "path"]
    editor.shot("handed-out")


SIZE_AS_FRAMES = f"""
() => {{
    const source = LiteGraph.createNode('GetImageSize')
    source.pos = [70, 640]
    app.graph.add(source)
    const show = LiteGraph.createNode('PreviewImage')
    show.pos = [1060, 140]
    app.graph.add(show)
    const editor = {EDITOR_NODE}
    app.graph.nodes.find((node) => node.type === 'LoadImage').connect(0, source, 0)
    source.connect(0, editor, editor.inputs.findIndex((input) => input.name === 'frames'))
    editor.connect(2, show, 0)
}}
"""


def test_a_number_of_frames_that_a_link_brings_is_known_after_the_run(editor):
    page = editor.page
    editor.drag(*ARC)
    page.evaluate(SIZE_AS_FRAMES)
    counter = page.locator(".mi2v-counter")
    counter.get_by_text("? frames").wait_for()
    start, end, _ = (field.input_value() for field in page.locator(".mi2v-number").all())
    assert (start, end) == ("0", "100"), "percent of a clip of unknown length"
    page.locator(".mi2v-number").nth(1).fill("50")
    page.locator(".mi2v-number").nth(1).press("Enter")
    assert editor.paths[0]["end"] == pytest.approx(0.5)
    editor.shot("unknown-frames")
    page.evaluate("() => app.queuePrompt(0)")
    counter.get_by_text("/ 300").wait_for(timeout=60_000)
    assert "300 in the last run" in page.locator(".mi2v-notes").inner_text()
    assert page.locator(".mi2v-number").nth(1).input_value() == "151"


CHINESE = """
() => {
    const editor = document.querySelector('.mi2v-editor')
    const texts = []
    for (const part of editor.querySelectorAll('*')) {
        if (part.localName === 'style') continue
        for (const name of ['title', 'aria-label', 'aria-roledescription', 'placeholder']) {
            if (part.hasAttribute(name)) texts.push(part.getAttribute(name))
        }
        for (const child of part.childNodes) {
            if (child.nodeType === Node.TEXT_NODE) texts.push(child.data)
        }
    }
    return [...texts, editor.getAttribute('aria-label')]
}
"""
KEYS = r"Ctrl|Shift|Alt|Enter|Delete|ComfyUI|input|image|JSON|version|red|png|\b[VDPNFBCYZ]\b"


def test_the_editor_speaks_the_pages_language(opened):
    page = opened.page
    language = "(name) => app.extensionManager.setting.set('Comfy.Locale', name)"
    page.evaluate(language, "zh")
    try:
        opened.reload()
        opened.build("red.png", (300, 200))
        opened.drag(*ARC)
        opened.press("v")
        opened.click(0.3, 0.5)
        opened.shot("chinese")
        foreign = [text for text in page.evaluate(CHINESE) if re.search("[A-Za-z]", text)]
        assert not [text for text in foreign if re.search("[A-Za-z]", re.sub(KEYS, "", text))]
        assert opened.chips == ["路径 1"]
        page.locator("[data-action=help]").click()
        opened.shot("chinese-help")
    finally:
        page.evaluate(language, "en")
        opened.reload()
    opened.build("red.png", (300, 200))
    opened.drag(*ARC)
    assert opened.chips == ["Path 1"]


@pytest.fixture(scope="module")
def host_with_assets() -> Iterator[HostProcess]:
    """A host that keeps files by the hash of their content."""
    process = HostProcess(arguments=("--enable-assets",))
    try:
        process.start()
    except HostError as error:
        if "unrecognized arguments" not in str(error):
            raise
        pytest.skip("this ComfyUI has no assets: no file has a hash for a name")
    base.put_settings(process.base)
    yield process
    process.stop()


def upload_as_asset(host: HostProcess, picture: Image.Image) -> str:
    """Gives the host a picture and returns the name by which Load Image knows it then."""
    content = io.BytesIO()
    picture.save(content, "PNG")
    mark = "a-line-between-the-parts"
    head = "\r\n".join(
        [
            *(f"--{mark}", 'Content-Disposition: form-data; name="tags"', "", '["input"]'),
            f"--{mark}",
            'Content-Disposition: form-data; name="file"; filename="brushed.png"',
            *("Content-Type: image/png", "", ""),
        ]
    )
    body = head.encode() + content.getvalue() + f"\r\n--{mark}--\r\n".encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={mark}"}
    with urllib.request.urlopen(
        urllib.request.Request(host.url + "/api/assets", body, kind)
    ) as answer:
        return json.load(answer)["asset_hash"]


def test_a_picture_known_by_its_hash_is_shown_with_its_mask(opened, host_with_assets):
    brushed = np.full((200, 300, 4), (*RED, 255), np.uint8)
    brushed[50:150, 30:120, 3] = 0
    name = upload_as_asset(host_with_assets, Image.fromarray(brushed))
    assert name.startswith("blake3:")
    page = opened.page.context.browser.new_page()
    try:
        page.goto(host_with_assets.url)
        page.wait_for_function(READY, timeout=60_000)
        editor = EditorPage(page, vue=opened.renderer == "vue")
        editor.build(name, (300, 200))
        page.locator("[data-action=region]").wait_for()
        page.wait_for_timeout(150)
        close(editor.color_at(0.7, 0.5), RED, SCREEN)
        assert editor.color_at(0.2, 0.5)[1] > RED[1] + 40, "the tint of what was brushed"
    finally:
        page.close()


def test_the_rest_of_the_page_is_left_alone(opened, host):
    told: list[str] = []
    page = opened.page.context.browser.new_page()
    try:
        page.on("console", lambda message: message.type == "error" and told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error.stack)))
        page.add_init_script(TRACE)
        page.goto(host.url)
        page.wait_for_function(READY, timeout=60_000)
        EditorPage(page, vue=opened.renderer == "vue").build("red.png", (300, 200))
        assert not [text for text in told if EXTENSION in text]
        in_head = "document.head.querySelectorAll('[href*=trajectory], [href*=Motion]').length"
        assert page.evaluate(in_head) == 0
        shown = "getComputedStyle(document.querySelector('.mi2v-toolbar')).display"
        assert page.evaluate(shown) == "flex"
    finally:
        page.close()
