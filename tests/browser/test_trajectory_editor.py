"""The Trajectory Editor in ComfyUI's real page: mouse, keys, touch, in both renderers."""

import json

import numpy as np
import pytest
from PIL import Image

from devkit.browser import find_chromium
from tests.browser.editor_page import ARC, BLUE, EDITOR_NODE, RED, draw_two_paths_and_a_pin
from tests.tolerances import ACCUMULATED, LOSSY, POINTER, SCREEN, Tolerance, close

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="no Chromium found")


def test_two_paths_and_a_pin_with_the_mouse(editor):
    draw_two_paths_and_a_pin(editor)
    drawn, clicked, pin = editor.paths
    assert [path["kind"] for path in (drawn, clicked, pin)] == ["path", "path", "pin"]
    for point, (x, y) in zip(
        (drawn["points"][0], drawn["points"][-1]), (ARC[0], ARC[-1]), strict=True
    ):
        close((point["x"], point["y"]), (x, y), POINTER)
    assert len(clicked["points"]) == 3
    close(clicked["points"][1]["x"], 0.4, POINTER)
    close(pin["points"][0]["y"], 0.2, POINTER)
    assert len({path["color"] for path in editor.paths}) == 3
    assert editor.chips == ["Path 1", "Path 2", "Pin 1"]


def test_a_recorded_rhythm_can_be_used(editor):
    editor.drag(*ARC)
    editor.page.locator(".mi2v-select").select_option("timed")
    (path,) = editor.paths
    times = [point["t"] for point in path["points"]]
    assert path["spacing"] == "timed"
    assert times[0] == 0
    assert times[-1] == 1
    assert times == sorted(set(times))


def test_undo_and_redo_stay_inside(editor):
    draw_two_paths_and_a_pin(editor)
    whole = editor.drawing
    nodes = editor.page.evaluate("app.graph.nodes.length")
    editor.press("Control+z")
    assert editor.chips == ["Path 1", "Path 2"]
    editor.press("Control+z", "Control+z")
    assert editor.chips == ["Path 1", "Path 2"]
    assert len(editor.paths) == 1, "one click is no path yet"
    editor.press("Control+Shift+z", "Control+y", "Control+y")
    editor.page.wait_for_timeout(400)
    assert editor.drawing == whole
    for _ in range(12):
        editor.press("Control+z")
    editor.page.wait_for_timeout(400)
    assert editor.paths == []
    assert editor.page.evaluate("app.graph.nodes.length") == nodes


def test_the_graphs_own_undo_reaches_the_editor(editor):
    editor.page.mouse.click(1400, 700)
    editor.drag(*ARC)
    editor.tool("pin")
    editor.click(0.85, 0.2)
    both = editor.drawing
    editor.page.mouse.click(1400, 700)
    editor.page.keyboard.press("Control+z")
    editor.page.wait_for_function("() => document.querySelectorAll('.mi2v-chip').length === 1")
    assert len(editor.paths) == 1
    editor.wait_for_picture()
    # The editor's own history outlives the node, which the graph has made anew.
    editor.page.locator(".mi2v-stage").focus()
    editor.press("Control+Shift+z")
    assert editor.drawing == both


def test_points_move_come_and_go(editor):
    editor.tool("points")
    for point in [(0.2, 0.5), (0.5, 0.5), (0.8, 0.5)]:
        editor.click(*point)
    editor.press("Escape", "v")
    editor.drag((0.5, 0.5), (0.5, 0.25))
    close(editor.paths[0]["points"][1]["y"], 0.25, POINTER)
    editor.page.mouse.dblclick(*editor.at(0.69, 0.382))
    assert len(editor.paths[0]["points"]) == 4
    editor.press("Delete")
    assert len(editor.paths[0]["points"]) == 3
    editor.click(0.5, 0.25, button="right")
    close([point["x"] for point in editor.paths[0]["points"]], [0.2, 0.8], POINTER)
    editor.drag((0.5, 0.5), (0.5, 0.7))
    close([point["y"] for point in editor.paths[0]["points"]], [0.7, 0.7], POINTER)
    editor.press("ArrowRight", "Delete")
    assert editor.paths == []


