"""A motion field read at points becomes tracks."""

from typing import Any

from comfy_api.latest import io

from ..models.fields.field_ops import grid_points, tracks_at
from ..models.types.motion_field import MotionField
from ..models.types.tracks import Tracks
from .inputs import field_input, tracks_output
from .node import Node
from .sockets import CATEGORY, TracksSocket, aliases


class MotionI2VMotionFieldToTracks(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VMotionFieldToTracks",
            display_name="Motion Field to Tracks",
            **aliases("flow to tracks", "point tracks", "ATI", "WanMove"),
            category=f"{CATEGORY}/field",
            description="Follows points through a motion: a grid of them, or the starting points "
            "of other tracks.",
            inputs=[
                field_input(tooltip="The motion field to follow points through."),
                io.Int.Input(
                    "spacing",
                    default=32,
                    min=1,
                    max=4096,
                    tooltip="Distance in pixels of the grid's points. Not used where starts is "
                    "connected.",
                ),
                TracksSocket.Input(
                    "starts",
                    optional=True,
                    tooltip="Follow the points these tracks start from, in place of a grid.",
                ),
            ],
            outputs=[
                tracks_output("Where each point goes; also read by the core's nodes."),
            ],
        )

    @classmethod
    def execute(
        cls, field: MotionField, spacing: int, starts: dict[str, Any] | None = None
    ) -> io.NodeOutput:
        size = field.size
        if starts is None:
            points = grid_points(size, spacing)
        else:
            points = Tracks.from_dict(starts, size).rescaled(size).points[0]
        return io.NodeOutput(tracks_at(field, points).to_dict())
