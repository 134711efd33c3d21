"""The example workflows and their API twins agree, as ComfyUI's real page sees them."""

import json
import time

import pytest

from devkit import base, places, workflows
from devkit.browser import find_chromium, page_of
from soak import pages
from tests.host_process import HostProcess

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="no Chromium found")


@pytest.fixture(scope="module")
def page(host: HostProcess):
    base.put_photos(host.base)
    # The host is shared: another test may have left the page in its Vue renderer.
    base.reset_settings(host.base)
    with page_of(host.url) as opened:
        yield opened


@pytest.mark.parametrize("file", workflows.workflows(), ids=lambda file: file.stem)
def test_the_page_keeps_the_workflow_and_exports_its_twin(page, file):
    workflow = json.loads(file.read_text("utf-8"))
    try:
        saved, api = workflows.export(page, workflow)
    except workflows.NodesLacking as lacking:
        if not workflows.may_lack(page, workflow):
            raise
        pytest.skip(f"another ComfyUI's page wrote it: {lacking}")
    different = workflows.differences(file, saved, api)
    assert not different, "run `python dev.py workflows`"


NOWHERE = {"id": 99, "type": "NodeOfAPackThatIsNotInstalled", "pos": [0, 0], "size": [200, 60]}


def test_a_node_type_that_the_page_does_not_know_is_named(page):
    workflow = json.loads(workflows.workflows()[0].read_text("utf-8"))
    workflow["nodes"].append(NOWHERE)
    with pytest.raises(ValueError, match="NodeOfAPackThatIsNotInstalled"):
        workflows.export(page, workflow)


def test_a_loader_whose_file_is_not_there_is_a_known_node(page, host: HostProcess):
    workflow = json.loads((places.EXAMPLES / "core-ksampler.json").read_text("utf-8"))
    assert "CheckpointLoaderSimple" in {node["type"] for node in workflow["nodes"]}
    assert not list((host.base / "models").rglob("*.safetensors"))
    workflows.export(page, workflow)


def test_damaged_workflows_hurt_nothing_and_the_page_goes_on(page):
    tally = pages.treat(page, 4, time.monotonic() + 3600, seed=1)
    assert tally.failures == []
    assert tally.done == 4


def test_every_workflow_has_a_twin_and_a_picture():
    files = workflows.workflows()
    assert files
    assert {workflows.twin_of(file) for file in files} == set(workflows.TWINS.glob("*.json"))
    for file in files:
        assert file.with_suffix(".jpg").is_file()
