"""Densify Tracks: a few drawn paths become motion everywhere, without a learned model."""

from typing import Any

import torch
from comfy_api.latest import io

from ..models.densify.densify import PathsOutside, densify
from ..models.types.tracks import Tracks
from .inputs import field_output, picture_size, side_input
from .node import Node, progress
from .sockets import CATEGORY, TracksSocket, aliases


class MotionI2VDensifyTracks(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VDensifyTracks",
            display_name="Densify Tracks",
            **aliases("sparse to dense", "flow from arrows", "drag", "optical flow"),
            category=f"{CATEGORY}/field",
            description="Spreads drawn paths over the picture: motion fills objects and stops at "
            "their edges. Fast, needs no model and no GPU.",
            inputs=[
                TracksSocket.Input("tracks", tooltip="The drawn paths and pins."),
                io.Image.Input(
                    "picture",
                    optional=True,
                    tooltip="The picture that will move; its edges stop the motion, and the field "
                    "gets its size. Of a batch the first counts. Without one, motion fades out "
                    "smoothly.",
                ),
                io.Mask.Input(
                    "region",
                    optional=True,
                    tooltip="What may move (motion brush). Motion fills every painted part that "
                    "has a path, and is exactly zero outside. An empty mask: everything may move.",
                ),
                io.Float.Input(
                    "reach",
                    default=0.35,
                    min=0.01,
                    max=2.0,
                    step=0.01,
                    tooltip="How far motion spreads where neither an edge nor a region stops it, "
                    "as a part of the picture's diagonal.",
                ),
                io.Float.Input(
                    "edge_sensitivity",
                    default=1.0,
                    min=0.0,
                    max=4.0,
                    step=0.05,
                    tooltip="How much the picture's edges count: 0 ignores them, more lets weak "
                    "edges stop the motion, too.",
                ),
                io.Combo.Input(
                    "paths_outside",
                    options=["error", "ignore"],
                    default="error",
                    tooltip="What happens to a moving path that starts outside the region or the "
                    "picture. Ignore it to give each of several regions its own paths.",
                ),
                side_input(
                    "width",
                    0,
                    "Width of the field where no picture is connected; 0: the tracks' own.",
                    min=0,
                ),
                side_input(
                    "height",
                    0,
                    "Height of the field where no picture is connected; 0: the tracks' own.",
                    min=0,
                ),
            ],
            outputs=[
                field_output("Where every pixel of the picture goes, frame by frame.", "field"),
            ],
        )

    @classmethod
    def execute(
        cls,
        tracks: dict[str, Any],
        reach: float,
        edge_sensitivity: float,
        paths_outside: PathsOutside,
        width: int,
        height: int,
        picture: torch.Tensor | None = None,
        region: torch.Tensor | None = None,
    ) -> io.NodeOutput:
        size = _size(picture, width, height)
        drawn = Tracks.from_dict(tracks, size)
        field = densify(
            drawn,
            size or drawn.size,
            picture,
            region,
            reach=reach,
            edges=edge_sensitivity,
            paths_outside=paths_outside,
            on_step=progress(drawn.frames),
        )
        return io.NodeOutput(field)


def _size(picture: torch.Tensor | None, width: int, height: int) -> tuple[int, int] | None:
    """(W, H) that the user asks for, or None for the tracks' own."""
    if picture is not None:
        return picture_size(picture)
    if (width == 0) != (height == 0):
        raise ValueError(
            f"width {width} and height {height}: give both, or 0 for both to take the tracks' own"
        )
    return (width, height) if width else None
