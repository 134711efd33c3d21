"""The Trajectory Editor on ComfyUI's real page, as a user's mouse and keyboard meet it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from devkit.browser import READY

SHOTS = Path(__file__).resolve().parents[2] / "output" / "screenshots"
EXTENSION = "/extensions/ComfyUI-MotionI2V"
RED = (200, 40, 40)
BLUE = (40, 60, 200)
ARC = [(0.3, 0.5), (0.4, 0.35), (0.55, 0.35), (0.65, 0.5)]

BUILD = """
async ([picture, at]) => {
    const root = app.rootGraph ?? app.graph.rootGraph ?? app.graph
    if (app.canvas.graph !== root) app.canvas.setGraph(root)
    app.clean()
    app.graph.clear()
    // Frontend 1.49 keeps the widgets' values of a cleared graph for the next one with its id.
    app.graph.id = crypto.randomUUID()
    const load = LiteGraph.createNode('LoadImage')
    load.pos = [70, 140]
    app.graph.add(load)
    const name = load.widgets.find((widget) => widget.name === 'image')
    name.value = picture
    name.callback?.(picture)
    const editor = LiteGraph.createNode('MotionI2VTrajectoryEditor')
    editor.pos = at
    app.graph.add(editor)
    load.connect(0, editor, 0)
    app.canvas.ds.scale = 1
    app.canvas.ds.offset = [0, 0]
    app.canvas.setDirty(true, true)
}
"""
EDITOR_NODE = "app.graph.nodes.find((node) => node.type === 'MotionI2VTrajectoryEditor')"
# The editors' nodes in the graph that the page shows, which may be a subgraph.
EDITOR_NODES = "app.canvas.graph.nodes.filter((node) => node.type === 'MotionI2VTrajectoryEditor')"
QUEUED = """
async () => Object.values((await app.graphToPrompt()).output)
    .filter((node) => node.class_type === 'MotionI2VTrajectoryEditor').map((node) => node.inputs)
"""
# The page's elements of one editor; where another node shows it, of the one that is shown.
STAGE = f"""
    const node = {EDITOR_NODES}[nth]
    const own = node?.widgets.find((widget) => widget.name === 'editor').element
    const element = own ?? document.querySelector('.mi2v-editor')
    const stage = element.querySelector('.mi2v-stage')
