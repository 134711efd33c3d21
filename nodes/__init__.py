"""The nodes: schemas, tooltips, checks of what the user gave, and one call into `models/`."""

from comfy_api.latest import ComfyExtension, io

from .densify_tracks import MotionI2VDensifyTracks
from .field_preview import MotionI2VFieldPreview
from .region_mask import MotionI2VCombineRegions, MotionI2VRegionMask

NODES: list[type[io.ComfyNode]] = [
    MotionI2VCombineRegions,
    MotionI2VDensifyTracks,
    MotionI2VFieldPreview,
    MotionI2VRegionMask,
]


class MotionI2VExtension(ComfyExtension):
    """What the host asks for the pack's nodes."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return NODES
