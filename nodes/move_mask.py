"""Move Mask: a region carried along a motion field, and what the motion uncovers."""

import torch
from comfy_api.latest import io

from ..models.fields.fitting import note_shape
from ..models.fields.moved_mask import carried
from ..models.picture.latent_mask import latent_frames
from ..models.picture.region import check_region
from ..models.types.motion_field import MotionField
from .inputs import moved_output, new_output, temporal_factor_input
from .node import Node, progress
from .sockets import CATEGORY, MotionFieldSocket, aliases


class MotionI2VMoveMask(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VMoveMask",
            display_name="Move Mask",
            **aliases("warp mask", "propagate mask", "mask tracking", "disocclusion", "occlusion"),
            category=f"{CATEGORY}/field",
            description="Carries a mask of the picture along a motion, frame by frame, and tells "
            "which pixels the motion uncovers.",
            inputs=[
                io.Mask.Input(
                    "mask",
                    tooltip="The mask in the picture: it is that of frame 0. Soft edges stay soft.",
                ),
                MotionFieldSocket.Input(
                    "field",
                    tooltip="Where every pixel goes. A field of another size is resized to the "
                    "mask.",
                ),
                temporal_factor_input(),
            ],
            outputs=[moved_output(), new_output()],
        )

    @classmethod
    def execute(cls, mask: torch.Tensor, field: MotionField, temporal_factor: int) -> io.NodeOutput:
        at = latent_frames(field.frames, temporal_factor)
        region = check_region(mask)
        height, width = region.shape
        if not bool(region.any()):
            raise ValueError(
                f"the mask is empty ({width}x{height} zeros): there is nothing to carry; paint "
                "what is to be followed"
            )
        note_shape(field, (width, height))
        return io.NodeOutput(
            *carried(
                region,
                field,
                at=at,
                on_frame=progress(len(at)),
                size=(width, height),
            )
        )
