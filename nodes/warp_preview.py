"""Warp Preview: the picture, moved by a motion field, without a learned model."""

import torch
from comfy_api.latest import io

from ..models.fields.moved_mask import carried
from ..models.picture.latent_mask import latent_frames
from ..models.picture.region import check_region, region_of, resized
from ..models.picture.warp import FILLS, ORDERS, SPLATTINGS, warp_picture
from ..models.types.motion_field import MotionField
from ..models.types.progress import OnStep
from .inputs import moved_output, new_output, picture_size, temporal_factor_input
from .node import Node, progress
from .shown_frames import shown
from .sockets import (
    CATEGORY,
    MotionFieldSocket,
    OnePicture,
    advanced,
    aliases,
    essential,
    shows_itself,
)


class MotionI2VWarpPreview(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VWarpPreview",
            display_name="Warp Preview",
            **aliases(
                "flow warp", "forward warp", "softmax splatting", "animate picture", "no GPU"
            ),
            **essential(),
            **shows_itself(),
            category=f"{CATEGORY}/preview",
            description="Moves the picture by a motion field, at full resolution and without a "
            "model: a fast look at a motion, and a video for those without a GPU.",
            inputs=[
                OnePicture("picture", tooltip="The one picture to move; it is frame 0."),
                MotionFieldSocket.Input(
                    "field",
                    tooltip="Where every pixel goes. A field of another size is resized to the "
                    "picture.",
                ),
                io.Mask.Input(
                    "depth",
                    optional=True,
                    tooltip="Depth of the picture, 1 near and 0 far: what is nearer covers what "
                    "is farther. Resized to the picture.",
                ),
                io.Mask.Input(
                    "region",
                    optional=True,
                    tooltip="What may change. Outside, every frame is the picture, bit for bit; "
                    "paint the way of a moving object, too. An empty mask: everything may change.",
                ),
                io.Combo.Input(
                    "order",
                    options=list(ORDERS),
                    default="auto",
                    tooltip="What covers what. motion: whatever moves furthest is in front. "
                    "depth: by the depth mask. auto: depth where it is connected, else motion. "
                    "none: neither, both are mixed.",
                ),
                io.Boolean.Input(
                    "invert_depth",
                    default=False,
                    tooltip="For depth masks in which 0 is near and 1 is far.",
                    **advanced(),
                ),
                io.Combo.Input(
                    "splatting",
                    options=list(SPLATTINGS),
                    default="softmax",
                    tooltip="softmax: what is in front covers what is behind. average: all that "
                    "lands in one place is mixed, as stage 2 does with its features.",
                    **advanced(),
                ),
                io.Combo.Input(
                    "fill",
                    options=list(FILLS),
                    default="background",
                    tooltip="What shows where something has moved away. background: painted over "
                    "from what is behind it. none: black.",
                ),
                io.Boolean.Input(
                    "even_size",
                    default=True,
                    optional=True,
                    tooltip="Leave out the last row or column where there is an odd number of "
                    "them: video files (h264) take even sizes only.",
                ),
                io.Mask.Input(
                    "directed",
                    optional=True,
                    tooltip="What is to be followed, in the picture; it comes out as moved. "
                    "Without it: all that the field moves.",
                ),
                temporal_factor_input(optional=True),
            ],
            outputs=[
                io.Image.Output(
                    "frames",
                    display_name="frames",
                    tooltip="The clip, as large as the picture (even_size aside). Frame 0 is the "
                    "picture itself.",
                ),
                io.Mask.Output(
                    "filled",
                    display_name="filled",
                    tooltip="For every frame what had to be filled in: 1 in a hole, in between "
                    "at its soft edge.",
                ),
                moved_output(),
                new_output(),
            ],
        )

    @classmethod
    def execute(
        cls,
        picture: torch.Tensor,
        field: MotionField,
        order: str,
        invert_depth: bool,
        splatting: str,
        fill: str,
        depth: torch.Tensor | None = None,
        region: torch.Tensor | None = None,
        even_size: bool = True,
        directed: torch.Tensor | None = None,
        temporal_factor: int = 1,
    ) -> io.NodeOutput:
        at = latent_frames(field.frames, temporal_factor)
        on_step = progress(field.frames)
        if depth is not None and invert_depth:
            depth = 1 - depth
        frames, filled = warp_picture(
            picture[0],
            field,
            depth=depth,
            region=region,
            order=order,
            splatting=splatting,
            fill=fill,
            on_step=on_step,
        )
        near = depth if order in ("auto", "depth") else None
        moved = _moved(picture, field, at, directed, near, region, on_step)
        clips = [frames, filled, moved, filled[at]]
        frames, filled, moved, new = _even(*clips) if even_size else clips
        return io.NodeOutput(frames, filled, moved, new, **shown(frames))


def _even(*clips: torch.Tensor) -> list[torch.Tensor]:
    """Clips [F, H, W, ...] without the last row or column where their number is odd."""
    height, width = (max(extent - extent % 2, 1) for extent in clips[0].shape[1:3])
    return [clip[:, :height, :width] for clip in clips]


def _moved(
    picture: torch.Tensor,
    field: MotionField,
    at: torch.Tensor,
    directed: torch.Tensor | None,
    depth: torch.Tensor | None,
    region: torch.Tensor | None,
    on_frame: OnStep,
) -> torch.Tensor:
    """[M, H, W] what was directed, in the frames `at`, as the frames of the preview show it."""
    size = picture_size(picture)
    mask = None if directed is None else resized(check_region(directed), size)
    near = None if depth is None else resized(check_region(depth), size)
    # The preview goes by the motion alone: what a field calls hidden is moved, too.
    moved, _ = carried(mask, MotionField(field.flow), near, at, on_frame, size)
    matte = None if region is None else region_of(region, size)
    return moved if matte is None else moved[0].lerp(moved, matte)
