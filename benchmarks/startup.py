"""What the pack adds to ComfyUI's start: seconds, and the modules that only it imports.

`python -m benchmarks.startup` prints both. The measurement runs in a process of its own that has
loaded everything that ComfyUI loads before it turns to custom nodes.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from typing import Any

from devkit import places
from devkit.host import environment

INSIDE = """
import json, os, sys, time
pack = sys.argv.pop()
sys.path.insert(0, os.getcwd())
import comfy.options
comfy.options.enable_args_parsing()
import asyncio
import utils.extra_config
import nodes, server
from comfy_config import config_parser
config_parser.extract_node_configuration(pack)  # the host's own work for any pack

async def main():
    server.PromptServer(asyncio.get_running_loop())
    await nodes.init_extra_nodes(init_custom_nodes=False, init_api_nodes=False)
    before = set(sys.modules)
    started = time.perf_counter()
    loaded = await nodes.load_custom_node(pack)
    seconds = time.perf_counter() - started
    print(json.dumps({"loaded": loaded, "seconds": seconds,
                      "modules": sorted(set(sys.modules) - before)}))

asyncio.run(main())
"""


def measure() -> dict[str, Any]:
    """Returns `{"loaded": bool, "seconds": float, "modules": [names that the pack added]}`."""
    with tempfile.TemporaryDirectory() as base:
        run = subprocess.run(
            [
                *(str(places.comfyui_python()), "-c", INSIDE, "--cpu", "--base-directory", base),
                *("--database-url", "sqlite:///:memory:", str(places.ROOT)),
            ],
            cwd=places.comfyui(),
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
    if run.returncode != 0:
        raise RuntimeError(f"ComfyUI did not load in process:\n{run.stderr}")
    return json.loads(run.stdout.splitlines()[-1])


def main() -> None:
    result = measure()
    own = [name for name in result["modules"] if "/" in name]
    foreign = sorted(set(result["modules"]) - set(own))
    print(f"the pack adds {result['seconds']:.3f} s to ComfyUI's start")
    print(f"its own modules: {len(own)}; others that ComfyUI had not imported: {foreign}")


if __name__ == "__main__":
    main()
