"""Tools for one motion field: strength, time, size and direction."""

from typing import Any

import torch
from comfy_api.latest import io

from ..models.fields import field_ops
from ..models.types.motion_field import MotionField
from .curves import time_along
from .inputs import field_input, field_output, picture_size, side_input, times_input
from .node import Node
from .sockets import CATEGORY, aliases, curve_socket


class MotionI2VScaleMotionField(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VScaleMotionField",
            display_name="Scale Motion Field",
            **aliases("motion strength", "amplify motion", "optical flow"),
            category=f"{CATEGORY}/field",
            description="Makes a motion stronger, weaker or opposite.",
            inputs=[
                field_input(),
                times_input(
                    "Every displacement is multiplied by it: 0 is still, 2 twice as far, "
                    "-1 the other way."
                ),
            ],
            outputs=[field_output("The motion with its new strength.")],
        )

    @classmethod
    def execute(cls, field: MotionField, strength: float) -> io.NodeOutput:
        return io.NodeOutput(field_ops.scaled(field, strength))


class MotionI2VRetimeMotionField(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VRetimeMotionField",
            display_name="Retime Motion Field",
            **aliases("speed ramp", "slow motion", "ease in out", "time remapping", "motion curve"),
            category=f"{CATEGORY}/field",
            description="Plays the whole motion in another number of frames.",
            inputs=[
                field_input(),
                io.Int.Input(
                    "frames",
                    default=16,
                    min=1,
                    max=1024,
                    tooltip="Frames of the clip, the reference picture included. More frames make "
                    "the same way slower.",
                ),
                *curve_socket(
                    "curve",
                    "How time passes, from the Curve Editor: across the new clip, up the motion "
                    "that is played. It begins at 0; steep is fast, flat is a rest, and down is "
                    "backwards.",
                ),
            ],
            outputs=[field_output("The same motion in that many frames.")],
        )

    @classmethod
    def execute(cls, field: MotionField, frames: int, curve: Any = None) -> io.NodeOutput:
        if curve is None:
            return io.NodeOutput(field_ops.retimed(field, frames))
        time = time_along(curve, frames) * (field.frames - 1)
        return io.NodeOutput(field_ops.at_times(field, time))


class MotionI2VResizeMotionField(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VResizeMotionField",
            display_name="Resize Motion Field",
            **aliases("optical flow", "resize flow", "upscale motion"),
            category=f"{CATEGORY}/field",
            description="Fits a motion to a picture of another size; displacements grow along.",
            inputs=[
                field_input(),
                side_input("width", 512, "New width in pixels."),
                side_input("height", 320, "New height in pixels."),
                io.Image.Input(
                    "picture",
                    optional=True,
                    tooltip="A picture to fit to; its size replaces width and height.",
                ),
            ],
            outputs=[field_output("The same motion over a picture of that size.")],
        )

    @classmethod
    def execute(
        cls, field: MotionField, width: int, height: int, picture: torch.Tensor | None = None
    ) -> io.NodeOutput:
        size = (width, height) if picture is None else picture_size(picture)
        return io.NodeOutput(field.resized(size))


class MotionI2VInvertMotionField(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VInvertMotionField",
            display_name="Invert Motion Field",
            **aliases("optical flow", "backward flow", "reverse motion"),
            category=f"{CATEGORY}/field",
            description="Turns where-to into where-from: for every pixel of each frame, the way "
            "back to the reference picture.",
            inputs=[field_input(tooltip="The motion field to turn round.")],
            outputs=[
                field_output("The way back; still, and marked as hidden, where nothing came from."),
                io.Mask.Output(
                    "defined",
                    display_name="defined",
                    tooltip="1 where a pixel came from somewhere, 0 where it was uncovered; a mask "
                    "a frame.",
                ),
            ],
        )

    @classmethod
    def execute(cls, field: MotionField) -> io.NodeOutput:
        inverted = field_ops.inverted(field)
        return io.NodeOutput(inverted, inverted.visibility)
