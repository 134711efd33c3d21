"""The nodes: schemas, tooltips, checks of what the user gave, and one call into `models/`."""

from comfy_api.latest import ComfyExtension, io

from .densify_tracks import MotionI2VDensifyTracks
from .field_combine import MotionI2VCombineMotionFields
from .field_files import MotionI2VLoadMotionField, MotionI2VSaveMotionField
from .field_preview import MotionI2VFieldPreview
from .field_tools import (
    MotionI2VInvertMotionField,
    MotionI2VResizeMotionField,
    MotionI2VRetimeMotionField,
    MotionI2VScaleMotionField,
)
from .field_tracks import MotionI2VMotionFieldToTracks
from .region_mask import MotionI2VCombineRegions, MotionI2VRegionMask
from .tracks_text import MotionI2VTracksFromText, MotionI2VTracksToText
from .trajectory_editor import MotionI2VTrajectoryEditor

NODES: list[type[io.ComfyNode]] = [
    MotionI2VCombineMotionFields,
    MotionI2VCombineRegions,
    MotionI2VDensifyTracks,
    MotionI2VFieldPreview,
    MotionI2VInvertMotionField,
    MotionI2VLoadMotionField,
    MotionI2VMotionFieldToTracks,
    MotionI2VRegionMask,
    MotionI2VResizeMotionField,
    MotionI2VRetimeMotionField,
    MotionI2VSaveMotionField,
    MotionI2VScaleMotionField,
    MotionI2VTracksFromText,
    MotionI2VTracksToText,
    MotionI2VTrajectoryEditor,
]


class MotionI2VExtension(ComfyExtension):
    """What the host asks for the pack's nodes."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return NODES
