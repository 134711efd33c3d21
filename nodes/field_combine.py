"""Two motion fields become one."""

import torch
import torch.nn.functional as F
from comfy_api.latest import io

from ..models.fields import field_ops
from ..models.types.motion_field import MotionField
from .inputs import field_input, field_output
from .node import Node
from .sockets import CATEGORY, aliases

ADD, COMPOSE, CHAIN, MASK = "add", "compose", "one after the other", "by mask"


class MotionI2VCombineMotionFields(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VCombineMotionFields",
            display_name="Combine Motion Fields",
            **aliases("optical flow", "add motion", "camera motion", "blend motion"),
            category=f"{CATEGORY}/field",
            description="Puts two motions together: added, composed, in sequence, or by a mask.",
            inputs=[
                field_input("first", "The first motion; the result has its size."),
                field_input("second", "The second motion, fitted to the first's size."),
                io.Combo.Input(
                    "mode",
                    options=[ADD, COMPOSE, CHAIN, MASK],
                    default=COMPOSE,
                    tooltip="add: the sum at each pixel. compose: in every frame the first, then "
                    "the second from where it led (an object's motion, then the camera's). one "
                    "after the other: the second clip goes on where the first ends. by mask: the "
                    "first inside the mask, the second outside.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="For mode 'by mask': 1 where the first motion applies. Any size.",
                ),
            ],
            outputs=[field_output("Both motions as one.")],
        )

    @classmethod
    def execute(
        cls, first: MotionField, second: MotionField, mode: str, mask: torch.Tensor | None = None
    ) -> io.NodeOutput:
        second = second.resized(first.size)
        if mode != MASK:
            combine = {ADD: field_ops.add, COMPOSE: field_ops.compose, CHAIN: field_ops.chained}
            if mode not in combine:
                raise ValueError(f"unknown mode {mode!r}: choose {', '.join((*combine, MASK))}")
            return io.NodeOutput(combine[mode](first, second))
        if mask is None:
            raise ValueError("mode 'by mask' needs a mask: connect one, or choose another mode")
        width, height = first.size
        fitted = F.interpolate(
            mask[:1, None].float(), (height, width), mode="bilinear", align_corners=False
        )
        return io.NodeOutput(field_ops.mixed(first, second, fitted[0, 0].clamp(0, 1)))