def test_a_path_of_one_click_is_not_queued(editor):
    queued = (
        "async () => Object.values((await app.graphToPrompt()).output)"
        ".find((node) => node.class_type === 'MotionI2VTrajectoryEditor').inputs.drawing"
    )
    editor.tool("points")
    editor.click(0.3, 0.5)
    assert editor.chips == ["Path 1"]
    assert json.loads(editor.page.evaluate(queued))["paths"] == []
    editor.click(0.6, 0.5)
    (path,) = json.loads(editor.page.evaluate(queued))["paths"]
    close([point["x"] for point in path["points"]], [0.3, 0.6], POINTER)
    editor.press("Control+z", "Control+z", "Control+y")
    editor.click(0.7, 0.5)
    close([point["x"] for point in editor.paths[0]["points"]], [0.3, 0.7], POINTER)


def test_arrow_keys_move_by_a_pixel_of_the_picture(editor):
    editor.tool("pin")
    editor.click(0.5, 0.5)
    x, y = (editor.paths[0]["points"][0][axis] for axis in "xy")
    editor.press("ArrowRight", "Shift+ArrowDown")
    moved = editor.paths[0]["points"][0]
    close(moved["x"] - x, 1 / 300, Tolerance(2e-5))
    close(moved["y"] - y, 10 / 200, Tolerance(2e-5))


def test_speed_span_and_hold(editor):
    editor.tool("points")
    for point in [(0.2, 0.5), (0.5, 0.2), (0.8, 0.5)]:
        editor.click(*point)
    editor.press("Enter", "v")
    editor.click(0.5, 0.2)
    page = editor.page
    page.locator("[data-value=straight]").click()
    page.locator("[data-value=ease_in_out]").click()
    fields = page.locator(".mi2v-number")
    fields.nth(0).fill("4")
    fields.nth(1).fill("13")
    fields.nth(2).fill("3")
    fields.nth(2).press("Enter")
    page.wait_for_timeout(100)
    (path,) = editor.paths
    assert (path["curve"], path["ease"]) == ("straight", "ease_in_out")
    close((path["start"], path["end"]), (3 / 15, 12 / 15), ACCUMULATED)
    hold = path["points"][1]["hold"]
    close(hold / (1 + hold) * 9, 3, POINTER)
    editor.shot("speed")


def test_a_resized_node_keeps_the_drawing_and_the_aspect(editor):
    draw_two_paths_and_a_pin(editor)
    before = editor.drawing
    stage = editor.page.locator(".mi2v-stage")
    small = stage.bounding_box()
    box = editor.page.locator(".mi2v-editor").bounding_box()
    corner = (box["x"] + box["width"] + 8, box["y"] + box["height"] + 8)
    if editor.renderer == "vue":
        handle = editor.page.locator(
            "[data-node-id] [aria-label='Resize from bottom-right corner']"
        )
        grip = handle.last.bounding_box()
        corner = (grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2)
    editor.page.mouse.move(*corner)
    editor.page.mouse.down()
    editor.page.mouse.move(corner[0] + 160, corner[1] + 60, steps=6)
    editor.page.mouse.up()
    editor.page.wait_for_timeout(400)
    large = stage.bounding_box()
    assert large["width"] > small["width"] + 120
    assert large["height"] > small["height"] + 40
    assert editor.drawing == before
    close(editor.color_at(0.5, 0.5), RED, SCREEN)
    editor.tool("select")
    editor.drag((0.85, 0.2), (0.8, 0.3))
    close(editor.paths[2]["points"][0]["x"], 0.8, POINTER)


CUT_OFF = """
() => {
    const whole = document.querySelector('.mi2v-editor').getBoundingClientRect()
    const parts = document.querySelectorAll('.mi2v-editor :is(button, input, select, .mi2v-stage)')
    return [...parts].filter((part) => {
        const box = part.getBoundingClientRect()
        const out = box.left < whole.left || box.right > whole.right + 1
        return box.width && (out || box.bottom > whole.bottom + 1)
    }).map((part) => part.title || part.className)
}
"""


def test_a_narrow_node_cuts_nothing_off(editor):
    page = editor.page
    editor.drag(*ARC)
    editor.press("v")
    editor.click(0.3, 0.5)
    if editor.renderer == "vue":
        handle = page.locator("[data-node-id] [aria-label='Resize from bottom-right corner']")
        grip = handle.last.bounding_box()
        page.mouse.move(grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2)
        page.mouse.down()
        page.mouse.move(560, 350, steps=6)
        page.mouse.up()
    else:
        page.evaluate(f"{EDITOR_NODE}.setSize([220, 300])")
    page.wait_for_timeout(600)
    width = page.evaluate(f"{EDITOR_NODE}.size[0]")
    box = page.locator(".mi2v-editor").bounding_box()
    assert 340 <= width < 400
    assert box["x"] >= 430
    assert box["x"] + box["width"] <= 430 + width
    assert page.evaluate(CUT_OFF) == []
    overflow = "() => document.querySelector('.mi2v-inspector').scrollHeight"
    seen = "() => document.querySelector('.mi2v-inspector').clientHeight"
    assert page.evaluate(overflow) <= page.evaluate(seen)
    assert page.locator(".mi2v-stage").bounding_box()["height"] >= 130
    editor.shot("narrow")


