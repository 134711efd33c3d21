"""Drawn tracks, or a field that is partly known, as control of stage 1."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..models.host.apply_control import apply_control
from ..models.host.flow_vae import FlowVAE
from ..models.host.hints import FieldHint, Hint, TrackHint
from ..models.types.motion_field import MotionField
from .inputs import share_input
from .node import Node
from .sockets import CATEGORY, FlowVaeSocket, MotionFieldSocket, TracksSocket, advanced, aliases


class MotionI2VTrajectoryControlNet(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VTrajectoryControlNet",
            display_name="Sparse-Trajectory ControlNet",
            **aliases("drag control", "arrows control", "trajectory", "motion control"),
            category=f"{CATEGORY}/stage 1",
            description="Makes the motion-field model follow drawn tracks. Can be stacked with "
            "other ControlNets.",
            inputs=[
                io.Conditioning.Input("positive", tooltip="What should happen, in words."),
                io.Conditioning.Input("negative", tooltip="What should not."),
                io.ControlNet.Input("control_net", tooltip="From Load Trajectory ControlNet."),
                FlowVaeSocket.Input("flow_vae", tooltip="From Load Flow VAE; encodes the tracks."),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=10.0,
                    step=0.01,
                    tooltip="How strongly the tracks are followed; 0 is exactly no control.",
                ),
                share_input(
                    "start_percent",
                    0.0,
                    "When in sampling the control begins.",
                    step=0.001,
                    **advanced(),
                ),
                share_input(
                    "end_percent",
                    1.0,
                    "When in sampling the control ends.",
                    step=0.001,
                    **advanced(),
                ),
                io.Int.Input(
                    "half_size",
                    default=64,
                    min=1,
                    max=512,
                    tooltip="Half the side of the square around a track's start that is known to "
                    "move with it, in pixels of the working size. Released: 64 at 512x320; smaller "
                    "for small things.",
                ),
                TracksSocket.Input(
                    "tracks",
                    optional=True,
                    tooltip="The drawn tracks, with as many frames as are sampled.",
                ),
                io.Mask.Input(
                    "region",
                    optional=True,
                    tooltip="What may move: outside, the control says that everything is still. An "
                    "empty one: everything may.",
                ),
                MotionFieldSocket.Input(
                    "field",
                    optional=True,
                    tooltip="Instead of tracks: a whole motion field as the control.",
                ),
                io.Mask.Input(
                    "known",
                    optional=True,
                    tooltip="Where that field is known (white). Without it: everywhere.",
                ),
            ],
            outputs=[
                io.Conditioning.Output(
                    "controlled_positive", display_name="positive", tooltip="With the control."
                ),
                io.Conditioning.Output(
                    "controlled_negative", display_name="negative", tooltip="With the control."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        positive: io.Conditioning.Type,
        negative: io.Conditioning.Type,
        control_net: io.ControlNet.Type,
        flow_vae: FlowVAE,
        strength: float,
        start_percent: float,
        end_percent: float,
        half_size: int,
        tracks: dict[str, Any] | None = None,
        region: io.Mask.Type | None = None,
        field: MotionField | None = None,
        known: io.Mask.Type | None = None,
    ) -> io.NodeOutput:
        hint: Hint
        if (tracks is None) == (field is None):
            raise ValueError(
                "the Sparse-Trajectory ControlNet needs tracks or a motion field, one of them; "
                + ("connect one" if tracks is None else "disconnect the other")
            )
        if tracks is not None:
            hint = TrackHint(tracks, flow_vae, half_size, region)
        if field is not None:
            hint = FieldHint(field, flow_vae, known, region)
        percent = (start_percent, end_percent)
        return io.NodeOutput(
            *apply_control(positive, negative, control_net, hint, strength, percent)
        )
