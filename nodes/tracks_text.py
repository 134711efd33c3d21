"""Tracks from text and to text: the formats of KJNodes, Wan, the core and this pack's editor."""

from typing import Any

import torch
from comfy_api.latest import io

from ..models.drawing.paths import CURVES, PINS, Pin, sample_paths
from ..models.drawing.track_formats import (
    COORDINATES,
    FLAT,
    FORMATS,
    WRITTEN,
    parse_tracks,
    write_tracks,
)
from ..models.types.tracks import Tracks
from .inputs import frames_input, picture_size, side_input, tracks_output
from .node import Node
from .sockets import CATEGORY, TracksSocket, advanced, aliases

EXAMPLE = "80,160, 200,140, 300,160"


class MotionI2VTracksFromText(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VTracksFromText",
            display_name="Tracks From Text",
            **aliases("ATI", "WanMove", "spline coordinates", "trajectory"),
            category=f"{CATEGORY}/draw",
            description="Reads trajectories from text: KJNodes Spline and Points Editor, Wan ATI, "
            "TRACKS as JSON, lines of x1,y1,x2,y2, or this pack's editor.",
            inputs=[
                io.String.Input(
                    "text",
                    multiline=True,
                    dynamic_prompts=False,
                    default=EXAMPLE,
                    tooltip="The trajectories. JSON, or one trajectory a line: x1,y1,x2,y2,... "
                    "A single point is a pin: a place that must not move.",
                ),
                io.Combo.Input(
                    "format",
                    options=list(FORMATS),
                    default="auto",
                    tooltip="How to read the text. auto tells the formats apart by themselves.",
                ),
                side_input(
                    "width",
                    512,
                    "Width in pixels of the picture (or canvas) the text was drawn on. A "
                    "connected picture comes before it.",
                ),
                side_input(
                    "height",
                    320,
                    "Height in pixels of the picture (or canvas) the text was drawn on. A "
                    "connected picture comes before it.",
                ),
                frames_input(
                    16,
                    "Frames of the clip, the reference picture included. Motion-I2V's "
                    "released models make 16.",
                ),
                io.Combo.Input(
                    "coordinates",
                    options=list(COORDINATES),
                    default="auto",
                    tooltip="pixels, or normalised to 0..1. auto: normalised where all values lie "
                    "in 0..1 and at least one has a decimal point.",
                    **advanced(),
                ),
                io.Combo.Input(
                    "flat_list",
                    options=list(FLAT),
                    default="auto",
                    tooltip="What one plain list of points means: one path, or separate pins. "
                    "auto: a path, but pins for the Points Editor's format.",
                    **advanced(),
                ),
                io.Combo.Input(
                    "curve",
                    options=list(CURVES),
                    default="smooth",
                    tooltip="smooth: a curve through the points that does not overshoot (PCHIP). "
                    "straight: lines. The editor's own text says it for itself.",
                    **advanced(),
                ),
                io.Combo.Input(
                    "spacing",
                    options=["index", "arc"],
                    default="index",
                    tooltip="index: the same time from each point to the next. arc: the same speed "
                    "all along. The editor's own text says it for itself.",
                    **advanced(),
                ),
                io.Combo.Input(
                    "pin",
                    options=list(PINS),
                    default="zero",
                    tooltip="zero: a single point stays exactly where it is. released: it moves by "
                    "one pixel, as in the code Motion-I2V was released with.",
                    **advanced(),
                ),
                io.Image.Input(
                    "picture",
                    optional=True,
                    tooltip="The picture the text was drawn on; its size comes before width and "
                    "height.",
                ),
            ],
            outputs=[
                tracks_output("The trajectories, a position a frame; core nodes read them too."),
            ],
        )

    @classmethod
    def validate_inputs(cls, text: str | None = None) -> bool | str:
        # The host repeats a message for every argument named here, so it is the text alone: what
        # "auto" cannot read, no format can. Any size will do for that.
        try:
            parse_tracks(EXAMPLE if text is None else text, (512, 512))
        except ValueError as error:
            return str(error)
        return True

    @classmethod
    def execute(
        cls,
        text: str,
        format: str,
        width: int,
        height: int,
        frames: int,
        coordinates: str,
        flat_list: str,
        curve: str,
        spacing: str,
        pin: Pin,
        picture: torch.Tensor | None = None,
    ) -> io.NodeOutput:
        size = (width, height) if picture is None else picture_size(picture)
        paths = parse_tracks(text, size, format, coordinates, flat_list, curve, spacing)
        return io.NodeOutput(sample_paths(paths, frames, size, pin).to_dict())


class MotionI2VTracksToText(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VTracksToText",
            display_name="Tracks To Text",
            **aliases("ATI", "WanMove", "spline coordinates", "trajectory"),
            category=f"{CATEGORY}/draw",
            description="Writes trajectories as text, so that one drawing also drives KJNodes and "
            "Wan nodes, or can be kept in a file.",
            inputs=[
                TracksSocket.Input("tracks", tooltip="Tracks of any node, ours or the core's."),
                io.Combo.Input(
                    "format",
                    options=list(WRITTEN),
                    default="kj",
                    tooltip="kj: KJNodes SplineEditor. ati: Wan ATI and WanTrackToVideo, 121 "
                    "points a track. lines: x1,y1,x2,y2,... editor: for the Trajectory Editor. "
                    "tracks: the only one that keeps which points are hidden.",
                ),
                io.Image.Input(
                    "picture",
                    optional=True,
                    tooltip="The coordinates are written for this picture's size. Without one, for "
                    "the picture that the tracks belong to.",
                ),
            ],
            outputs=[
                io.String.Output(
                    "text", display_name="text", tooltip="The tracks, in pixels, as text."
                )
            ],
        )

    @classmethod
    def execute(
        cls, tracks: dict[str, Any], format: str, picture: torch.Tensor | None = None
    ) -> io.NodeOutput:
        size = None if picture is None else picture_size(picture)
        # Only the editor's text needs the size of the picture; the others are plain pixels.
        read = Tracks.from_dict(tracks, size if format in ("editor", "tracks") else size or (1, 1))
        return io.NodeOutput(write_tracks(read.rescaled(size) if size else read, format))