def test_saved_and_reloaded(editor):
    draw_two_paths_and_a_pin(editor)
    before = editor.drawing
    page = editor.page
    saved = page.evaluate("JSON.stringify(app.graph.serialize())")
    page.evaluate("app.graph.clear()")
    page.evaluate("async (text) => app.loadGraphData(JSON.parse(text))", saved)
    page.locator(".mi2v-stage").wait_for()
    editor.wait_for_picture()
    assert editor.drawing == before
    assert editor.chips == ["Path 1", "Path 2", "Pin 1"]
    close(editor.color_at(0.1, 0.1), RED, SCREEN)
    node = next(n for n in json.loads(saved)["nodes"] if n["type"].startswith("MotionI2V"))
    assert node["widgets_values"] == [json.dumps(before, separators=(",", ":")), 16]


def test_a_copied_node_has_a_drawing_of_its_own(editor):
    draw_two_paths_and_a_pin(editor)
    page = editor.page
    page.evaluate(
        f"""() => {{
            app.canvas.deselectAll()
            app.canvas.selectNode({EDITOR_NODE})
            app.canvas.copyToClipboard()
            app.canvas.pasteFromClipboard({{ position: [1050, 120] }})
        }}"""
    )
    page.wait_for_function("() => document.querySelectorAll('.mi2v-editor').length === 2")
    page.wait_for_timeout(300)
    drawings = (
        "app.graph.nodes.filter((n) => n.type.startsWith('Motion')).map((n) => n.widgets[0].value)"
    )
    first, second = page.evaluate(drawings)
    assert first == second
    assert page.locator(".mi2v-notes").nth(0).inner_text() == ""
    assert "Connect a picture" in page.locator(".mi2v-notes").nth(1).inner_text()
    page.locator(".mi2v-editor").nth(1).locator("[data-action=clear]").click()
    page.wait_for_timeout(100)
    first, second = page.evaluate(drawings)
    assert len(json.loads(first)["paths"]) == 3
    assert json.loads(second)["paths"] == []


def test_a_second_editor_is_whole_while_the_first_is_selected(editor):
    editor.drag(*ARC)
    editor.page.evaluate(
        """() => {
            const editor = LiteGraph.createNode('MotionI2VTrajectoryEditor')
            editor.pos = [1020, 120]
            app.graph.add(editor)
        }"""
    )
    editor.page.wait_for_timeout(1500)
    clips = """() => [...document.querySelectorAll('.mi2v-editor')].map((shown) => {
        const holder = shown.closest('.dom-widget')
        return holder ? getComputedStyle(holder).clipPath : 'none'
    })"""
    assert editor.page.evaluate(clips) == ["none", "none"]


def test_the_picture_follows_the_loader_without_queueing(editor):
    draw_two_paths_and_a_pin(editor)
    before = editor.drawing
    close(editor.color_at(0.5, 0.6), RED, SCREEN)
    editor.page.evaluate(
        "app.graph.nodes.find((n) => n.type === 'LoadImage').widgets[0].value = 'blue.png'"
    )
    editor.size = [200, 300]
    editor.page.wait_for_timeout(1500)
    close(editor.color_at(0.5, 0.6), BLUE, SCREEN)
    assert editor.drawing == before
    editor.page.evaluate(f"{EDITOR_NODE}.disconnectInput(0)")
    editor.page.wait_for_timeout(1200)
    assert editor.color_at(0.5, 0.6) != pytest.approx(BLUE, abs=30)


def test_a_brushed_region_is_tinted_until_it_is_switched_off(editor, host):
    brushed = np.full((200, 300, 4), (*RED, 255), np.uint8)
    brushed[50:150, 30:120, 3] = 0
    Image.fromarray(brushed).save(host.input_dir / "brushed.png")
    toggle = editor.page.locator("[data-action=region]")
    assert not toggle.is_visible()
    editor.build("brushed.png", (300, 200))
    toggle.wait_for()
    inside, outside = editor.color_at(0.2, 0.5), editor.color_at(0.7, 0.5)
    close(outside, RED, SCREEN)
    assert inside[1] > RED[1] + 40
    editor.drag((0.25, 0.5), (0.7, 0.35))
    editor.shot("region")
    toggle.click()
    editor.page.wait_for_timeout(150)
    close(editor.color_at(0.2, 0.6), RED, SCREEN)
    editor.build("red.png", (300, 200))
    assert not toggle.is_visible()


