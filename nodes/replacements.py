"""Nodes of other names that open as ours, on hosts with the node replacement API (0.33 has it).

A node of ours that is renamed gets an entry here, from its former id, so that saved workflows go on
opening; none has been renamed so far.

Of the older Motion-I2V wrapper (ComfyUI-IG-Motion-I2V) one node means the same as one of ours. The
others do not, and a workflow opens with them missing, which says so, rather than with words lost:

- MI2V Flow Predictor loads its weights and reads its prompts by itself. Here that is a chain: the
  loaders, CLIP Text Encode, Sparse-Trajectory ControlNet, Motion-Field Sampler.
- MI2V Flow Animator: so too, and with an IP-Adapter inside. Here Motion-Augmented AnimateDiff
  Sampler, with any IP-Adapter node before it.
- MI2V PauseNode holds back what comes after it. The host's own mute and bypass do.
"""

from typing import Any

from comfy_api import latest
from comfy_api.latest import io

REPLACED: list[dict[str, Any]] = [
    # Its arrows are lines of x1,y1,x2,y2 in pixels of its picture. Its other output, the picture
    # as it came in, is not there: connect the picture's own node.
    {
        "old_node_id": "MotionPainter",
        "new_node_id": "MotionI2VTracksFromText",
        "old_widget_ids": ["arrows"],
        "input_mapping": [
            {"new_id": "picture", "old_id": "image"},
            {"new_id": "text", "old_id": "arrows"},
            {"new_id": "format", "set_value": "lines"},
        ],
        "output_mapping": [{"old_idx": 1, "new_idx": 0}],
    },
]
"""The arguments of the host's `NodeReplace`: ids of nodes, and of inputs and outputs in both."""


async def register() -> None:
    """Tells the host which nodes ours can stand in for; nothing where it does not ask."""
    if not hasattr(io, "NodeReplace"):
        return
    host = latest.ComfyAPI()
    for entry in REPLACED:
        await host.node_replacement.register(io.NodeReplace(**entry))
