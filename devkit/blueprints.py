"""`python -m devkit.blueprints`: writes the subgraph blueprints of `subgraphs/`, through the page.

A blueprint is the core of an example workflow as one node, which the page offers among its others.
ComfyUI 0.33 and newer serve a pack's `subgraphs/*.json`; older ones leave them alone. The page
makes the subgraph, so this needs a ComfyUI whose page has blueprints, named in COMFYUI_DIR.
"""

from __future__ import annotations

import json
import re
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devkit import base, places
from devkit.browser import page_of
from devkit.host import HostProcess
from models.files.atomic import whole

FOLDER = places.ROOT / "subgraphs"
OUTSIDE = (
    *("MarkdownNote", "LoadImage", "LoadVideo", "GetVideoComponents", "CreateVideo"),
    *("SaveVideo", "SaveAnimatedWEBP", "SaveImage", "PreviewImage", "ImageFromBatch"),
    *("MotionI2VTrajectoryEditor", "MotionI2VFieldPreview", "MotionI2VSaveMotionField"),
)
"""Kinds of nodes that stay outside: what a user brings, and what a user does with the result.

The editor, too: of a widget that is promoted the page shows the text, and not what draws it.
"""
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
FIELD_SAMPLER = "Motion-Field Sampler"
SAMPLER = "Motion-Augmented AnimateDiff Sampler"
EXTRACTOR = "Dense-Tracker V2V Flow Extractor"


@dataclass(frozen=True)
class Blueprint:
    """One blueprint.

    Args:
        name: what the page calls it, and its file.
        description: what the page says of it.
        aliases: other words that a search finds it by.
        example: the workflow that it is the core of.
        promoted: (title of a node inside, its widget, what the blueprint calls it).
        renamed: inputs and outputs, as the page names them, and what the blueprint calls them.
    """

    name: str
    description: str
    aliases: tuple[str, ...]
    example: str
    promoted: tuple[tuple[str, str, str], ...]
    renamed: tuple[tuple[str, str], ...] = ()


BRUSHED = (("mask", "brush"),)
WORDS = (("Prompt", "text", "prompt"), ("Negative prompt", "text", "negative prompt"))
LONG = (FIELD_SAMPLER, "frames", "frames")
SIZED = (
    (FIELD_SAMPLER, "seed", "seed of the motion"),
    (SAMPLER, "seed", "seed of the video"),
    (SAMPLER, "width", "width"),
)
CHECKPOINT = ("Load Checkpoint", "ckpt_name", "checkpoint")

BLUEPRINTS = (
    Blueprint(
        "Motion-I2V Preview of Drawn Motion",
        "Of a Trajectory Editor's tracks: the motion of all that is brushed, and the picture "
        "moving. No model.",
        ("motion brush", "drag", "animate picture"),
        "draw-and-preview",
        (("Densify Tracks", "reach", "reach"), ("Warp Preview", "fill", "fill")),
        BRUSHED,
    ),
    Blueprint(
        "Motion-I2V Drawn Motion and Prompt to Video",
        "Picture, a Trajectory Editor's tracks and words become a video, through both stages of "
        "Motion-I2V. Frames as many as the tracks have.",
        ("image to video", "i2v", "drag"),
        "picture-arrows-prompt",
        (*WORDS, LONG, *SIZED, CHECKPOINT),
    ),
    Blueprint(
        "Motion-I2V Brushed Motion and Prompt to Video",
        "Picture, brush, a Trajectory Editor's tracks and words become a video; only what is "
        "brushed moves. Frames as many as the tracks have.",
        ("motion brush", "image to video", "i2v"),
        "brush-to-video",
        (*WORDS, LONG, *SIZED, CHECKPOINT),
        BRUSHED,
    ),
    Blueprint(
        "Motion-I2V Motion of a Video to a Picture",
        "Finds how a clip moves, and moves a picture alike. No model.",
        ("motion transfer", "optical flow", "video to video"),
        "transfer-motion",
        (
            (EXTRACTOR, "frames_used", "frames used"),
            ("Transfer Motion", "placing", "placing"),
            ("Transfer Motion", "strength", "strength"),
        ),
        (
            ("frames", "clip"),
            ("motion field", "motion of the clip"),
            ("motion field_1", "motion field"),
        ),
    ),
    Blueprint(
        "Motion-I2V Small Model",
        "Picture, brush, a Trajectory Editor's tracks and words become a small soft video, with "
        "weights that come with the pack: for trying things.",
        ("image to video", "i2v", "no download", "demo"),
        "small-model",
        (*WORDS, LONG, *SIZED),
        BRUSHED,
    ),
)

