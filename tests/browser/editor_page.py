"""The Trajectory Editor on ComfyUI's real page, as a user's mouse and keyboard meet it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SHOTS = Path(__file__).resolve().parents[2] / "output" / "screenshots"
EXTENSION = "/extensions/ComfyUI-MotionI2V"

BUILD = """
async ([picture, at]) => {
    app.clean()
    app.graph.clear()
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
# Where (x, y) of the picture lies in the window while the whole picture is fitted into the view.
PLACE = f"""
async ([x, y, size]) => {{
    const {{ View }} = await import('{EXTENSION}/editor/view.js')
    const stage = document.querySelector('.mi2v-stage')
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
async ([x, y, size]) => {{
    const {{ View }} = await import('{EXTENSION}/editor/view.js')
    const stage = document.querySelector('.mi2v-stage')
    const canvas = stage.querySelector('canvas')
    const view = new View()
    view.resize([stage.clientWidth, stage.clientHeight], size)
    const at = view.toStage({{ x, y }})
    const density = canvas.width / stage.clientWidth
    const spot = [Math.round(at.x * density), Math.round(at.y * density), 1, 1]
    return [...canvas.getContext('2d').getImageData(...spot).data].slice(0, 3)
}}
"""


class EditorPage:
    """One page with a Load Image node and a Trajectory Editor."""

    def __init__(self, page: Any, vue: bool) -> None:
        self.page = page
        self.renderer = "vue" if vue else "classic"
        self.size = [1, 1]
        page.evaluate("(on) => app.extensionManager.setting.set('Comfy.VueNodes.Enabled', on)", vue)

    def build(self, picture: str, size: tuple[int, int], at: tuple[int, int] = (430, 120)) -> None:
        """Starts a new graph: Load Image with a picture of `size`, linked to the editor."""
        self.size = list(size)
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
        return json.loads(self.page.evaluate(f"{EDITOR_NODE}.widgets[0].value"))

    @property
    def paths(self) -> list[dict[str, Any]]:
        return self.drawing["paths"]

    @property
    def chips(self) -> list[str]:
        """What the editor itself lists as drawn."""
        return self.page.locator(".mi2v-chip").all_inner_texts()

    def color_at(self, x: float, y: float) -> list[int]:
        """What the stage shows of the picture there, RGB."""
        return self.page.evaluate(COLOR, [x, y, self.size])

    # What a user does

    def at(self, x: float, y: float) -> tuple[float, float]:
        left, top = self.page.evaluate(PLACE, [x, y, self.size])
        return left, top

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
