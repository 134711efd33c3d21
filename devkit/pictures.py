"""`python dev.py pictures`: makes the pictures that README.md shows, through the real page."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from devkit import base, places
from devkit.browser import page_of
from devkit.demo import read_twin
from devkit.host import HostProcess
from devkit.workflows import put_jpeg

PICTURES = places.ROOT / "docs" / "pictures"
SHOWN = ("draw-and-preview", "brush-only", "several-regions")
SHOWN_PART = {"x": 60, "y": 80, "width": 1080, "height": 720}
SHOW_WORKFLOW = """
async (workflow) => {
    app.ui.settings.setSettingValue?.('Comfy.Minimap.Visible', false)
    await app.loadGraphData(workflow)
    await new Promise((done) => setTimeout(done, 1500))
    const editor = app.graph.nodes.find((node) => node.type === 'MotionI2VTrajectoryEditor')
    app.canvas.ds.scale = 0.9
    app.canvas.ds.offset = [440 / 0.9 - editor.pos[0], 150 / 0.9 - editor.pos[1]]
    app.canvas.setDirty(true, true)
    await new Promise((done) => setTimeout(done, 1500))
}
"""


def run_workflow(host: HostProcess, name: str) -> list[Path]:
    """Runs an example workflow and keeps its animation and its motion field's picture."""
    kept = []
    for file in host.files(host.run(read_twin(name))):
        if file.suffix in (".webp", ".png"):
            target = PICTURES / f"{name}{file.suffix}"
            shutil.copyfile(file, target)
            kept.append(target)
    return kept


def show_editor(page: Any) -> Path:
    """Takes a picture of the first example as a user sees it."""
    workflow = json.loads((places.EXAMPLES / f"{SHOWN[0]}.json").read_text("utf-8"))
    page.evaluate(SHOW_WORKFLOW, workflow)
    target = PICTURES / "editor.jpg"
    shot = target.with_suffix(".png")
    page.screenshot(path=shot, clip=SHOWN_PART)
    put_jpeg(shot, target)
    shot.unlink()
    return target


def main(_: list[str]) -> int:
    """Writes all pictures and says where."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with HostProcess() as host:
        base.put_photos(host.base)
        base.put_settings(host.base)
        written = [file for name in SHOWN for file in run_workflow(host, name)]
        with page_of(host.url, 1280, 860) as page:
            written.append(show_editor(page))
    for file in written:
        print(f"written: {file.relative_to(places.ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