def test_zoom_and_pan_leave_the_drawing_alone(editor):
    editor.tool("pin")
    editor.click(0.3, 0.3)
    before = editor.drawing
    scale = editor.page.evaluate("app.canvas.ds.scale")
    editor.page.mouse.move(*editor.at(0.5, 0.5))
    editor.page.mouse.wheel(0, -240)
    editor.page.wait_for_timeout(150)
    zoom = editor.page.locator(".mi2v-zoom")
    zoom.wait_for()
    assert int(zoom.inner_text().rstrip("%")) > 120
    assert editor.page.evaluate("app.canvas.ds.scale") == scale
    editor.page.keyboard.down("Space")
    editor.drag((0.5, 0.5), (0.4, 0.4))
    editor.page.keyboard.up("Space")
    assert editor.drawing == before
    editor.press("f")
    assert not zoom.is_visible()


def test_the_wheel_moves_the_graph_until_the_editor_is_clicked(editor):
    editor.page.mouse.click(1450, 700)
    scale = editor.page.evaluate("app.canvas.ds.scale")
    editor.page.mouse.move(*editor.at(0.5, 0.5))
    editor.page.mouse.wheel(0, 120)
    editor.page.wait_for_timeout(300)
    assert editor.page.evaluate("app.canvas.ds.scale") != scale
    assert not editor.page.locator(".mi2v-zoom").is_visible()


def test_two_fingers_zoom_and_one_draws(editor):
    touch = editor.page.context.new_cdp_session(editor.page)

    def send(kind: str, *points: tuple[float, float]) -> None:
        places = [
            dict(zip("xy", editor.at(*point), strict=True), id=i) for i, point in enumerate(points)
        ]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    send("touchStart", (0.2, 0.5))
    for x in np.linspace(0.2, 0.7, 12):
        send("touchMove", (float(x), 0.5))
    send("touchEnd")
    editor.page.wait_for_timeout(100)
    assert [path["kind"] for path in editor.paths] == ["path"]
    before = editor.drawing
    places = [editor.at(0.4, 0.5), editor.at(0.6, 0.5)]
    for step in range(6):
        spread = 12 * step
        points = [
            {"x": places[0][0] - spread, "y": places[0][1], "id": 0},
            {"x": places[1][0] + spread, "y": places[1][1], "id": 1},
        ]
        kind = "touchMove" if step else "touchStart"
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    editor.page.wait_for_timeout(150)
    assert int(editor.page.locator(".mi2v-zoom").inner_text().rstrip("%")) > 130
    assert editor.drawing == before


def test_a_path_is_copied_and_pasted_by_keys(editor):
    editor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    editor.drag(*ARC)
    nodes = editor.page.evaluate("app.graph.nodes.length")
    editor.press("Control+c", "Control+v")
    editor.page.wait_for_timeout(200)
    assert len(editor.paths) == 2
    assert editor.page.evaluate("app.graph.nodes.length") == nodes


def test_delete_in_the_editor_keeps_the_node(editor):
    editor.drag(*ARC)
    editor.press("Delete", "Delete", "Backspace")
    assert editor.paths == []
    assert editor.page.evaluate(f"Boolean({EDITOR_NODE})")


def test_an_unreadable_drawing_is_named_and_kept_until_the_user_decides(editor):
    editor.page.evaluate(f"{EDITOR_NODE}.widgets[0].value = '{{\"version\": 9}}'")
    card = editor.page.locator(".mi2v-problem")
    card.wait_for()
    assert "version 9" in card.inner_text()
    editor.drag(*ARC)
    assert editor.drawing == {"version": 9}
    card.locator("button").click()
    assert editor.drawing == {"version": 1, "paths": []}


def test_the_number_of_frames_is_the_nodes(editor):
    editor.drag(*ARC)
    editor.page.evaluate(f"{EDITOR_NODE}.widgets.find((w) => w.name === 'frames').value = 25")
    editor.page.wait_for_timeout(900)
    assert editor.page.locator(".mi2v-counter").inner_text().endswith("/ 25")
    assert editor.page.locator(".mi2v-number").nth(1).input_value() == "25"


