"""Motion Field Preview: a motion field as pictures that one can read."""

from typing import Any

import torch
from comfy_api.latest import io

from ..models.fields.field_pictures import STYLES, Style, preview_field
from ..models.types.motion_field import MotionField
from ..models.types.tracks import Tracks
from .inputs import picture_size, share_input
from .node import Node, progress
from .shown_frames import shown
from .sockets import (
    CATEGORY,
    MotionFieldSocket,
    TracksSocket,
    advanced,
    aliases,
    shows_itself,
)


class MotionI2VFieldPreview(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VFieldPreview",
            display_name="Motion Field Preview",
            **aliases("optical flow to image", "flow colors", "flow visualization"),
            **shows_itself(),
            category=f"{CATEGORY}/preview",
            description="Draws a motion field as colour wheel, arrows or heat map, with the "
            "tracks' paths on top.",
            inputs=[
                MotionFieldSocket.Input("field", tooltip="The motion to show."),
                io.Combo.Input(
                    "style",
                    options=list(STYLES),
                    default="color wheel",
                    tooltip="color wheel: the hue is the direction, white stands still. arrows: "
                    "each as long as the motion. heat map: how far, in whatever direction.",
                ),
                io.Image.Input(
                    "picture",
                    optional=True,
                    tooltip="Shown underneath; the preview gets its size. Of a batch the first "
                    "counts.",
                ),
                TracksSocket.Input(
                    "tracks",
                    optional=True,
                    tooltip="Paths to draw on top, with where they are now.",
                ),
                io.Float.Input(
                    "scale",
                    default=0.0,
                    min=0.0,
                    max=16384.0,
                    step=1.0,
                    tooltip="Pixels of motion that get the full colour. 0: the longest motion of "
                    "the clip. Fix it to compare fields.",
                ),
                share_input(
                    "opacity",
                    0.8,
                    "How much of the colours covers the picture; arrows ignore it.",
                    step=0.05,
                ),
                io.Boolean.Input(
                    "legend",
                    default=True,
                    tooltip="Draws the wheel or bar that says how many pixels a colour means.",
                    **advanced(),
                ),
                io.Int.Input(
                    "arrows_across",
                    default=24,
                    min=2,
                    max=200,
                    tooltip="Arrows side by side along the longer side.",
                    **advanced(),
                ),
            ],
            outputs=[
                io.Image.Output(
                    "preview", display_name="preview", tooltip="One picture a frame of the field."
                )
            ],
        )

    @classmethod
    def execute(
        cls,
        field: MotionField,
        style: Style,
        scale: float,
        opacity: float,
        legend: bool,
        arrows_across: int,
        picture: torch.Tensor | None = None,
        tracks: dict[str, Any] | None = None,
    ) -> io.NodeOutput:
        size = field.size if picture is None else picture_size(picture)
        frames = preview_field(
            field,
            style,
            picture,
            None if tracks is None else Tracks.from_dict(tracks, size),
            scale=scale,
            opacity=opacity,
            legend=legend,
            arrows_across=arrows_across,
            on_step=progress(field.frames),
        )
        return io.NodeOutput(frames, **shown(frames))
