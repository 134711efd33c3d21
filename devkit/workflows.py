"""`python dev.py workflows`: re-saves the example workflows through the real frontend.

A workflow in UI format is what a person edits; its API twin in `example_workflows/api/` is what
the demo and the tests queue. Only the frontend knows how to turn one into the other, so this
loads each workflow into ComfyUI's page and lets the page write both. Where a twin has changed, it
also runs it and makes the picture that stands for the workflow among ComfyUI's templates; of one
that needs weights, which are not at hand here, it shows the page.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from devkit import base, frontends, places, promises
from devkit.browser import page_of
from devkit.host import HostProcess
from models.files.atomic import whole

TWINS = places.EXAMPLES / "api"
EXPORT = """
async (workflow) => {
    await app.loadGraphData(workflow)
    await new Promise((done) => setTimeout(done, 500))  // widgets that settle after loading
    const { workflow: saved, output } = await app.graphToPrompt()
    // Not by `has_errors`: newer pages mark a loader so where its file is not there.
    const known = LiteGraph.registered_node_types
    const graphs = [app.graph, ...(app.graph.subgraphs?.values() ?? [])]
    const types = graphs.flatMap((graph) => graph.nodes.map((node) => node.type))
    const unknown = [...new Set(types.filter((type) => !(type in known)))]
    // Once through text: what the page leaves undefined must not come back as null, which it would
    // complain of when it loads the workflow again.
    return JSON.parse(JSON.stringify({ saved, output, unknown }))
}
"""


FIT = """
async () => {
    app.ui.settings.setSettingValue?.('Comfy.Minimap.Visible', false)
    const canvas = app.canvas
    canvas.low_quality_zoom_threshold = canvas.min_font_size_for_lod = 0
    const left = Math.min(...app.graph.nodes.map((node) => node.pos[0])) - 30
    const top = Math.min(...app.graph.nodes.map((node) => node.pos[1])) - 100
    const right = Math.max(...app.graph.nodes.map((node) => node.pos[0] + node.size[0])) + 20
    const bottom = Math.max(...app.graph.nodes.map((node) => node.pos[1] + node.size[1])) + 20
    const scale = Math.min(1600 / (right - left), 1000 / (bottom - top))
    canvas.ds.scale = scale
    canvas.ds.offset = [100 / scale - left, 150 / scale - top]
    canvas.setDirty(true, true)
    await new Promise((done) => setTimeout(done, 1500))
    return { x: 100, y: 150, width: scale * (right - left), height: scale * (bottom - top) }
}
"""
WEIGHTS = {
    *("CheckpointLoaderSimple", "VAELoader", "UNETLoader", "CLIPLoader"),
    *("MotionI2VLoadFlowVAE", "MotionI2VLoadMotionFieldModel", "MotionI2VLoadMotionModule"),
    *(
        "MotionI2VLoadTrajectoryControlNet",
        "MotionI2VLoadDenseTracker",
        "MotionI2VConvertCheckpoint",
    ),
}


def workflows() -> list[Path]:
    """Returns the example workflows in UI format."""
    return sorted(places.EXAMPLES.glob("*.json"))


def twin_of(workflow: Path) -> Path:
    """Returns where the API twin of a workflow lies; the host's template list skips folders."""
    return TWINS / workflow.name


def needs_weights(twin: dict[str, Any]) -> bool:
    """Returns whether a workflow (API format) loads a checkpoint."""
    return not WEIGHTS.isdisjoint(node["class_type"] for node in twin.values())


