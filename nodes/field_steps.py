"""A motion field as its steps from picture to picture, and back."""

from comfy_api.latest import io

from ..models.fields.neighbour_flow import accumulated, to_neighbours
from ..models.types.motion_field import MotionField
from .inputs import field_input, field_output
from .node import Node, progress
from .sockets import CATEGORY, MotionFieldSocket, aliases


class MotionI2VFieldToSteps(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VFieldToSteps",
            display_name="Motion Field to Steps",
            **aliases("neighbour flow", "optical flow", "MCDiff"),
            category=f"{CATEGORY}/field",
            description="Splits a motion that is measured from the first picture into steps, each "
            "from one picture to the next.",
            inputs=[field_input(tooltip="The motion field to split, of at least 2 frames.")],
            outputs=[
                MotionFieldSocket.Output(
                    "steps",
                    display_name="steps",
                    is_output_list=True,
                    tooltip="A list of motion fields of 2 frames, one less than the field has "
                    "frames. Hidden where no pixel of the first picture has come: there the motion "
                    "is that of the nearest other pixel.",
                )
            ],
        )

    @classmethod
    def execute(cls, field: MotionField) -> io.NodeOutput:
        return io.NodeOutput(to_neighbours(field, progress(max(field.frames - 1, 1))))


class MotionI2VStepsToField(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VStepsToField",
            display_name="Steps to Motion Field",
            **aliases("neighbour flow", "accumulate", "MCDiff"),
            category=f"{CATEGORY}/field",
            description="Puts steps from picture to picture together to one motion, measured from "
            "the first picture.",
            is_input_list=True,
            inputs=[
                field_input(
                    "steps",
                    "A list of motion fields of 2 frames and one size, in order: each goes on "
                    "from the picture that the last one leads to.",
                )
            ],
            outputs=[
                field_output(
                    "Where the first picture's pixels are after each step; hidden from where they "
                    "leave the picture."
                )
            ],
        )

    @classmethod
    def execute(cls, steps: list[MotionField]) -> io.NodeOutput:
        return io.NodeOutput(accumulated(steps))
