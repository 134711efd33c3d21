"""What befalls an editor's node in the graph: nothing drawn is lost, nothing moves.

Each test compares the drawing in the widget, in the prompt and on the stage, before and after.
"""

import json

import pytest

from devkit.browser import find_chromium
from tests.browser.editor_page import EDITOR_NODES, EditorPage, draw_two_paths_and_a_pin
from tests.tolerances import POINTER, Tolerance, close

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="no Chromium found")

EMPTY = (1300, 800)
"""A place in the window with nothing but the graph's background."""
BLANK = [(0.05, 0.05), (0.5, 0.65), (0.95, 0.95), (0.1, 0.4)]
"""Places of the picture that the drawing leaves alone."""


@pytest.fixture
def drawn(editor: EditorPage) -> EditorPage:
    draw_two_paths_and_a_pin(editor)
    editor.press("v", "Escape")
    return editor


def assert_whole(editor: EditorPage, drawing: dict, queued: bool = True) -> None:
    """The drawing stands in the widget, in the prompt, and where it was on the picture."""
    editor.page.locator(".mi2v-stage").first.wait_for()
    editor.wait_for_picture()
    assert editor.drawing == drawing
    if queued:
        assert [given["drawing"] for given in editor.queued] == [drawing]
    assert_shown(editor, drawing)


def assert_shown(editor: EditorPage, drawing: dict) -> None:
    assert editor.chips == ["Path 1", "Path 2", "Pin 1"]
    places = [(point["x"], point["y"]) for path in drawing["paths"] for point in path["points"]]
    assert all(editor.inked(*places)), "drawn points are shown where they were"
    assert not any(editor.inked(*BLANK)), "nothing is shown elsewhere"


def assert_draws(editor: EditorPage) -> None:
    """A click puts a pin where the mouse is, whatever lies around the editor."""
    before = editor.drawing
    editor.tool("pin")
    editor.click(0.5, 0.65)
    place = editor.paths[-1]["points"][0]
    close((place["x"], place["y"]), (0.5, 0.65), POINTER)
    editor.press("Control+z", "v", "Escape")
    assert editor.drawing == before


def wait_for_editors(editor: EditorPage, count: int) -> None:
    editor.page.wait_for_function(f"() => {EDITOR_NODES}.length === {count}")
    editor.page.wait_for_timeout(500)


def assert_two(editor: EditorPage, drawing: dict) -> None:
    """The editor and its copy hold the drawing, and each may go on by itself."""
    # To the copy no picture is linked, so that its stage has the shape of none.
    for editor.nth, editor.size in ((0, [300, 200]), (1, [512, 320])):
        assert editor.drawing == drawing
        assert_shown(editor, drawing)
    editor.page.evaluate(f"() => {{ {EDITOR_NODES}[1].widgets[0].value = '' }}")
    editor.page.wait_for_timeout(900)
    assert editor.chips == []
    editor.nth, editor.size = 0, [300, 200]
    assert editor.drawing == drawing
    assert_shown(editor, drawing)


def test_copied_and_pasted_by_keys(drawn):
    before = drawn.drawing
    drawn.select_node()
    drawn.page.keyboard.press("Control+c")
    drawn.page.mouse.click(*EMPTY)
    drawn.page.keyboard.press("Control+v")
    wait_for_editors(drawn, 2)
    assert_two(drawn, before)


def test_duplicated_by_dragging_with_alt(drawn):
    before = drawn.drawing
    # The Vue renderer clones nodes only once the canvas has been clicked, whatever nodes they are.
    drawn.page.mouse.click(*EMPTY)
    left, top = drawn.title()
    drawn.page.keyboard.down("Alt")
    drawn.page.mouse.move(left, top)
    drawn.page.mouse.down()
    drawn.page.mouse.move(left + 590, top + 10, steps=12)
    drawn.page.mouse.up()
    drawn.page.keyboard.up("Alt")
    wait_for_editors(drawn, 2)
    assert_two(drawn, before)


def test_bypassed_and_back(drawn):
    before = drawn.drawing
    drawn.select_node()
    drawn.page.keyboard.press("Control+b")
    drawn.page.wait_for_timeout(200)
    assert drawn.queued == []
    assert_whole(drawn, before, queued=False)
    drawn.select_node()
    drawn.page.keyboard.press("Control+b")
    drawn.page.wait_for_timeout(200)
    assert_whole(drawn, before)
    assert_draws(drawn)


def test_deleted_and_undone(drawn):
    before = drawn.drawing
    drawn.select_node()
    drawn.page.keyboard.press("Delete")
    wait_for_editors(drawn, 0)
    assert drawn.queued == []
    drawn.page.keyboard.press("Control+z")
    wait_for_editors(drawn, 1)
    assert_whole(drawn, before)
    assert_draws(drawn)


def test_a_new_node_after_the_workflow_was_cleared_is_empty(drawn):
    drawn.page.evaluate(
        """() => {
            app.clean()
            app.graph.clear()
            for (const type of ['LoadImage', 'MotionI2VTrajectoryEditor']) {
                app.graph.add(LiteGraph.createNode(type))
            }
        }"""
    )
    drawn.page.wait_for_timeout(900)
    assert drawn.drawing["paths"] == []
    assert drawn.chips == []