MAKE = """
async ({ workflow, outside, promoted, renamed, name, width }) => {
    await app.loadGraphData(workflow)
    await new Promise((done) => setTimeout(done, 500))
    const inside = app.graph.nodes.filter((node) => !outside.includes(node.type))
    const { subgraph, node: holder } = app.graph.convertToSubgraph(new Set(inside))
    for (const [title, widget, label] of promoted) {
        const node = subgraph.nodes.find((one) => one.title === title)
        const slot = node.inputs.find((input) => input.widget?.name === widget)
        // The page promotes some widgets, such as prompts and seeds, by itself.
        const there = subgraph.inputs.find((input) => input.linkIds.includes(slot.link))
        if (there) subgraph.renameInput(there, label)
        else subgraph.addInput(label, slot.type).connect(slot, node)
    }
    for (const slot of [...subgraph.inputs]) {
        if (!slot.linkIds.length) subgraph.removeInput(slot)
    }
    for (const [from, to] of renamed) {
        const input = subgraph.inputs.find((slot) => slot.name === from)
        const output = subgraph.outputs.find((slot) => slot.name === from)
        if (input) subgraph.renameInput(input, to)
        else subgraph.renameOutput(output, to)
    }
    subgraph.name = holder.title = name
    holder.setSize([width, holder.computeSize()[1]])
    await new Promise((done) => setTimeout(done, 500))
    return JSON.parse(JSON.stringify(app.graph.serialize()))
}
"""
"""As a user does: the nodes into a subgraph, lines from widgets to its inputs, and names."""
WIDTH = 420


def workflow_of(blueprint: Blueprint, page: Any) -> dict[str, Any]:
    """Returns the blueprint as a workflow of one node, the form that the page reads."""
    example = json.loads((places.EXAMPLES / f"{blueprint.example}.json").read_text("utf-8"))
    made = page.evaluate(
        MAKE,
        {
            "workflow": example,
            "outside": OUTSIDE,
            "promoted": blueprint.promoted,
            "renamed": blueprint.renamed,
            "name": blueprint.name,
            "width": WIDTH,
        },
    )
    (subgraph,) = made["definitions"]["subgraphs"]
    (holder,) = [node for node in made["nodes"] if node["type"] == subgraph["id"]]
    for slot in (*holder["inputs"], *holder["outputs"]):
        if "links" in slot:
            slot["links"] = []
        slot["link"] = None
    for output in holder["outputs"]:
        del output["link"]
    subgraph["description"] = blueprint.description
    subgraph["category"] = "Motion-I2V"
    extra = {
        "BlueprintDescription": blueprint.description,
        "BlueprintSearchAliases": list(blueprint.aliases),
        "workflowRendererVersion": "LG",
    }
    return {
        **{"revision": 0, "last_node_id": holder["id"], "last_link_id": 0, "version": 0.4},
        **{"nodes": [{**holder, "pos": [0, 0], "order": 0}], "links": [], "extra": extra},
        "definitions": {"subgraphs": [subgraph]},
    }


def text_of(blueprint: Blueprint, workflow: dict[str, Any]) -> str:
    """Returns the file's content; ids that the page draws by chance are the same every time."""
    text = json.dumps(workflow, indent=1, ensure_ascii=False) + "\n"
    drawn = dict.fromkeys(UUID.findall(text))
    names = {
        one: uuid.uuid5(uuid.NAMESPACE_URL, f"{blueprint.name}/{n}") for n, one in enumerate(drawn)
    }
    return UUID.sub(lambda found: str(names[found.group()]), text)


def file_of(blueprint: Blueprint) -> Path:
    """Returns where a blueprint lies."""
    return FOLDER / f"{blueprint.name}.json"


def main() -> int:
    """Writes all of them and says where."""
    FOLDER.mkdir(exist_ok=True)
    with HostProcess() as host:
        base.put_photos(host.base)
        base.put_settings(host.base)
        with page_of(host.url) as page:
            for blueprint in BLUEPRINTS:
                text = text_of(blueprint, workflow_of(blueprint, page))
                with whole(file_of(blueprint)) as part:
                    part.write_text(text, "utf-8")
                print(f"written: {file_of(blueprint).relative_to(places.ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
