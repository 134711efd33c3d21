"""Match Colors and Chain Shots: what happens to a video's pictures after sampling."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from ..models.picture.color_match import METHODS, match_colors
from .inputs import share_input
from .node import Node, progress
from .sockets import CATEGORY, OnePicture, aliases

GROUP = f"{CATEGORY}/stage 2"


class MotionI2VMatchColors(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VMatchColors",
            display_name="Match Colors to Reference",
            **aliases("color match", "histogram", "color drift"),
            category=GROUP,
            description="Gives every frame the overall colours of a reference picture, where "
            "brightness or colour drifts over a clip.",
            inputs=[
                io.Image.Input("frames", tooltip="The video."),
                io.Combo.Input(
                    "method",
                    options=list(METHODS),
                    default=METHODS[0],
                    tooltip="mean and spread: moves and scales each channel, keeps gradations. "
                    "histogram: matches whole distributions, for stronger drifts.",
                ),
                share_input("strength", 1.0, "0 leaves the frames as they are, 1 matches fully."),
                OnePicture(
                    "reference",
                    optional=True,
                    tooltip="Whose colours count; without it those of the first frame.",
                ),
            ],
            outputs=[
                io.Image.Output("matched", display_name="IMAGE", tooltip="The video, matched.")
            ],
        )

    @classmethod
    def execute(
        cls,
        frames: io.Image.Type,
        method: str,
        strength: float,
        reference: io.Image.Type | None = None,
    ) -> io.NodeOutput:
        target = frames[:1] if reference is None else reference
        matched = match_colors(frames, target, method, strength, progress(len(frames)))
        return io.NodeOutput(matched)


class MotionI2VChainShots(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VChainShots",
            display_name="Chain Shots",
            **aliases("long video", "join videos", "concatenate"),
            category=GROUP,
            description="Joins a shot to the one before it, and gives the last frame as the "
            "picture that the next shot begins with.",
            inputs=[
                io.Image.Input("shot", tooltip="A video, frame by frame."),
                io.Image.Input(
                    "before",
                    optional=True,
                    tooltip="The video so far. Its last frame is the shot's first one, which is "
                    "not repeated.",
                ),
            ],
            outputs=[
                io.Image.Output("video", display_name="video", tooltip="All of it so far."),
                io.Image.Output(
                    "last_frame",
                    display_name="last_frame",
                    tooltip="The picture for the next shot: draw on it, and sample.",
                ),
            ],
        )

    @classmethod
    def execute(cls, shot: io.Image.Type, before: io.Image.Type | None = None) -> io.NodeOutput:
        if before is None:
            return io.NodeOutput(shot, shot[-1:])
        if before.shape[1:] != shot.shape[1:]:
            raise ValueError(
                f"the video so far is {before.shape[2]}x{before.shape[1]}, but the shot "
                f"{shot.shape[2]}x{shot.shape[1]}; sample both at one size"
            )
        return io.NodeOutput(torch.cat([before, shot[1:]]), shot[-1:])
