"""`python dev.py demo [NAME ...]`: runs example workflows on a photo and collects what they write.

Where none is named, the motion that needs no model comes first, and after it the small model's
learned weights, which come with the pack: both stages, and stage 2 led by the warped picture.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from devkit import base, places
from devkit.host import HostError, HostProcess, Prompt, Result
from devkit.serve import stop_on_signals
from models.files.atomic import whole

WHAT = {
    "draw-and-preview": "the drawing, spread over the brushed region, moves the photo; no model",
    "small-model": "learned weights: both stages of Motion-I2V with the small model, which is soft "
    "and small, and meant for trying graphs; see README.md for real work",
    "time-to-move-small": "the same model begins with the warped photo instead of noise, and holds "
    "to what the photo shows (Time-to-Move), as larger video models can",
}
"""What is run where nothing is named, and what its result is."""


def main(names: list[str]) -> int:
    """Runs the named workflows, or those of WHAT."""
    stop_on_signals()
    try:
        prompts = {name: read_twin(name) for name in names or WHAT}
        folder = places.PRIVATE / "base"
        base.put_photos(folder)
        print("Starting ComfyUI on the CPU ...", flush=True)
        with HostProcess(base=folder) as host:
            return max(show(host, name, prompt) for name, prompt in prompts.items())
    except KeyboardInterrupt:
        print("\nStopped.")
        return 130
    except HostError as error:
        print(error)
        return 1


def read_twin(name: str) -> Prompt:
    """Returns the API twin of an example workflow.

    Raises:
        HostError: where there is none of that name; the message names those there are.
    """
    file = places.EXAMPLES / "api" / f"{name}.json"
    if not file.is_file():
        known = ", ".join(sorted(twin.stem for twin in file.parent.glob("*.json")))
        raise HostError(f"There is no example workflow {name!r}; there are: {known}.")
    return json.loads(file.read_text())


def show(host: HostProcess, name: str, prompt: Prompt) -> int:
    """Runs one prompt, says how it goes, and returns the exit code."""
    print(f"\nRunning {name}{': ' + WHAT[name] if name in WHAT else ''} ...", flush=True)
    started = time.monotonic()

    def say(event: dict[str, Any]) -> None:
        node = event["data"].get("node")
        if event["type"] == "executing" and node is not None:
            print(f"  {prompt[node].get('_meta', {}).get('title', node)}", flush=True)

    result = host.run(prompt, on_event=say)
    if not result.succeeded:
        for error in result.errors:
            print(f"{error['node_type']} failed: {error['exception_message'].strip()}")
        return 1
    print(f"Done in {time.monotonic() - started:.1f} s. It wrote:")
    for file in collect(host, result):
        print(f"  {file}")
    return 0


def collect(host: HostProcess, result: Result) -> list[Path]:
    """Copies what a run saved into output/, without the host's counters, and returns the files."""
    places.OUTPUT.mkdir(exist_ok=True)
    files = []
    for saved in host.files(result):
        target = places.OUTPUT / (re.sub(r"_\d{5}_?$", "", saved.stem) + saved.suffix)
        with whole(target) as part:
            shutil.copyfile(saved, part)
        files.append(target)
    return files


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