def export(page: Any, workflow: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Loads a workflow into ComfyUI's page and returns what the page saves: (UI, API) format.

    Raises:
        ValueError: where the page does not know a node's type.
    """
    done = page.evaluate(EXPORT, workflow)
    if done["unknown"]:
        raise ValueError(f"the page can't load these nodes: {', '.join(done['unknown'])}")
    saved = done["saved"]
    # Where the person who saved it had scrolled to is kept, not where the exporter happened to be.
    saved["extra"]["ds"] = workflow.get("extra", {}).get("ds", saved["extra"].get("ds"))
    return saved, done["output"]


def text_of(content: dict[str, Any]) -> str:
    """Returns the file content for a workflow."""
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def put_picture(host: HostProcess, workflow: Path, twin: dict[str, Any]) -> Path:
    """Runs a workflow and keeps the picture that it saves as the one shown for it."""
    from PIL import Image

    saved = [file for file in host.files(host.run(twin)) if file.suffix == ".png"]
    target = workflow.with_suffix(".jpg")
    with whole(target) as part:
        Image.open(saved[0]).convert("RGB").save(part, "JPEG", quality=88)
    return target


def put_picture_of_page(page: Any, workflow: Path) -> Path:
    """Keeps a picture of the whole graph, which the page has just loaded."""
    from PIL import Image

    before = page.viewport_size
    page.set_viewport_size({"width": 1900, "height": 1300})
    shot = workflow.with_suffix(".png")
    page.screenshot(path=shot, clip=page.evaluate(FIT))
    page.set_viewport_size(before)
    target = workflow.with_suffix(".jpg")
    with whole(target) as part:
        Image.open(shot).convert("RGB").save(part, "JPEG", quality=88)
    shot.unlink()
    return target


def is_writer() -> bool:
    """Returns whether the page is the one that writes the files: the oldest supported one's."""
    return places.own_comfyui() is None and not frontends.flags()


def differences(file: Path, saved: dict[str, Any], api: dict[str, Any]) -> list[str]:
    """Returns what of a workflow's two files the page has not kept in its export (UI, API format).

    They are equal to what the page writes that wrote them. Any other has keys of its own, and must
    keep what the files say.
    """
    kept = json.loads(file.read_text("utf-8"))
    twin = json.loads(twin_of(file).read_text("utf-8"))
    if is_writer():
        nodes = [key for key in {*twin, *api} if twin.get(key) != api.get(key)]
        keys = [key for key in {*kept, *saved} if kept.get(key) != saved.get(key)]
        return [f"node {key} of the prompt" for key in nodes] + keys
    return promises.lost(kept, saved) + promises.lost_of_prompt(twin, api, kept)


def write(host: HostProcess, page: Any, file: Path, check: bool) -> list[Path]:
    """Writes a workflow, which the page is given, its twin and, where one changed, its picture.

    Returns:
        the files that changed; with `check`, the first two that would.
    """
    ui, api = export(page, json.loads(file.read_text("utf-8")))
    texts = {file: text_of(ui), twin_of(file): text_of(api)}
    stale = [f for f, text in texts.items() if not f.exists() or f.read_text("utf-8") != text]
    if check:
        return stale
    for target in stale:
        with whole(target) as part:
            part.write_text(texts[target], "utf-8")
    if not stale and file.with_suffix(".jpg").exists():
        return []
    picture = (
        put_picture_of_page(page, file) if needs_weights(api) else put_picture(host, file, api)
    )
    return [*stale, picture]


def main(arguments: list[str]) -> int:
    """Writes every pair; with `--check`, only says which files would change.

    With a ComfyUI or a frontend of the user's choice it writes nothing, and says what that page
    does not keep: the oldest supported one writes the files, so that every other can read them.
    """
    check = "--check" in arguments
    TWINS.mkdir(exist_ok=True)
    said = []
    with HostProcess() as host:
        base.put_photos(host.base)
        base.put_settings(host.base)
        with page_of(host.url) as page:
            for file in workflows():
                name = file.relative_to(places.ROOT)
                if not is_writer():
                    lost = differences(file, *export(page, json.loads(file.read_text("utf-8"))))
                    said += [f"lost of {name}: {each}" for each in lost]
                else:
                    changed = write(host, page, file, check)
                    verb = "differs" if check else "written"
                    said += [f"{verb}: {target.relative_to(places.ROOT)}" for target in changed]
    print("\n".join(said) or "All example workflows are as the page saves them.")
    return int((check or not is_writer()) and bool(said))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
