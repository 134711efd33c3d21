"""Two copies of the pack make one editor, and the page does not complain of them."""

import pytest

from devkit import base
from devkit.browser import find_chromium, page_of
from tests.browser.editor_page import EditorPage
from tests.copies import GIT, REGISTRY, host_with

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="no Chromium found")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copies")
    base.put_photos(folder)
    base.reset_settings(folder)
    with host_with(folder, GIT, REGISTRY) as process, page_of(process.url) as opened:
        said = []
        opened.on("console", lambda message: message.type == "error" and said.append(message.text))
        opened.reload()
        opened.wait_for_function("() => window.app?.extensionManager?.workflow?.activeWorkflow")
        yield opened, said


def test_the_editor_is_there_once(page):
    opened, said = page
    assert [text for text in said if "MotionI2V" in text or "motion-i2v" in text] == []
    editor = EditorPage(opened, vue=False)
    editor.build("rocket.png", (640, 426))
    assert opened.locator(".mi2v-stage").count() == 1
    editor.drag((0.2, 0.3), (0.5, 0.5))
    assert len(editor.paths) == 1
