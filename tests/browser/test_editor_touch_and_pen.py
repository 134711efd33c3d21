"""A finger and a pen on the editor, by Chromium's own emulation of input devices."""

from itertools import pairwise

import numpy as np
import pytest

from devkit.browser import find_chromium
from tests.browser.editor_page import EditorPage
from tests.tolerances import POINTER, close

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="no Chromium found")


class Pen:
    """A pen with pressure; it hovers before it touches."""

    def __init__(self, editor: EditorPage) -> None:
        self.editor = editor
        self.devices = editor.page.context.new_cdp_session(editor.page)

    def send(self, kind: str, place: tuple[float, float], force: float) -> None:
        left, top = self.editor.at(*place)
        down = {"button": "left", "buttons": 1, "clickCount": 1} if force else {}
        event = {"type": kind, "x": left, "y": top, "pointerType": "pen", "force": force, **down}
        self.devices.send("Input.dispatchMouseEvent", event)

    def stroke(self, *points: tuple[float, float], steps: int = 6) -> None:
        self.send("mouseMoved", points[0], 0)
        self.send("mousePressed", points[0], 0.3)
        for start, end in pairwise(points):
            for share in np.linspace(0, 1, steps + 1)[1:]:
                place = tuple(float(a + (b - a) * share) for a, b in zip(start, end, strict=True))
                self.send("mouseMoved", place, 0.3 + 0.5 * float(share))
        self.send("mouseReleased", points[-1], 0.1)
        self.editor.page.wait_for_timeout(80)


class Finger:
    """One finger on the screen."""

    def __init__(self, editor: EditorPage) -> None:
        self.editor = editor
        self.devices = editor.page.context.new_cdp_session(editor.page)

    def send(self, kind: str, *places: tuple[float, float]) -> None:
        points = [dict(zip("xy", self.editor.at(*place), strict=True), id=7) for place in places]
        self.devices.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def stroke(self, *points: tuple[float, float], steps: int = 6) -> None:
        self.send("touchStart", points[0])
        for start, end in pairwise(points):
            for share in np.linspace(0, 1, steps + 1)[1:]:
                place = tuple(float(a + (b - a) * share) for a, b in zip(start, end, strict=True))
                self.send("touchMove", place)
        self.send("touchEnd")
        self.editor.page.wait_for_timeout(80)


VIEW = "() => [app.canvas.ds.scale, ...app.canvas.ds.offset]"


@pytest.mark.parametrize("device", [Pen, Finger])
def test_draws_pins_and_moves_without_moving_the_graph(editor, device):
    hand = device(editor)
    view = editor.page.evaluate(VIEW)
    hand.stroke((0.2, 0.5), (0.4, 0.3), (0.7, 0.5))
    (path,) = editor.paths
    ends = [(path["points"][i]["x"], path["points"][i]["y"]) for i in (0, -1)]
    close(ends[0], (0.2, 0.5), POINTER)
    close(ends[1], (0.7, 0.5), POINTER)
    editor.tool("pin")
    hand.stroke((0.85, 0.2))
    assert editor.chips == ["Path 1", "Pin 1"]
    # What was drawn is moved by the same hand, and nothing else with it.
    editor.tool("select")
    hand.stroke((0.85, 0.2), (0.8, 0.8))
    kept, pin = editor.paths
    assert kept == path
    close((pin["points"][0]["x"], pin["points"][0]["y"]), (0.8, 0.8), POINTER)
    assert [given["drawing"]["paths"] for given in editor.queued] == [[path, pin]]
    assert editor.page.evaluate(VIEW) == view


def test_points_are_tapped_together(editor):
    finger = Finger(editor)
    editor.tool("points")
    for place in [(0.2, 0.8), (0.4, 0.6), (0.6, 0.8)]:
        finger.stroke(place)
    # A tap on the last point ends the path.
    finger.stroke((0.6, 0.8))
    (path,) = editor.paths
    close([point["x"] for point in path["points"]], [0.2, 0.4, 0.6], POINTER)
    finger.stroke((0.2, 0.2))
    assert len(editor.paths) == 1, "the next tap begins another path"
