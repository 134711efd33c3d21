"""Regions that other nodes found: boxes of a detector, and objects tracked through a video."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from ..types.as_numbers import as_numbers
from ..types.motion_field import check_size

BOX = ("x", "y", "width", "height")


def boxes_region(boxes: Any, size: tuple[int, int]) -> torch.Tensor:
    """A region [H, W] float32, 1 inside of boxes.

    Args:
        boxes: {"x", "y", "width", "height"} in pixels of the picture; a list of them; or a list of
            such lists, one a frame, of which the first counts.
        size: (W, H) of the picture.

    Raises:
        ValueError: where there is no box in the first frame, or one is no box, empty, or wholly
            outside the picture.

    >>> boxes_region({"x": 1, "y": 0, "width": 2, "height": 1}, (4, 2)).tolist()
    [[0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
    """
    check_size(size)
    if isinstance(boxes, Mapping):
        boxes = [boxes]
    if isinstance(boxes, list | tuple) and boxes and isinstance(boxes[0], list | tuple):
        boxes = boxes[0]
    if not isinstance(boxes, list | tuple) or not boxes:
        raise ValueError(
            f"there is no box in the first frame, but {boxes!r:.60}: lower the detector's "
            "threshold, or disconnect boxes"
        )
    region = torch.zeros(size[1], size[0])
    for index, box in enumerate(boxes):
        left, top, right, bottom = _edges(box, f"box {index + 1} of {len(boxes)}", size)
        region[top:bottom, left:right] = 1
    return region


def segments_region(tracked: Any) -> torch.Tensor:
    """A region [h, w] float32, 1 where any object of SAM3's tracks is in the first frame.

    Args:
        tracked: what SAM3_TRACK_DATA carries: {"packed_masks": uint8 [F, objects, h, w / 8], each
            byte eight pixels from its lowest bit on, or None where nothing was found}.

    Raises:
        ValueError: for anything else, or where no object is in the first frame.
    """
    if not isinstance(tracked, Mapping) or "packed_masks" not in tracked:
        found = sorted(map(str, tracked)) if isinstance(tracked, Mapping) else type(tracked)
        raise ValueError(f'tracked segments are a dict with "packed_masks", got {found}')
    packed = tracked["packed_masks"]
    if packed is not None:
        packed = as_numbers(packed, "tracked segments' packed_masks are uint8")
        if packed.ndim != 4 or packed.dtype != torch.uint8:
            raise ValueError(
                f"tracked segments are uint8 [frames, objects, height, width / 8], got "
                f"{packed.dtype} {list(packed.shape)}"
            )
    if packed is None or 0 in packed.shape or not bool(packed[0].any()):
        raise ValueError(
            "no tracked object is in the first frame: lower the tracker's threshold, begin the "
            "video where the object is seen, or disconnect segments"
        )
    bits = np.unpackbits(packed[0].cpu().numpy(), axis=-1, bitorder="little")
    return torch.from_numpy(bits.any(axis=0).astype(np.float32))


def _edges(box: Any, where: str, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom in whole pixels of the picture, right and bottom excluded."""
    numbers: list[Any] = [box.get(key) for key in BOX] if isinstance(box, Mapping) else []
    if not numbers or not all(isinstance(n, int | float) and math.isfinite(n) for n in numbers):
        raise ValueError(f"{where} is {box!r:.80}: expected the numbers {', '.join(BOX)}")
    x, y, width, height = map(float, numbers)
    left, right = (min(max(round(edge), 0), size[0]) for edge in (x, x + width))
    top, bottom = (min(max(round(edge), 0), size[1]) for edge in (y, y + height))
    if left >= right or top >= bottom:
        raise ValueError(
            f"{where} holds no pixel of the picture ({size[0]}x{size[1]}): it is {width:g}x"
            f"{height:g} at {x:g}, {y:g}; connect the picture that was searched, and check its size"
        )
    return left, top, right, bottom
