"""Workflows that were saved when the loader was told the windows' overlap, in ComfyUI's page."""

import pytest

from devkit import base
from devkit.browser import find_chromium, page_of
from tests.host_process import HostProcess

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="no Chromium found")

FILE = "stage1/StableDiffusion-FlowGen/unet/diffusion_pytorch_model.bin"
BARE = {"size": [300, 300], "flags": {}, "mode": 0, "properties": {}}
SAVED = {
    **{"version": 0.4, "last_node_id": 2, "last_link_id": 1, "groups": [], "config": {}},
    "extra": {},
    "nodes": [
        {
            **{"id": 1, "type": "MotionI2VLoadMotionFieldModel", "pos": [0, 0], "order": 0},
            **{**BARE, "inputs": [], "widgets_values": [FILE, "auto", 8]},
            "outputs": [{"name": "model", "type": "MODEL", "links": [1]}],
        },
        {
            **{"id": 2, "type": "MotionI2VMotionFieldSampler", "pos": [400, 0], "order": 1},
            **{**BARE, "inputs": [{"name": "model", "type": "MODEL", "link": 1}]},
            "widgets_values": [
                *(31, "4", 512, 0, "crop", 42, "fixed", 25, 7, "euler", "DDIM leading", 0.9)
            ],
            "outputs": [{"name": "field", "type": "MOTION_FIELD", "links": None}],
        },
    ],
    "links": [[1, 1, 0, 2, 0, "MODEL"]],
}
LOADED = {"file": FILE, "precision": "auto", "window_overlap": 8}
SAMPLED = {
    **{"model": ["1", 0], "frames": 31, "stride": "4", "width": 512, "height": 0, "fit": "crop"},
    **{"seed": 42, "steps": 25, "cfg": 7, "sampler_name": "euler", "scheduler": "DDIM leading"},
    **{"denoise": 0.9, "window_overlap": -1},
}
OPEN = "async (workflow) => { await app.loadGraphData(workflow) }"
PROMPT = "async () => (await app.graphToPrompt()).output"
VUE = "app.extensionManager.setting.set('Comfy.VueNodes.Enabled', true)"
SHOWN = """
() => app.graph.getNodeById(1).widgets.filter((widget) => !widget.hidden).map(({ name }) => name)
"""


@pytest.mark.parametrize("vue", [False, True], ids=["canvas", "Nodes 2.0"])
def test_the_loaders_value_stays_and_is_queued_without_a_widget(host: HostProcess, vue):
    base.reset_settings(host.base)
    with page_of(host.url) as page:
        if vue:
            page.evaluate(VUE)
        workflow = SAVED
        for _ in ("opened", "saved and opened again"):
            page.evaluate(OPEN, workflow)
            prompt = page.evaluate(PROMPT)
            assert prompt["1"]["inputs"] == LOADED
            assert prompt["2"]["inputs"] == SAMPLED
            assert page.evaluate(SHOWN) == ["file", "precision"]
            workflow = page.evaluate("() => JSON.parse(JSON.stringify(app.graph.serialize()))")
        if vue:
            page.wait_for_selector("[data-node-id='1']")
            assert page.get_by_text("precision", exact=True).count()
            assert not page.locator("[data-node-id='1']").get_by_text("window_overlap").count()
    base.reset_settings(host.base)
