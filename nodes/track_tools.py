"""Tracks for the video models of others: in their number of frames, and as a guide video."""

from __future__ import annotations

from typing import Any

import torch
from comfy_api.latest import io

from ..models.drawing.guide_video import check_guide, guide_video
from ..models.types.tracks import Tracks
from .inputs import frames_input, picture_size, tracks_output
from .node import Node, progress
from .shown_frames import shown
from .sockets import CATEGORY, TracksSocket, aliases, shows_itself


class MotionI2VRetimeTracks(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VRetimeTracks",
            display_name="Retime Tracks",
            **aliases("resample tracks", "track length", "WanMove", "ATI"),
            category=f"{CATEGORY}/draw",
            description="The same tracks in another number of frames: 16 of Motion-I2V become the "
            "81 of Wan, along the curve that they go.",
            inputs=[
                TracksSocket.Input("tracks", tooltip="Tracks of any node, ours or the core's."),
                frames_input(
                    81,
                    "How many frames the tracks shall have, first and last included. Wan "
                    "makes 81 (at 16 frames a second), and its ATI reads 121 points.",
                ),
            ],
            outputs=[
                tracks_output(
                    "The same motion in so many frames; core nodes read them too.", "retimed"
                )
            ],
        )

    @classmethod
    def execute(cls, tracks: dict[str, Any], frames: int) -> io.NodeOutput:
        # Where time alone changes, any picture's size will do; the core's tracks go on without one.
        made = Tracks.from_dict(tracks, (1, 1)).retimed(frames).to_dict()
        if isinstance(tracks, dict) and "size" not in tracks:
            del made["size"]
        return io.NodeOutput(made)


class MotionI2VTracksToGuideVideo(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VTracksToGuideVideo",
            display_name="Tracks to Guide Video",
            **aliases("LTX motion track", "draw tracks", "IC-LoRA"),
            **shows_itself(),
            category=f"{CATEGORY}/draw",
            description="Draws tracks as the guide video of LTX's motion-track IC-LoRA: discs with "
            "a trail of 50 frames, coloured by age.",
            inputs=[
                TracksSocket.Input("tracks", tooltip="Tracks of any node, ours or the core's."),
                io.Int.Input(
                    "width",
                    default=768,
                    min=32,
                    max=8192,
                    step=32,
                    tooltip="Width in pixels of the video, a multiple of 32.",
                ),
                io.Int.Input(
                    "height",
                    default=512,
                    min=32,
                    max=8192,
                    step=32,
                    tooltip="Height in pixels of the video, a multiple of 32.",
                ),
                io.Int.Input(
                    "frames",
                    default=121,
                    min=9,
                    max=1025,
                    step=8,
                    tooltip="Frames of the video, 8n + 1. Tracks of another number of frames are "
                    "retimed, along their curves.",
                ),
                io.Image.Input(
                    "picture",
                    optional=True,
                    tooltip="The picture that the tracks belong to, where they do not say its size "
                    "themselves: those of the core's nodes do not, and are taken for pixels of the "
                    "video without one.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    "guide",
                    display_name="guide",
                    tooltip="For LTX's guide nodes, with the motion-track IC-LoRA loaded.",
                )
            ],
        )

    @classmethod
    def execute(
        cls,
        tracks: dict[str, Any],
        width: int,
        height: int,
        frames: int,
        picture: torch.Tensor | None = None,
    ) -> io.NodeOutput:
        check_guide((width, height), frames)
        drawn_on = (width, height) if picture is None else picture_size(picture)
        read = Tracks.from_dict(tracks, drawn_on).rescaled((width, height))
        video = guide_video(read.retimed(frames), progress(frames))
        return io.NodeOutput(video, **shown(video))