def test_saved_and_the_page_reloaded(drawn):
    before = drawn.drawing
    drawn.page.mouse.click(*EMPTY)
    drawn.page.keyboard.press("Control+s")
    name = drawn.page.locator("[role=dialog] input").first
    name.fill(f"kept {drawn.renderer}")
    name.press("Enter")
    drawn.page.wait_for_function(
        "() => !app.extensionManager.workflow.activeWorkflow.isTemporary", timeout=15_000
    )
    drawn.reload()
    wait_for_editors(drawn, 1)
    assert_whole(drawn, before)
    assert_draws(drawn)


def test_switched_between_workflow_tabs(drawn):
    before = drawn.drawing
    drawn.command("Comfy.NewBlankWorkflow")
    wait_for_editors(drawn, 0)
    drawn.build("blue.png", (200, 300))
    drawn.tool("pin")
    drawn.click(0.4, 0.6)
    other = drawn.drawing
    assert len(other["paths"]) == 1
    drawn.page.mouse.click(*EMPTY)
    for _ in range(2):
        drawn.command("Workspace.PreviousOpenedWorkflow")
        drawn.page.wait_for_timeout(1500)
        drawn.size = [300, 200]
        assert_whole(drawn, before)
        drawn.command("Workspace.NextOpenedWorkflow")
        drawn.page.wait_for_timeout(1500)
        drawn.wait_for_picture()
        drawn.size = [200, 300]
        assert drawn.drawing == other
        assert drawn.chips == ["Pin 1"]
        assert drawn.inked((0.4, 0.6)) == [True]


def test_panels_open_beside_it(drawn):
    before = drawn.drawing
    width = drawn.page.locator(".mi2v-editor").bounding_box()["width"]
    right = drawn.page.get_by_role("button", name="Toggle properties panel")
    drawn.command("Workspace.ToggleSidebarTab.node-library")
    if right.count():  # it came after frontend 1.32
        right.first.click()
    drawn.select_node()
    drawn.page.wait_for_timeout(1000)
    assert drawn.page.locator(".mi2v-editor").count() == 1
    close(drawn.page.locator(".mi2v-editor").bounding_box()["width"], width, Tolerance(2))
    assert_whole(drawn, before)
    assert_draws(drawn)
    drawn.command("Workspace.ToggleSidebarTab.node-library")
    drawn.close_panel()
    drawn.page.wait_for_timeout(800)
    close(drawn.page.locator(".mi2v-editor").bounding_box()["width"], width, Tolerance(2))
    assert_whole(drawn, before)


def test_zoomed_out_off_the_screen_and_back(drawn):
    before = drawn.drawing
    page = drawn.page
    view = page.evaluate("[app.canvas.ds.scale, ...app.canvas.ds.offset]")
    show = """([scale, x, y]) => {
        app.canvas.ds.scale = scale
        app.canvas.ds.offset = [x, y]
        app.canvas.setDirty(true, true)
    }"""
    page.evaluate(show, [0.5, 600, 200])
    page.wait_for_timeout(600)
    assert_whole(drawn, before)
    assert_draws(drawn)
    page.mouse.move(*EMPTY)
    for _ in range(14):
        page.mouse.wheel(0, 240)
    page.wait_for_timeout(600)
    assert page.evaluate("app.canvas.ds.scale") < 0.3
    page.evaluate(show, [0.1, -30000, -30000])
    page.wait_for_timeout(600)
    page.evaluate(show, view)
    page.wait_for_timeout(800)
    assert_whole(drawn, before)
    assert_draws(drawn)


def test_a_picture_of_another_size(drawn):
    before = drawn.drawing
    swap = """(name) => {
        const loader = app.graph.nodes.find((node) => node.type === 'LoadImage')
        loader.widgets[0].value = name
        loader.widgets[0].callback?.(name)
    }"""
    for picture, drawn.size in (("blue.png", [200, 300]), ("red.png", [300, 200])):
        drawn.page.evaluate(swap, picture)
        drawn.page.wait_for_timeout(1200)
        assert_whole(drawn, before)
        assert_draws(drawn)


SAVE = "() => JSON.parse(JSON.stringify(app.graph.serialize()))"
LOAD = "async (graph) => { await app.loadGraphData(graph) }"


def values(graph: dict) -> dict:
    """The widgets' values of every node in a saved graph, in its subgraphs too."""
    graphs = [graph, *graph.get("definitions", {}).get("subgraphs", [])]
    return {
        (at, node["id"]): (node["type"], node.get("widgets_values") or [])
        for at, part in enumerate(graphs)
        for node in part["nodes"]
    }


