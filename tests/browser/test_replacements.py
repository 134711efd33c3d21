"""A workflow of the older Motion-I2V wrapper, opened in ComfyUI's page: our node in its place."""

import urllib.error

import pytest

from devkit import base
from devkit.browser import ASKED, find_chromium, page_of
from tests.host_process import HostProcess

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="no Chromium found")

ARROWS = "300,200,340,120"
OLD = {
    **{"version": 0.4, "last_node_id": 3, "last_link_id": 2, "groups": [], "config": {}},
    "extra": {},
    "nodes": [
        {
            **{"id": 1, "type": "LoadImage", "pos": [0, 0], "size": [300, 300], "flags": {}},
            **{"order": 0, "mode": 0, "inputs": [], "properties": {}},
            "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [1]}],
            "widgets_values": ["rocket.png", "image"],
        },
        {
            **{"id": 2, "type": "MotionPainter", "pos": [400, 0], "size": [400, 400], "flags": {}},
            **{"order": 1, "mode": 0, "properties": {}},
            "inputs": [{"name": "image", "type": "IMAGE", "link": 1}],
            "outputs": [
                {"name": "IMAGE", "type": "IMAGE", "links": None},
                {"name": "STRING", "type": "STRING", "links": [2]},
            ],
            "widgets_values": [ARROWS],
        },
        {
            **{"id": 3, "type": "PreviewAny", "pos": [900, 0], "size": [300, 300], "flags": {}},
            **{"order": 2, "mode": 0, "outputs": [], "properties": {}},
            "inputs": [{"name": "source", "type": "*", "link": 2}],
        },
    ],
    "links": [[1, 1, 0, 2, 0, "IMAGE"], [2, 2, 1, 3, 0, "STRING"]],
}


def test_the_page_puts_our_node_in_its_place(host: HostProcess):
    try:
        host.get("/node_replacements")
    except urllib.error.HTTPError:
        pytest.skip("this ComfyUI has no node replacement API (new in 0.33)")
    base.put_photos(host.base)
    base.reset_settings(host.base)
    with page_of(host.url) as page:
        if not page.evaluate(ASKED, "/node_replacements"):
            pytest.skip("this page does not ask for node replacements (1.49.6 does)")
        page.evaluate("async (workflow) => { await app.loadGraphData(workflow) }", OLD)
        page.get_by_test_id("error-overlay-see-errors").click()
        page.get_by_role("button", name="Replace Node").click()
        page.wait_for_function("() => app.graph.getNodeById(2).type === 'MotionI2VTracksFromText'")
        prompt = page.evaluate("async () => (await app.graphToPrompt()).output")
    assert prompt["2"]["inputs"]["text"] == ARROWS
    assert prompt["2"]["inputs"]["format"] == "lines"
    assert prompt["2"]["inputs"]["picture"] == ["1", 0]
    assert prompt["3"]["inputs"]["source"] == ["2", 0]
    result = host.run(prompt)
    assert result.succeeded, result.errors
