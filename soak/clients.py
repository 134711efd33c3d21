"""The host that rows queue prompts to, and the prompts: example workflows, made small."""

from __future__ import annotations

import copy
import random
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

from devkit import base, places
from devkit.host import HostProcess, Prompt
from devkit.workflows import needs_weights
from testing.example_prompts import TWINS, changed, on_the_small_model, twin

SMALL = {"steps": 2, "frames": 9, "frames_used": 9, "working_side": 256}
NODES = "soak_nodes.py"
SIZED = (
    "MotionI2VMotionFieldSampler",
    "MotionI2VMotionFieldConditioning",
    "MotionI2VAnimateDiffSampler",
    "MotionI2VMCDiffSampler",
    "ImageScale",
)
CLASSIC = ("--cache-classic",)
"""The last prompt's results. Newer caches keep what the memory has room for: seeming to leak."""
NUMBER = re.compile(r"\d+(\.\d+)?")
SEEDS = ("seed", "noise_seed")
STRENGTHS = ("reach", "strength", "opacity")


@contextmanager
def running_host(scale: float = 1, cache: tuple[str, ...] = CLASSIC) -> Iterator[HostProcess]:
    """A host with the pack, the nodes of host_nodes.py and the example photos, at a scale.

    Args:
        scale: of the photos.
        cache: ComfyUI's option for what it keeps of earlier prompts.
    """
    with TemporaryDirectory() as folder:
        custom_nodes = Path(folder) / "custom_nodes"
        custom_nodes.mkdir()
        shutil.copyfile(Path(__file__).with_name("host_nodes.py"), custom_nodes / NODES)
        put_photos(Path(folder), scale)
        flags = ("--whitelist-custom-nodes", places.PACK, NODES, *cache)
        with HostProcess(base=Path(folder), arguments=flags) as host:
            yield host


def put_photos(folder: Path, scale: float) -> None:
    """Puts the example photos into the input folder of a base directory, smaller ones."""
    base.put_photos(folder)
    for file in (folder / "input").glob("*.*"):
        if scale != 1 and file.suffix in (".png", ".jpg"):
            with Image.open(file) as photo:
                size = (round(photo.width * scale), round(photo.height * scale))
                small = photo.resize(size, Image.Resampling.NEAREST)
            small.save(file)


def example_prompts(scale: float = 1, width: int = 160, **values: Any) -> dict[str, Prompt]:
    """The example workflows that run here, on the small model where they need one.

    Args:
        scale: of the photos; texts of tracks are written in their pixels.
        width: that samplers and scaled pictures have at most, px.
        values: of widgets, by their names, on whatever nodes.
    """
    names = sorted(file.stem for file in TWINS.glob("*.json"))
    found = {name: on_the_small_model(twin(name)) for name in names}
    found = {name: changed(p, **values) for name, p in found.items() if not needs_weights(p)}
    for prompt in found.values():
        for entry in prompt.values():
            inputs = entry["inputs"]
            if entry["class_type"] in SIZED:
                smaller = min(1, width / max(inputs["width"], 1))
                for side in ("width", "height"):
                    inputs[side] = round(smaller * inputs[side])
            if entry["class_type"] == "MotionI2VTracksFromText" and isinstance(inputs["text"], str):
                inputs["text"] = NUMBER.sub(
                    lambda found: f"{scale * float(found[0]):g}", inputs["text"]
                )
    return found


def varied(prompt: Prompt, number: int, choose: random.Random) -> Prompt:
    """A copy of which no result is known yet: another seed, or values that differ by a hair."""
    prompt = copy.deepcopy(prompt)
    for entry in prompt.values():
        inputs = entry["inputs"]
        for name in inputs:
            if isinstance(inputs[name], list):
                continue
            if name in SEEDS:
                inputs[name] = choose.randrange(2**32)
            elif name in STRENGTHS:
                inputs[name] *= 1 - 1e-7 * number
            elif name == "working_side":
                inputs[name] += number % 64
            elif name in ("drawing", "text") and entry["class_type"].startswith("MotionI2V"):
                inputs[name] += " " * number
    return prompt


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def with_ancestors(prompt: Prompt, name: str) -> Prompt:
    """A node of a prompt, and those that it hangs on."""
    needed, found = [name], set()
    while needed:
        found.add(key := needed.pop())
        values = prompt[key]["inputs"].values()
        needed += [v[0] for v in values if isinstance(v, list) and v[0] not in found]
    return {key: prompt[key] for key in prompt if key in found}