def test_saved_loaded_and_saved_again_in_both_renderers(drawn):
    # Every node of the pack, since each may hold widgets that a renderer treats in its own way.
    drawn.page.evaluate(
        """() => Object.keys(LiteGraph.registered_node_types)
            .filter((type) => type.startsWith('MotionI2V')).forEach((type, i) => {
                const node = LiteGraph.createNode(type)
                node.pos = [1200 + 420 * (i % 7), 900 + 500 * Math.floor(i / 7)]
                app.graph.add(node)
            })"""
    )
    drawn.page.wait_for_timeout(800)
    first = drawn.page.evaluate(SAVE)
    assert len(first["nodes"]) > 40
    graph = first
    own = drawn.renderer == "vue"
    try:
        for vue in (own, not own):
            drawn.show_as(vue)
            drawn.page.evaluate(LOAD, graph)
            drawn.page.wait_for_timeout(1200)
            graph = drawn.page.evaluate(SAVE)
            assert values(graph) == values(first)
    finally:
        drawn.show_as(own)


# Subgraphs

INTO_SUBGRAPH = f"""
() => {{
    app.canvas.deselectAll()
    app.canvas.selectNode({EDITOR_NODES}[0])
    return app.extensionManager.command.execute('Comfy.Graph.ConvertToSubgraph')
}}
"""
HOLDER = "app.graph.nodes.find((node) => node.subgraph)"
# As a user does who drags a line from the widget's socket to the subgraph's own inputs.
PROMOTE = f"""
(names) => {{
    const {{ subgraph }} = {HOLDER}
    const node = subgraph.nodes.find((inside) => inside.type === 'MotionI2VTrajectoryEditor')
    for (const name of names) {{
        const slot = node.inputs.find((input) => input.name === name)
        subgraph.addInput(name, slot.type).connect(slot, node)
    }}
}}
"""
ENTER = f"() => app.canvas.openSubgraph({HOLDER}.subgraph, {HOLDER})"
LEAVE = "() => app.canvas.setGraph(app.rootGraph ?? app.graph)"


def convert(editor: EditorPage, promote: list[str]) -> None:
    editor.page.evaluate(INTO_SUBGRAPH)
    editor.page.wait_for_function(f"() => Boolean({HOLDER})")
    editor.page.evaluate(PROMOTE, promote)
    editor.page.wait_for_timeout(400)


def enter(editor: EditorPage) -> None:
    editor.page.evaluate(ENTER)
    wait_for_editors(editor, 1)
    editor.page.evaluate(
        f"""() => {{
            const [node] = {EDITOR_NODES}
            app.canvas.ds.scale = 1
            app.canvas.ds.offset = [430 - node.pos[0], 120 - node.pos[1]]
            app.canvas.setDirty(true, true)
        }}"""
    )
    editor.page.wait_for_timeout(800)


def leave(editor: EditorPage) -> None:
    editor.page.evaluate(LEAVE)
    editor.page.wait_for_timeout(500)


def outer(name: str) -> str:
    return f"{HOLDER}.widgets.find((widget) => widget.name === '{name}')"


def test_in_a_subgraph(drawn):
    before = drawn.drawing
    convert(drawn, [])
    assert [given["drawing"] for given in drawn.queued] == [before]
    enter(drawn)
    assert_whole(drawn, before)
    assert_draws(drawn)
    leave(drawn)
    assert [given["drawing"] for given in drawn.queued] == [before]


def test_promoted_to_a_subgraph(drawn):
    before = drawn.drawing
    convert(drawn, ["drawing", "frames"])
    assert [given["drawing"] for given in drawn.queued] == [before]
    assert json.loads(drawn.page.evaluate(f"{outer('drawing')}.value")) == before
    enter(drawn)
    assert_whole(drawn, before)
    # Drawn inside: it is what the promoted widget outside holds, and what is queued.
    drawn.tool("pin")
    drawn.click(0.5, 0.65)
    more = drawn.drawing
    assert len(more["paths"]) == 4
    assert [given["drawing"] for given in drawn.queued] == [more]
    leave(drawn)
    assert [given["drawing"] for given in drawn.queued] == [more]
    enter(drawn)
    assert drawn.chips == ["Path 1", "Path 2", "Pin 1", "Pin 2"]
    # Saved, loaded, and all of it is there again.
    leave(drawn)
    saved = drawn.page.evaluate(SAVE)
    drawn.page.evaluate(LOAD, saved)
    drawn.page.wait_for_timeout(800)
    assert [given["drawing"] for given in drawn.queued] == [more]
    assert values(drawn.page.evaluate(SAVE)) == values(saved)


def test_promoted_values_set_from_outside_without_a_callback(drawn):
    before = drawn.drawing
    convert(drawn, ["drawing", "frames"])
    less = {**before, "paths": before["paths"][:1]}
    drawn.page.evaluate(
        f"(text) => {{ {outer('drawing')}.value = text; {outer('frames')}.value = 25 }}",
        json.dumps(less),
    )
    (given,) = drawn.queued
    assert (given["drawing"], given["frames"]) == (less, 25)
    enter(drawn)
    drawn.page.wait_for_timeout(1500)
    assert drawn.chips == ["Path 1"]
    assert drawn.page.locator(".mi2v-counter").inner_text().endswith("/ 25")
    # The next stroke adds to what was set.
    drawn.tool("pin")
    drawn.click(0.5, 0.65)
    (given,) = drawn.queued
    assert [path["kind"] for path in given["drawing"]["paths"]] == ["path", "pin"]
