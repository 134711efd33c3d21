"""ComfyUI's page with an editor on it, one page a module and renderer."""

from collections.abc import Iterator

import pytest
from PIL import Image

from devkit import base
from devkit.browser import page_of
from tests.browser.editor_page import BLUE, RED, EditorPage
from tests.host_process import HostProcess


@pytest.fixture(scope="module", params=[False, True], ids=["classic", "vue"])
def opened(request: pytest.FixtureRequest, host: HostProcess) -> Iterator[EditorPage]:
    base.put_settings(host.base)
    base.put_photos(host.base)
    for name, color, size in (("red.png", RED, (300, 200)), ("blue.png", BLUE, (200, 300))):
        Image.new("RGB", size, color).save(host.input_dir / name)
    with page_of(host.url) as page:
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield EditorPage(page, vue=request.param)
        assert not [error for error in errors if "mi2v" in error or "editor/" in error]


@pytest.fixture
def editor(opened: EditorPage) -> EditorPage:
    opened.build("red.png", (300, 200))
    return opened