def test_linked_frames_are_those_of_the_link(editor):
    link = f"""(type) => {{
        const source = LiteGraph.createNode(type)
        source.pos = [70, 640]
        app.graph.add(source)
        const editor = {EDITOR_NODE}
        source.connect(0, editor, editor.inputs.findIndex((input) => input.name === 'frames'))
        source.widgets[0].value = 33
    }}"""
    counter = editor.page.locator(".mi2v-counter")
    notes = editor.page.locator(".mi2v-notes")
    for kind in ("PrimitiveInt", "PrimitiveNode"):
        editor.page.evaluate(link, kind)
        editor.page.wait_for_timeout(900)
        assert counter.inner_text().endswith("/ 33"), kind
        assert notes.inner_text() == ""
        editor.build("red.png", (300, 200))
    editor.page.evaluate(link.replace("source.widgets[0].value = 33", ""), "GetImageSize")
    editor.page.wait_for_timeout(900)
    assert counter.inner_text() == "? frames"
    assert "A link brings the frames" in notes.inner_text()


def test_playing_moves_the_playhead(editor):
    editor.drag(*ARC)
    editor.page.wait_for_timeout(2800)
    play = editor.page.locator("[data-action=play]")
    play.click()
    assert play.get_attribute("aria-label").startswith("Pause")
    shown = "document.querySelector('.mi2v-counter').innerText"
    editor.page.wait_for_function(f"() => {shown} !== '1 / 16'")
    play.click()
    assert play.get_attribute("aria-label").startswith("Play")


INVERT = """
() => {
    const editor = app.graph.nodes.find((node) => node.type === 'MotionI2VTrajectoryEditor')
    const between = LiteGraph.createNode('ImageInvert')
    between.pos = [70, 600]
    app.graph.add(between)
    app.graph.nodes.find((node) => node.type === 'LoadImage').connect(0, between, 0)
    between.connect(0, editor, 0)
    return between.title
}
"""
QUEUE = """
async () => {
    const editor = app.graph.nodes.find((node) => node.type === 'MotionI2VTrajectoryEditor')
    const show = LiteGraph.createNode('PreviewImage')
    show.pos = [1060, 140]
    app.graph.add(show)
    editor.connect(2, show, 0)
    await new Promise((done) => setTimeout(done, 900))
    await app.queuePrompt(0)
    return show.id
}
"""


def test_queued_and_the_picture_comes_out(editor, host):
    draw_two_paths_and_a_pin(editor)
    show = editor.page.evaluate(QUEUE)
    outputs = f"() => app.nodeOutputs[{show}]?.images?.length"
    editor.page.wait_for_function(outputs, timeout=60_000)
    (file,) = editor.page.evaluate(f"app.nodeOutputs[{show}].images")
    picture = np.asarray(Image.open(host.base / "temp" / file["filename"]).convert("RGB")).astype(
        int
    )
    assert picture.shape == (200, 300, 3)
    painted = np.abs(picture - np.array(RED)).sum(axis=2) > 60
    assert painted[40, 255], "the pin"
    assert painted[120:180, 50:190].sum() > 100, "the clicked path"
    assert not painted[:20].any()
    editor.page.wait_for_timeout(500)
    editor.shot("queued")


def test_a_computed_picture_is_shown_after_the_run(editor, host):
    # Until the run, the loaded picture stands in.
    title = editor.page.evaluate(INVERT)
    editor.page.wait_for_timeout(900)
    close(editor.color_at(0.5, 0.5), RED, LOSSY)
    note = editor.page.locator(".mi2v-notes")
    assert f"Before “{title}”" in note.inner_text()
    editor.page.evaluate(QUEUE)
    inverted = [255 - value for value in RED]
    for _ in range(40):
        editor.page.wait_for_timeout(500)
        if editor.color_at(0.5, 0.5) == pytest.approx(inverted, abs=12):
            break
    close(editor.color_at(0.5, 0.5), inverted, LOSSY)
    assert note.inner_text() == ""
    # Another picture in the loader: the one of the run is outdated.
    editor.page.evaluate(
        "app.graph.nodes.find((n) => n.type === 'LoadImage').widgets[0].value = 'blue.png'"
    )
    editor.size = [200, 300]
    editor.page.wait_for_timeout(1500)
    close(editor.color_at(0.5, 0.5), BLUE, LOSSY)
    assert "Before" in note.inner_text()


def test_screenshots_on_a_photo(opened):
    opened.build("cat.jpg", (451, 300))
    opened.shot("empty")
    draw_two_paths_and_a_pin(opened)
    opened.press("v", "Escape", "[", "[", "[")
    opened.page.wait_for_timeout(2600)
    opened.shot("drawn")
