"""MCDiff Flow Completion: strokes and a picture become the motion of single steps."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..models.host.flow_completion import FlowCompleter, StepRange, complete_steps
from ..models.types.motion_field import MotionField
from ..models.types.tracks import Tracks
from .inputs import field_output
from .node import Node, progress
from .sockets import (
    CATEGORY,
    FlowCompletionSocket,
    MotionFieldSocket,
    TracksSocket,
    advanced,
    aliases,
)

AS_TRAINED = -1


class MotionI2VMCDiffFlowCompletion(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VMCDiffFlowCompletion",
            display_name="MCDiff Flow Completion",
            **aliases("sparse to dense", "flow from strokes", "drag"),
            category=f"{CATEGORY}/mcdiff",
            description="Spreads what is drawn over the picture with a learned network, one step "
            "after the other. Its motion field goes where that of Densify Tracks does: Warp "
            "Preview, stage 2, the MCDiff Sampler.",
            inputs=[
                FlowCompletionSocket.Input("flow_completion", tooltip="From Load MCDiff."),
                io.Image.Input(
                    "picture",
                    tooltip="The picture before the first step; later steps then see it warped "
                    "along the motion so far. Or a batch with the picture before each step.",
                ),
                TracksSocket.Input(
                    "tracks",
                    tooltip="The drawn paths and pins. A step sees the part of each path from one "
                    "frame to the next; a point that rests holds its place.",
                ),
                io.Int.Input(
                    "first_step",
                    default=0,
                    min=0,
                    max=100000,
                    tooltip="The frame of the tracks that the picture belongs to: 0 where they "
                    "begin.",
                    **advanced(),
                ),
                io.Int.Input(
                    "steps",
                    default=0,
                    min=0,
                    max=100000,
                    tooltip="How many steps to go from there; 0 for all that the tracks have.",
                    **advanced(),
                ),
                io.Int.Input(
                    "size",
                    default=AS_TRAINED,
                    min=AS_TRAINED,
                    max=4096,
                    tooltip="Mean side, in pixels, at which the network sees a larger picture. -1: "
                    "as in its training; 0: the picture's own size. The field always has the "
                    "picture's size.",
                    **advanced(),
                ),
                MotionFieldSocket.Input(
                    "motion_field",
                    optional=True,
                    tooltip="The motion so far, from an earlier reference to this picture. Its "
                    "frames come first in the accumulated field, which then counts from that "
                    "reference.",
                ),
            ],
            outputs=[
                MotionFieldSocket.Output(
                    "step_fields",
                    display_name="steps",
                    is_output_list=True,
                    tooltip="A list with a field of two frames for each step: where the pixels of "
                    "one picture go in the next.",
                ),
                field_output(
                    "All steps added up: where the pixels of the reference go, frame by frame.",
                    "field",
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        flow_completion: FlowCompleter,
        picture: io.Image.Type,
        tracks: dict[str, Any],
        first_step: int,
        steps: int,
        size: int,
        motion_field: MotionField | None = None,
    ) -> io.NodeOutput:
        drawn = Tracks.from_dict(tracks, (picture.shape[2], picture.shape[1]))
        wanted = StepRange(drawn, first_step, steps)
        flows, field = complete_steps(
            flow_completion,
            picture[..., :3],
            wanted,
            None if size == AS_TRAINED else size,
            motion_field,
            progress(len(wanted)),
        )
        return io.NodeOutput(flows, field)
