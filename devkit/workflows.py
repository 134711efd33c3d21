"""`python dev.py workflows`: re-saves the example workflows through the real frontend.

A workflow in UI format is what a person edits; its API twin in `example_workflows/api/` is what
the demo and the tests queue. Only the frontend knows how to turn one into the other, so this
loads each workflow into ComfyUI's page and lets the page write both. Where a twin has changed, it
also runs it and makes the picture that stands for the workflow among ComfyUI's templates; of one
that needs weights, which are not at hand here, it shows the page.

The private, oldest ComfyUI writes all that it has the nodes for. An example with newer core nodes
is written by a ComfyUI that has them (`COMFYUI_DIR=... python -m devkit.workflows`), and from then
on by that frontend, which has put its version into the file.
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
    // Widgets settle after loading; that of a video comes when a busy page has loaded it.
    const waits = (node) =>
        node.previewMediaType === 'video' && !node.widgets.some((w) => w.name === 'video-preview')
    let turns = 0
    do await new Promise((done) => setTimeout(done, 500))
    while (app.graph.nodes.some(waits) && ++turns < 20)
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
    // Newer pages say of every loader that its file is not there.
    document.querySelector('[data-testid=error-overlay]')?.remove()
    app.graph.nodes.forEach((node) => (node.has_errors = false))
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


class NodesLacking(ValueError):
    """A workflow has nodes that the page, and so its ComfyUI, does not know."""

    def __init__(self, nodes: list[str]) -> None:
        super().__init__(f"the page can't load these nodes: {', '.join(nodes)}")


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
        NodesLacking: where the page does not know a node's type.
    """
    done = page.evaluate(EXPORT, workflow)
    if done["unknown"]:
        raise NodesLacking(done["unknown"])
    saved = done["saved"]
    # Where the person who saved it had scrolled to is kept, not where the exporter happened to be.
    saved["extra"]["ds"] = workflow.get("extra", {}).get("ds", saved["extra"].get("ds"))
    return saved, done["output"]


def text_of(content: dict[str, Any]) -> str:
    """Returns the file content for a workflow."""
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def put_jpeg(picture: Path, target: Path) -> None:
    """Writes a picture anew as a JPEG."""
    from PIL import Image

    with whole(target) as part:
        Image.open(picture).convert("RGB").save(part, "JPEG", quality=88)


def put_picture(host: HostProcess, workflow: Path, twin: dict[str, Any]) -> Path:
    """Runs a workflow and keeps the picture that it saves as the one shown for it."""
    saved = [file for file in host.files(host.run(twin)) if file.suffix == ".png"]
    target = workflow.with_suffix(".jpg")
    put_jpeg(saved[0], target)
    return target


def put_picture_of_page(page: Any, workflow: Path) -> Path:
    """Keeps a picture of the whole graph, which the page has just loaded."""
    before = page.viewport_size
    page.set_viewport_size({"width": 1900, "height": 1300})
    shot = workflow.with_suffix(".png")
    page.screenshot(path=shot, clip=page.evaluate(FIT))
    page.set_viewport_size(before)
    target = workflow.with_suffix(".jpg")
    put_jpeg(shot, target)
    shot.unlink()
    return target


def is_writer(frontend: str, workflow: dict[str, Any]) -> bool:
    """Returns whether a page of this frontend's version writes a workflow (UI format).

    That is the oldest supported ComfyUI's; of one that it lacks nodes for, the page that wrote it
    last, or any that can where none has yet.
    """
    own = places.own_comfyui() is None or not _of_another(frontend, workflow)
    return own and not frontends.flags()


def may_lack(page: Any, workflow: dict[str, Any]) -> bool:
    """Returns whether a workflow may have nodes that the page lacks: another one wrote it."""
    return _of_another(page.evaluate("window.__COMFYUI_FRONTEND_VERSION__"), workflow)


def _of_another(frontend: str, workflow: dict[str, Any]) -> bool:
    return workflow.get("extra", {}).get("frontendVersion", frontend) != frontend


def differences(file: Path, saved: dict[str, Any], api: dict[str, Any]) -> list[str]:
    """Returns what of a workflow's two files the page has not kept in its export (UI, API format).

    They are equal to what the page writes that wrote them. Any other has keys of its own, and must
    keep what the files say.
    """
    kept = json.loads(file.read_text("utf-8"))
    twin = json.loads(twin_of(file).read_text("utf-8"))
    if is_writer(saved["extra"]["frontendVersion"], kept):
        nodes = [key for key in {*twin, *api} if twin.get(key) != api.get(key)]
        keys = [key for key in {*kept, *saved} if kept.get(key) != saved.get(key)]
        return [f"node {key} of the prompt" for key in nodes] + keys
    return promises.lost(kept, saved) + promises.lost_of_prompt(twin, api, kept)


def write(
    host: HostProcess, page: Any, file: Path, exported: tuple[dict, dict], check: bool
) -> list[Path]:
    """Writes what the page has exported (UI, API format) and, where it changed, the picture.

    Returns:
        the files that changed; with `check`, the first two that would.
    """
    ui, api = exported
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


def tell(host: HostProcess, page: Any, file: Path, check: bool) -> list[str]:
    """Writes a workflow where this page is its writer, and returns what is to be said of it.

    Raises:
        NodesLacking: where the page should know the workflow's nodes, and does not.
    """
    name, kept = file.relative_to(places.ROOT), json.loads(file.read_text("utf-8"))
    try:
        exported = export(page, kept)
    except NodesLacking as lacking:
        if not may_lack(page, kept):
            raise
        print(f"left as it is: {name}: {lacking}")
        return []
    if not is_writer(exported[0]["extra"]["frontendVersion"], kept):
        return [f"lost of {name}: {each}" for each in differences(file, *exported)]
    verb = "differs" if check else "written"
    changed = write(host, page, file, exported, check)
    return [f"{verb}: {target.relative_to(places.ROOT)}" for target in changed]


def main(arguments: list[str]) -> int:
    """Writes every pair; with `--check`, only says which files would change.

    With a ComfyUI or a frontend of the user's choice it writes only what needs that ComfyUI, and
    says what its page does not keep of the rest: the oldest supported one writes that, so that
    every other can read it.
    """
    check = "--check" in arguments
    TWINS.mkdir(exist_ok=True)
    said = []
    with HostProcess() as host:
        base.put_photos(host.base)
        base.put_settings(host.base)
        with page_of(host.url) as page:
            for file in workflows():
                said += tell(host, page, file, check)
    print("\n".join(said) or "All example workflows are as the page saves them.")
    return int(any(check or not one.startswith("written") for one in said))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
