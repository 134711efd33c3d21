"""The motion brush: a painted mask becomes the region that may move, and regions combine."""

from typing import Any

import torch
from comfy_api.latest import io

from ..models.picture.region import Combination, brush, combine, overlay
from ..models.picture.region_sources import boxes_region, segments_region
from .inputs import picture_size, region_output
from .node import Node
from .sockets import CATEGORY, advanced, aliases, box_socket, essential, segment_socket


class MotionI2VRegionMask(Node):
    MAY_LACK = ("mask",)

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VRegionMask",
            display_name="Region Mask (Motion Brush)",
            **aliases("motion brush", "kling", "paint motion", "motion mask", "segment"),
            **essential(),
            category=f"{CATEGORY}/draw",
            description="Turns a painted mask into a region: what may move. Grows, feathers, "
            "inverts and fits it to the picture.",
            inputs=[
                io.Mask.Input(
                    "mask",
                    tooltip="What was painted, for example LoadImage's mask after the mask editor. "
                    "Any size.",
                ),
                io.Image.Input(
                    "picture",
                    optional=True,
                    tooltip="The picture that will move: the region gets its size, and the overlay "
                    "shows it. Without one the mask keeps its size.",
                ),
                io.Int.Input(
                    "grow",
                    default=0,
                    min=-2048,
                    max=2048,
                    tooltip="Pixels to grow the region by; negative shrinks it.",
                ),
                io.Float.Input(
                    "feather",
                    default=0.0,
                    min=0.0,
                    max=2048.0,
                    step=0.5,
                    tooltip="Width in pixels of the soft edge. It lies inside the region, so that "
                    "nothing outside moves.",
                ),
                io.Boolean.Input(
                    "invert", default=False, tooltip="On: what was painted is what stays still."
                ),
                io.Boolean.Input(
                    "fill_holes",
                    default=False,
                    tooltip="On: what the painted region encloses belongs to it, so that an "
                    "outline is enough.",
                ),
                io.Boolean.Input(
                    "empty_means_everything",
                    default=True,
                    tooltip="On: where nothing is painted, everything may move. Off: an empty "
                    "mask is an error.",
                    **advanced(),
                ),
                io.Boolean.Input(
                    "snap_to_edges",
                    default=False,
                    optional=True,
                    tooltip="On: a loosely painted brush is led to the outline of the object under "
                    "it. Needs the picture.",
                ),
                *box_socket(
                    "boxes",
                    "Boxes whose inside may move, with or without a mask: from a detector or "
                    "Create Bounding Boxes, in the picture's pixels. Of boxes a frame, those of "
                    "the first frame count.",
                ),
                *segment_socket(
                    "segments",
                    "Objects that SAM3 tracks, which may move, with or without a mask: all of "
                    "them, as they are in the first frame.",
                ),
            ],
            outputs=[
                region_output(),
                io.Image.Output(
                    "overlay",
                    display_name="overlay",
                    tooltip="The picture with the region tinted and outlined.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        grow: int,
        feather: float,
        invert: bool,
        fill_holes: bool,
        empty_means_everything: bool,
        mask: torch.Tensor | None = None,
        picture: torch.Tensor | None = None,
        snap_to_edges: bool = False,
        boxes: Any = None,
        segments: Any = None,
    ) -> io.NodeOutput:
        if snap_to_edges and picture is None:
            raise ValueError(
                "snap_to_edges is on, and looks for outlines in the picture, but there is none: "
                "connect picture, or switch snap_to_edges off"
            )
        size = _size(picture, mask)
        region = brush(
            _painted(mask, boxes, segments, size),
            size,
            grow=grow,
            feather=feather,
            invert=invert,
            fill_holes=fill_holes,
            empty_is_everything=empty_means_everything,
            snap_to=picture if snap_to_edges else None,
        )
        ground = picture[0] if picture is not None else torch.full((*region.shape, 3), 0.5)
        return io.NodeOutput(region[None], overlay(ground, region)[None])


def _size(picture: torch.Tensor | None, mask: torch.Tensor | None) -> tuple[int, int]:
    """(W, H) of the region: the picture's, and without one the mask's."""
    if picture is not None:
        return picture_size(picture)
    if mask is None:
        raise ValueError(
            "nothing says how large the region is: connect picture, or a mask of the picture's size"
        )
    return mask.shape[-1], mask.shape[-2]


def _painted(
    mask: torch.Tensor | None, boxes: Any, segments: Any, size: tuple[int, int]
) -> torch.Tensor:
    """What may move by any of the three, at `size` (W, H); a mask alone as it is."""
    found = [] if boxes is None else [boxes_region(boxes, size)]
    found += [] if segments is None else [segments_region(segments)]
    if mask is None and not found:
        raise ValueError("nothing says what may move: connect mask (or boxes or segments)")
    if mask is not None and not found:
        return mask
    painted = [] if mask is None else [mask]
    return combine([torch.zeros(size[1], size[0]), *found, *painted], "union")


class MotionI2VCombineRegions(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VCombineRegions",
            display_name="Combine Regions",
            **aliases("motion brush", "combine masks", "subtract mask"),
            category=f"{CATEGORY}/draw",
            description="Joins regions, keeps what they share, or cuts some out of the first. Soft "
            "edges stay soft.",
            inputs=[
                io.Mask.Input("region_1", tooltip="The first region; the result has its size."),
                io.Mask.Input("region_2", tooltip="Another region, of any size."),
                io.Mask.Input("region_3", optional=True, tooltip="Another region, of any size."),
                io.Mask.Input("region_4", optional=True, tooltip="Another region, of any size."),
                io.Combo.Input(
                    "operation",
                    options=["union", "intersect", "subtract"],
                    default="union",
                    tooltip="union: what is in any of them. intersect: what is in all of them. "
                    "subtract: the first without the others.",
                ),
            ],
            outputs=[region_output()],
        )

    @classmethod
    def execute(
        cls,
        region_1: torch.Tensor,
        region_2: torch.Tensor,
        operation: Combination,
        region_3: torch.Tensor | None = None,
        region_4: torch.Tensor | None = None,
    ) -> io.NodeOutput:
        regions = [r for r in (region_1, region_2, region_3, region_4) if r is not None]
        return io.NodeOutput(combine(regions, operation)[None])
