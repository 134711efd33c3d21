"""ComfyUI's real page in headless Chromium, for the workflow exporter and the browser tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
# The graph is there before the workflow that the page starts with, which would replace what is
# built too early. Newer pages complain of whoever asks for the graph before the canvas is there.
READY = """
() => {
    const page = window.app?.canvas && window.app.graph && window.app.extensionManager
    return page && !page.spinner && page.workflow?.activeWorkflow
}
"""

ASKED = """
(path) => performance.getEntriesByType('resource').some((one) => one.name.endsWith(path))
"""
"""Whether the page has asked the host for a path: what a page does not know it does not ask for."""


def find_chromium() -> str | None:
    """Returns the Chromium (or Chrome) to use: the one named in CHROMIUM, else one on PATH."""
    named = os.environ.get("CHROMIUM")
    names = [named] if named else ["chromium", "chromium-browser", "google-chrome"]
    return next((path for path in map(shutil.which, names) if path), None)


@contextmanager
def page_of(url: str, width: int = 1600, height: int = 1000) -> Iterator[Any]:
    """Opens ComfyUI at `url` and yields the playwright page once its first graph is there.

    Raises:
        RuntimeError: where no Chromium is found.
    """
    from playwright.sync_api import sync_playwright

    chromium = find_chromium()
    if chromium is None:
        raise RuntimeError(
            "no Chromium found: install it (Debian: apt install chromium) or name it in CHROMIUM"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        try:
            page = browser.new_page(viewport={"width": width, "height": height})
            page.add_init_script("performance.setResourceTimingBufferSize(5000)")  # for ASKED
            page.goto(url)
            page.wait_for_function(READY, timeout=60_000)
            yield page
        finally:
            browser.close()
