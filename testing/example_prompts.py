"""The example workflows as prompts (API format), changed so that they run here."""

from __future__ import annotations

import copy
import json
from typing import Any

from testing.pack import ROOT

TWINS = ROOT / "example_workflows" / "api"
Prompt = dict[str, dict[str, Any]]

LOADER = "MotionI2VLoadSmallModel"
MODEL, CLIP, VAE, FLOW_VAE, CONTROL, MODULE, FIELD_MODEL = range(7)
IN_PLACE_OF = {
    ("CheckpointLoaderSimple", 0): MODEL,
    ("CheckpointLoaderSimple", 1): CLIP,
    ("CheckpointLoaderSimple", 2): VAE,
    ("UNETLoader", 0): MODEL,
    ("VAELoader", 0): VAE,
    ("MotionI2VLoadFlowVAE", 0): FLOW_VAE,
    ("MotionI2VLoadTrajectoryControlNet", 0): CONTROL,
    ("MotionI2VLoadMotionModule", 0): MODULE,
    ("MotionI2VLoadMotionFieldModel", 0): FIELD_MODEL,
}


def twin(name: str) -> Prompt:
    """An example workflow in API format."""
    return json.loads((TWINS / f"{name}.json").read_text("utf-8"))


def changed(prompt: Prompt, **values: Any) -> Prompt:
    """A copy in which every widget of these names, on whatever node, has another value."""
    prompt = copy.deepcopy(prompt)
    for entry in prompt.values():
        for name in values.keys() & entry["inputs"].keys():
            if not isinstance(entry["inputs"][name], list):
                entry["inputs"][name] = values[name]
    return prompt


def on_the_small_model(prompt: Prompt) -> Prompt:
    """A copy whose loaders are replaced by Load Small Model."""
    kinds = {key: entry["class_type"] for key, entry in prompt.items()}
    loaders = {key for key, kind in kinds.items() if (kind, 0) in IN_PLACE_OF}
    kept = copy.deepcopy({key: entry for key, entry in prompt.items() if key not in loaders})
    for entry in kept.values():
        for name, value in entry["inputs"].items():
            if isinstance(value, list) and value[0] in loaders:
                entry["inputs"][name] = ["small", IN_PLACE_OF[kinds[value[0]], value[1]]]
    return {"small": {"class_type": LOADER, "inputs": {}}, **kept}
