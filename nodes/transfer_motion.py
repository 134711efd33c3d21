"""Transfer Motion: the motion of one picture, put onto another."""

import torch
from comfy_api.latest import io

from ..models.fields import transfer
from ..models.types.motion_field import MotionField
from .inputs import field_output, picture_size, times_input
from .node import Node
from .sockets import CATEGORY, MotionFieldSocket, aliases


class MotionI2VTransferMotion(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VTransferMotion",
            display_name="Transfer Motion",
            **aliases("motion transfer", "V2V", "copy motion"),
            category=f"{CATEGORY}/video to video",
            description="Puts a motion field that was taken from one picture onto another: "
            "stretched, cropped or fitted, or laid region on region; or only an object's motion, "
            "into a region.",
            inputs=[
                MotionFieldSocket.Input(
                    "field", tooltip="The motion, for example of another video."
                ),
                io.Image.Input("picture", tooltip="The picture that is to move."),
                io.Combo.Input(
                    "placing",
                    options=list(transfer.PLACINGS),
                    default=transfer.COVER,
                    tooltip="stretch: each side by its own ratio. crop: same ratio, covering the "
                    "picture. fit: same ratio, all of the field inside it; at its edges the motion "
                    "goes on. align regions: the source region onto the target region, by area and "
                    "centre.",
                ),
                times_input("Times every displacement, after it was scaled with the placing."),
                io.Boolean.Input(
                    "only_region",
                    default=False,
                    tooltip="Move the target region only, by the motion of the source region "
                    "alone. Where the target's shape is larger, the object's motion is continued.",
                ),
                io.Mask.Input(
                    "source_region",
                    optional=True,
                    tooltip="The moving object in the field's own picture. For 'align regions' and "
                    "'only_region'. Any size.",
                ),
                io.Mask.Input(
                    "target_region",
                    optional=True,
                    tooltip="What is to move in the picture. For 'align regions' and "
                    "'only_region'. Any size.",
                ),
                MotionFieldSocket.Input(
                    "background",
                    optional=True,
                    tooltip="With 'only_region': the motion outside the region (resized to the "
                    "picture). Nothing connected: nothing moves there.",
                ),
            ],
            outputs=[
                field_output("The motion over the picture, at the picture's size."),
            ],
        )

    @classmethod
    def execute(
        cls,
        field: MotionField,
        picture: torch.Tensor,
        placing: str,
        strength: float,
        only_region: bool,
        source_region: torch.Tensor | None = None,
        target_region: torch.Tensor | None = None,
        background: MotionField | None = None,
    ) -> io.NodeOutput:
        return io.NodeOutput(
            transfer.transfer(
                field,
                picture_size(picture),
                placing,
                strength=strength,
                source_region=source_region,
                target_region=target_region,
                only_region=only_region,
                background=background,
            )
        )
