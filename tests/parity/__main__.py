"""Compares the pack with the fixtures in a folder: `python -m tests.parity DIR [FAMILY ...]`.

Prints one JSON line a family and exits with 1 where one misses its bar or cannot be run. A family
is a module of this package with `NETWORKS` (that weights.json must have), `BAR` (of the relative
error) and `run(folder) -> {output: relative error}`. What a fixture lacks is not compared, and the
line says so.
"""

import argparse
import gc
import importlib
import json
import math
import sys
import traceback
from pathlib import Path

from testing.comfyui import load_host
from tests.parity.seeded import Folder, Lacking, LackingInput

FAMILIES = (
    "splat_avg",
    "drag_plain",
    "drag_region",
    "flow_vae",
    "stage1_forward",
    "stage1_pipeline",
    "stage2_forward",
    "stage2_pipeline",
    "dot_raft",
    "dot_boundary",
    "dot_nearest",
    "dot_refiner",
    "dot_embeddings",
    "dot_cotracker_core",
    "dot_cotracker_predictor",
    "dot_pipeline_motioni2v",
    "dot_pipeline_upstream",
    "alltracker",
    "alltracker_tiny",
)
# The dense tracker's fixtures came with names of their own.
FILES = {
    "dot_raft": "raft_patch_8",
    "dot_boundary": "motion_boundary",
    "dot_nearest": "interpolation",
    "dot_refiner": "refiner_patch_4_alpha",
    "dot_embeddings": "embeddings",
    "dot_cotracker_core": "cotracker_core",
    "dot_cotracker_predictor": "cotracker_predictor",
}


def compare(family: str, folder: Folder) -> dict:
    """The line of one family."""
    file = f"{FILES.get(family, family)}.safetensors"
    if not (folder.path / file).is_file():
        return {"family": family, "skipped": f"the folder has no {file}"}
    if not (Path(__file__).parent / f"{family}.py").is_file():
        return {"family": family, "skipped": "not implemented"}
    module = importlib.import_module(f"tests.parity.{family}")
    lacking = [net for net in module.NETWORKS if not folder.has(net)]
    if lacking:
        return {"family": family, "skipped": f"weights.json has no {', '.join(lacking)}"}
    import torch

    # As the host does while a prompt runs.
    try:
        with torch.inference_mode():
            found = module.run(folder)
    except LackingInput as lacking:
        return {"family": family, "skipped": str(lacking)}
    # The host's models refer to themselves; at full width the next family needs their memory.
    gc.collect()
    errors = {name: error for name, error in found.items() if not isinstance(error, Lacking)}
    lacks = {name: error.what for name, error in found.items() if isinstance(error, Lacking)}
    if not errors:
        return {"family": family, "skipped": "; ".join(lacks.values())}
    worst = max(errors.values(), key=lambda error: math.inf if math.isnan(error) else error)
    return {
        "family": family,
        "relative_error": worst,
        "bar": module.BAR,
        "passed": worst <= module.BAR,
        "outputs": errors,
        **({"not_compared": lacks} if lacks else {}),
    }


def compared_or_failed(family: str, folder: Folder) -> dict:
    """The line of one family; a family that breaks must not take the later ones with it."""
    try:
        return compare(family, folder)
    except Exception as error:
        traceback.print_exc()
        return {"family": family, "passed": False, "error": f"{type(error).__name__}: {error}"}


def _without_nan(value):
    """JSON has no NaN: null."""
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.parity", description=__doc__)
    parser.add_argument("folder", type=Path, help="a folder like shared/reference/tiny")
    parser.add_argument("family", nargs="*", choices=[[], *FAMILIES], help="default: all")
    arguments = parser.parse_args()
    if not arguments.folder.is_dir():
        parser.error(f"{arguments.folder} is not a folder")
    load_host()
    folder = Folder.open(arguments.folder)
    good, compared = True, 0
    for family in arguments.family or FAMILIES:
        line = compared_or_failed(family, folder)
        print(json.dumps(_without_nan(line)), flush=True)
        good &= line.get("passed", True)
        compared += "passed" in line
    if not compared:
        print(f"nothing in {arguments.folder} could be compared", file=sys.stderr)
    return 0 if good and compared else 1


if __name__ == "__main__":
    sys.exit(main())