"""
# Where (x, y) of the picture lies in the window while the whole picture is fitted into the view.
PLACE = f"""
async ([x, y, size, nth]) => {{
    const {{ View }} = await import('{EXTENSION}/editor/view.js')
    {STAGE}
    const box = stage.getBoundingClientRect()
    const view = new View()
    view.resize([stage.clientWidth, stage.clientHeight], size)
    const at = view.toStage({{ x, y }})
    const zoom = box.width / stage.offsetWidth
    return [box.left + at.x * zoom, box.top + at.y * zoom]
}}
"""
# The colour on the lower canvas at (x, y) of the picture.
COLOR = f"""
async ([x, y, size, nth]) => {{
    const {{ View }} = await import('{EXTENSION}/editor/view.js')
    {STAGE}
    const canvas = stage.querySelector('canvas')
    const view = new View()
    view.resize([stage.clientWidth, stage.clientHeight], size)
    const at = view.toStage({{ x, y }})
    const density = canvas.width / stage.clientWidth
    const spot = [Math.round(at.x * density), Math.round(at.y * density), 1, 1]
    return [...canvas.getContext('2d').getImageData(...spot).data].slice(0, 3)
}}
"""
# Which of some places (x, y) of the picture the drawing covers.
INKED = f"""
async ([places, size, nth]) => {{
    const {{ View }} = await import('{EXTENSION}/editor/view.js')
    {STAGE}
    const canvas = stage.querySelectorAll('canvas')[1]
    const view = new View()
    view.resize([stage.clientWidth, stage.clientHeight], size)
    const density = canvas.width / stage.clientWidth
    return places.map(([x, y]) => {{
        const at = view.toStage({{ x, y }})
        const spot = [Math.round(at.x * density), Math.round(at.y * density), 1, 1]
        return canvas.getContext('2d').getImageData(...spot).data[3] > 100
    }})
}}
"""
CHIPS = f"""
(nth) => {{
    {STAGE}
    return [...element.querySelectorAll('.mi2v-chip')].map((chip) => chip.innerText)
}}
"""
TITLE = f"""
(nth) => {{
    const node = {EDITOR_NODES}[nth]
    const box = app.canvas.canvas.getBoundingClientRect()
    const [x, y] = app.canvas.ds.convertOffsetToCanvas([node.pos[0] + 180, node.pos[1] - 15])
    return [box.left + x, box.top + y]
}}
"""


class EditorPage:
    """One page with a Load Image node and a Trajectory Editor.

    `nth` tells which editor of the graph on the page is meant, where there are several.
    """

    def __init__(self, page: Any, vue: bool) -> None:
        self.page = page
        self.renderer = "vue" if vue else "classic"
        self.size = [1, 1]
        self.nth = 0
        self.show_as(vue)

    def show_as(self, vue: bool) -> None:
        """Chooses the page's renderer: Vue ("Nodes 2.0"), or the classic canvas."""
        on = "(on) => app.extensionManager.setting.set('Comfy.VueNodes.Enabled', on)"
        self.page.evaluate(on, vue)

    def close_panel(self) -> None:
        """Closes the properties panel, which came after frontend 1.32 and opens over the graph.

        Which of its two buttons is there hangs on what is selected; the setting closes it surely.
        """
        if self.page.get_by_role("button", name="Toggle properties panel").count():
            close = "app.extensionManager.setting.set('Comfy.RightSidePanel.IsOpen', false)"
            self.page.evaluate(f"() => {close}")

    def reload(self) -> None:
        """Reloads the page, which brings back the workflow that it showed."""
        self.page.reload()
        self.page.wait_for_function(READY, timeout=60_000)

    def build(self, picture: str, size: tuple[int, int], at: tuple[int, int] = (430, 120)) -> None:
        """Starts a new graph: Load Image with a picture of `size`, linked to the editor."""
        self.size = list(size)
        self.nth = 0
        # The page opens it where a run before has failed.
        self.close_panel()
        self.page.evaluate(BUILD, [picture, list(at)])
        self.page.locator(".mi2v-stage").wait_for()
        self.wait_for_picture()

    def wait_for_picture(self) -> None:
        self.page.wait_for_function(
            "() => !document.querySelector('.mi2v-card:not([hidden])')", timeout=15_000
        )
        self.page.wait_for_timeout(250)

    # What the page holds

    @property
    def drawing(self) -> dict[str, Any]:
        """The document in the node's widget."""
        return json.loads(self.page.evaluate(f"{EDITOR_NODES}[{self.nth}].widgets[0].value"))

    @property
    def queued(self) -> list[dict[str, Any]]:
        """The inputs of every editor in the prompt, the drawing as a document."""
        inputs = self.page.evaluate(QUEUED)
        return [{**given, "drawing": json.loads(given["drawing"])} for given in inputs]

    @property
    def paths(self) -> list[dict[str, Any]]:
        return self.drawing["paths"]

    @property
    def chips(self) -> list[str]:
        """What the editor itself lists as drawn."""
        return self.page.evaluate(CHIPS, self.nth)

    def inked(self, *places: tuple[float, float]) -> list[bool]:
        """Whether the drawing covers these places of the picture."""
        return self.page.evaluate(INKED, [places, self.size, self.nth])

    def color_at(self, x: float, y: float) -> list[int]:
        """What the stage shows of the picture there, RGB."""
        return self.page.evaluate(COLOR, [x, y, self.size, self.nth])

    # What a user does

    def at(self, x: float, y: float) -> tuple[float, float]:
        left, top = self.page.evaluate(PLACE, [x, y, self.size, self.nth])
        return left, top

    def title(self) -> tuple[float, float]:
        """Where the node's title lies in the window."""
        left, top = self.page.evaluate(TITLE, self.nth)
        return left, top

    def select_node(self) -> None:
        self.page.mouse.click(*self.title())
        self.page.wait_for_timeout(100)

    def command(self, name: str) -> None:
        """Runs one of the page's own commands."""
        self.page.evaluate("(name) => app.extensionManager.command.execute(name)", name)

    def tool(self, name: str) -> None:
        self.page.locator(f".mi2v-button[data-tool={name}]").click()

    def click(self, x: float, y: float, **options: Any) -> None:
        self.page.mouse.click(*self.at(x, y), **options)

    def drag(self, *points: tuple[float, float], steps: int = 10) -> None:
        places = [self.at(*point) for point in points]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place, steps=steps)
        self.page.mouse.up()
        self.page.wait_for_timeout(60)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
        self.page.wait_for_timeout(60)

    def shot(self, name: str) -> None:
        """Keeps a screenshot among the artefacts."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=str(SHOTS / f"editor-{name}-{self.renderer}.png"))


def draw_two_paths_and_a_pin(editor: EditorPage) -> None:
    editor.drag(*ARC)
    editor.tool("points")
    for point in [(0.2, 0.8), (0.4, 0.85), (0.6, 0.75)]:
        editor.click(*point)
    editor.press("Enter")
    editor.tool("pin")
    editor.click(0.85, 0.2)
