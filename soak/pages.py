"""Damaged workflows in the real page: nothing of the pack's own scripts fails, the page goes on."""

from __future__ import annotations

import json
import re
import time
from importlib.util import find_spec
from typing import Any

from hypothesis import strategies as st

from devkit import places
from devkit.browser import READY, find_chromium, page_of
from devkit.host import HostProcess
from devkit.workflows import twin_of, workflows
from soak.strategies import as_text, damaged, damaged_text, generate
from soak.verdict import Failures

OURS = f"/extensions/{places.PACK}/"
FRAME = re.compile(r"^\s*at .*$", re.MULTILINE)
PATIENCE = 30_000
"""Milliseconds for a workflow: three times ten seconds, on a machine that others use too."""
GOOD = "draw-and-preview.json"
SLICE = 10
LISTEN = """
window.told = []
const note = (error) => window.told.push(String(error?.stack ?? error))
window.addEventListener('error', (event) => note(event.error ?? event.message))
window.addEventListener('unhandledrejection', (event) => note(event.reason))
const told = console.error
console.error = (...all) => {
    all.filter((one) => one instanceof Error).forEach(note)
    told.apply(console, all)
}
"""
"""Keeps the stacks of all errors, those that the page catches and only tells of too."""
DROP = """
(text) => {
    window.dropped = false
    const file = new File([text], 'workflow.json', { type: 'application/json' })
    Promise.resolve(app.handleFile(file)).catch((error) => window.told.push(String(error?.stack)))
        .finally(() => setTimeout(() => (window.dropped = true), 50))
}
"""
"""As if the file were dropped on the page; does not wait."""
CLASSES = """
async () => Object.values((await app.graphToPrompt()).output).map((node) => node.class_type).sort()
"""
CLOSE = "document.querySelectorAll('.p-dialog-mask').forEach((mask) => mask.remove())"


def run(host: HostProcess, count: int, deadline: float, seed: int) -> tuple[int, list[str], str]:
    """Returns how many workflows were tried, what did not hold, and figures."""
    if find_chromium() is None or find_spec("playwright") is None:
        return 0, [], "no workflow in a page: there is no browser here"
    with page_of(host.url) as page:
        tally = treat(page, count, deadline, seed)
    return tally.done, tally.failures, f"{tally.done} workflows in a page, {tally.taken} taken"


def treat(page: Any, count: int, deadline: float, seed: int) -> Tally:
    """As `run`, in a page that is open."""
    page.evaluate(f"() => {{ {LISTEN} }}")
    page.add_init_script(LISTEN)  # once it is loaded afresh
    tally = Tally(page, deadline)
    for start in range(0, count, SLICE):
        generate(texts(), min(SLICE, count - start), seed + start, tally.judge)
    return tally


@st.composite
def texts(draw: st.DrawFn) -> str:
    """An example workflow with damage to a node of the pack, to any part, or to its text."""
    file = draw(st.sampled_from(workflows()))
    workflow = json.loads(file.read_text("utf-8"))
    nodes = [i for i, one in enumerate(workflow["nodes"]) if one["type"].startswith("MotionI2V")]
    for _ in range(draw(st.integers(1, 3))):
        where = draw(st.sampled_from(("node", "node", "node", "whole", "links")))
        if where == "whole":
            changed = draw(damaged(workflow))
            return (
                as_text(changed)
                if draw(st.booleans())
                else draw(damaged_text(json.dumps(workflow)))
            )
        if where == "links":
            workflow["links"] = draw(damaged(workflow["links"]))
        elif nodes:
            at = draw(st.sampled_from(nodes))
            workflow["nodes"][at] = draw(_damaged_node(workflow["nodes"][at]))
            nodes.remove(at)
    return as_text(workflow)


@st.composite
def _damaged_node(draw: st.DrawFn, node: dict[str, Any]) -> Any:
    """A node with damage to any part; an editor's drawing, which is a text in it, is one more."""
    if node["type"] != "MotionI2VTrajectoryEditor" or draw(st.booleans()):
        return draw(damaged(node))
    text, *values = node["widgets_values"]
    kinds = (damaged(json.loads(text)).map(as_text), damaged_text(text))
    return {**node, "widgets_values": [draw(st.one_of(kinds)), *values]}


def is_ours(stack: str) -> bool:
    """Whether an error was thrown in a script of the pack, and not by the page below one."""
    first = FRAME.search(stack)
    return bool(first and OURS in first[0])


class Tally:
    """What the workflows have come to."""

    def __init__(self, page: Any, deadline: float) -> None:
        self.page, self.deadline = page, deadline
        self.done = self.taken = 0
        self.failures = Failures()
        good = next(file for file in workflows() if file.name == GOOD)
        self.good = good.read_text("utf-8")
        twin = json.loads(twin_of(good).read_text("utf-8"))
        self.classes = sorted(node["class_type"] for node in twin.values())

    def judge(self, text: str) -> None:
        """Drops a workflow on the page, and then a good one, which must become a prompt."""
        if time.monotonic() > self.deadline:
            return
        self.done += 1
        self.page.evaluate("() => { window.told.length = 0 }")
        self._drop(text, text)
        self.taken += self.page.evaluate("() => app.graph.nodes.length > 0")
        self._drop(self.good, text)
        for stack in filter(is_ours, self.page.evaluate("() => window.told")):
            self._fail(f"{stack:.500}", text)
        if (found := self.page.evaluate(CLASSES)) != self.classes:
            self._fail(f"the page does not go on: it queues {found}", text)
            self._afresh()

    def _drop(self, dropped: str, text: str) -> None:
        from playwright.sync_api import TimeoutError as TooLong

        self.page.evaluate(DROP, dropped)
        try:
            # Of a text that is no JSON the page tells, and never says that it is done with it.
            self.page.wait_for_function(
                "() => window.dropped || window.told.length", timeout=PATIENCE
            )
        except TooLong:
            self._fail("the page hangs", text)
            self._afresh()
        self.page.evaluate(CLOSE)

    def _afresh(self) -> None:
        self.page.reload()
        self.page.wait_for_function(READY, timeout=60_000)

    def _fail(self, fault: str, text: str) -> None:
        self.failures.tell(fault, f"{text:.2000}")
