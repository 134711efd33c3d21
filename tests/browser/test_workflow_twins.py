"""The example workflows and their API twins agree, as ComfyUI's real page sees them."""

import json

import pytest

from devkit import base, workflows
from devkit.browser import find_chromium, page_of
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
def test_the_page_exports_exactly_the_twin(page, file):
    ui = json.loads(file.read_text("utf-8"))
    saved, api = workflows.export(page, ui)
    twin = json.loads(workflows.twin_of(file).read_text("utf-8"))
    # Not `assert a == b`: the whole difference of two workflows fills thousands of lines.
    different = [f"API node {key}" for key in {*api, *twin} if api.get(key) != twin.get(key)]
    different += [f"UI {key}" for key in {*saved, *ui} if saved.get(key) != ui.get(key)]
    assert not different, "run `python dev.py workflows`"


def test_every_workflow_has_a_twin_and_a_picture():
    files = workflows.workflows()
    assert files
    assert {workflows.twin_of(file) for file in files} == set(workflows.TWINS.glob("*.json"))
    for file in files:
        assert file.with_suffix(".jpg").is_file()
