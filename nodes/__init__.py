"""The nodes: schemas, tooltips, checks of what the user gave, and one call into `models/`."""

import logging
import sys
from importlib.util import find_spec
from pathlib import Path

from comfy_api.latest import ComfyExtension, io

from .dense_tracker import MotionI2VFlowExtractor, MotionI2VLoadDenseTracker
from .densify_tracks import MotionI2VDensifyTracks
from .field_combine import MotionI2VCombineMotionFields
from .field_files import MotionI2VLoadMotionField, MotionI2VSaveMotionField
from .field_preview import MotionI2VFieldPreview
from .field_steps import MotionI2VFieldToSteps, MotionI2VStepsToField
from .field_tools import (
    MotionI2VInvertMotionField,
    MotionI2VResizeMotionField,
    MotionI2VRetimeMotionField,
    MotionI2VScaleMotionField,
)
from .field_tracks import MotionI2VMotionFieldToTracks
from .mcdiff_flow import MotionI2VMCDiffFlowCompletion
from .mcdiff_loader import MotionI2VLoadMCDiff
from .mcdiff_sampler import MotionI2VMCDiffContinue, MotionI2VMCDiffSampler
from .move_mask import MotionI2VMoveMask
from .region_mask import MotionI2VCombineRegions, MotionI2VRegionMask
from .replacements import register
from .small_model import MotionI2VLoadSmallModel
from .stage1_control import MotionI2VTrajectoryControlNet
from .stage1_convert import MotionI2VConvertCheckpoint
from .stage1_flow_vae import MotionI2VFlowVAEDecode, MotionI2VFlowVAEEncode
from .stage1_loaders import (
    MotionI2VLoadFlowVAE,
    MotionI2VLoadMotionFieldModel,
    MotionI2VLoadTrajectoryControlNet,
)
from .stage1_sampler import (
    MotionI2VDDIMLeading,
    MotionI2VMotionFieldConditioning,
    MotionI2VMotionFieldSampler,
)
from .stage2_apply import MotionI2VApplyMotionAttention
from .stage2_chain import MotionI2VChainShots, MotionI2VMatchColors
from .stage2_loader import MotionI2VLoadMotionModule
from .stage2_sampler import MotionI2VAnimateDiffSampler
from .time_to_move import MotionI2VTimeToMove, MotionI2VTimeToMoveSampler
from .track_tools import MotionI2VRetimeTracks, MotionI2VTracksToGuideVideo
from .tracks_text import MotionI2VTracksFromText, MotionI2VTracksToText
from .trajectory_editor import MotionI2VTrajectoryEditor
from .transfer_motion import MotionI2VTransferMotion
from .warp_noise import MotionI2VWarpNoise
from .warp_preview import MotionI2VWarpPreview

NODES: list[type[io.ComfyNode]] = [
    MotionI2VAnimateDiffSampler,
    MotionI2VApplyMotionAttention,
    MotionI2VChainShots,
    MotionI2VCombineMotionFields,
    MotionI2VCombineRegions,
    MotionI2VConvertCheckpoint,
    MotionI2VDDIMLeading,
    MotionI2VDensifyTracks,
    MotionI2VFieldPreview,
    MotionI2VFieldToSteps,
    MotionI2VFlowExtractor,
    MotionI2VFlowVAEDecode,
    MotionI2VFlowVAEEncode,
    MotionI2VInvertMotionField,
    MotionI2VLoadDenseTracker,
    MotionI2VLoadFlowVAE,
    MotionI2VLoadMCDiff,
    MotionI2VLoadMotionField,
    MotionI2VLoadMotionFieldModel,
    MotionI2VLoadMotionModule,
    MotionI2VLoadSmallModel,
    MotionI2VLoadTrajectoryControlNet,
    MotionI2VMCDiffContinue,
    MotionI2VMCDiffFlowCompletion,
    MotionI2VMCDiffSampler,
    MotionI2VMatchColors,
    MotionI2VMotionFieldConditioning,
    MotionI2VMotionFieldSampler,
    MotionI2VMotionFieldToTracks,
    MotionI2VMoveMask,
    MotionI2VRegionMask,
    MotionI2VResizeMotionField,
    MotionI2VRetimeMotionField,
    MotionI2VRetimeTracks,
    MotionI2VSaveMotionField,
    MotionI2VScaleMotionField,
    MotionI2VStepsToField,
    MotionI2VTimeToMove,
    MotionI2VTimeToMoveSampler,
    MotionI2VTracksFromText,
    MotionI2VTracksToGuideVideo,
    MotionI2VTracksToText,
    MotionI2VTrajectoryControlNet,
    MotionI2VTrajectoryEditor,
    MotionI2VTransferMotion,
    MotionI2VWarpNoise,
    MotionI2VWarpPreview,
]


class MotionI2VExtension(ComfyExtension):
    """What the host asks for the pack's nodes."""

    async def on_load(self) -> None:
        await register()

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        warn_without_opencv()
        return NODES


def warn_without_opencv() -> None:
    """Says in the host's log what to do where no build of OpenCV is installed; any will do."""
    if find_spec("cv2") is None:
        requirements = Path(__file__).resolve().parents[1] / "requirements.txt"
        logging.warning(
            "Motion-I2V needs OpenCV (cv2), which is not installed, and most of its nodes fail "
            f'without it. Run: "{sys.executable}" -m pip install -r "{requirements}"'
        )
