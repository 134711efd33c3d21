"""Motion-I2V for ComfyUI: draw how a picture should move, and get it moving.

ComfyUI imports this file. Nothing heavy happens here: the nodes are imported when the host asks
for them through `comfy_entrypoint`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .nodes import MotionI2VExtension

WEB_DIRECTORY = "./js"


async def comfy_entrypoint() -> "MotionI2VExtension":
    """Returns the extension that lists this pack's nodes (ComfyUI's V3 node API)."""
    from .nodes import MotionI2VExtension

    return MotionI2VExtension()


__all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]
