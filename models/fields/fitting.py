"""A motion field made to fit other frames, with a note in the log where that is more than scale."""

from __future__ import annotations

import logging

from ..types.motion_field import MotionField
from .field_ops import retimed

SAME_SHAPE = 0.05
"""Two pictures of one shape: the ratios of their sides differ by no more than this part."""


def fitted(field: MotionField, size: tuple[int, int], frames: int | None = None) -> MotionField:
    """The same motion over frames of another size and in another number of frames.

    A note is logged where the picture is stretched, or where no whole number of the field's steps
    makes one of the others'.

    Args:
        size: (W, H) of the frames.
        frames: how many; None leaves the field's.
    """
    if frames is not None and frames != field.frames:
        if frames < 2 or (field.frames - 1) % (frames - 1):
            logging.warning(
                "The motion field has %d frames, but %d are needed: its motion is played in %d.",
                *(field.frames, frames, frames),
            )
        field = retimed(field, frames)
    stretch = size[0] / size[1] * field.size[1] / field.size[0]
    if not 1 - SAME_SHAPE < stretch < 1 + SAME_SHAPE:
        logging.warning(
            "The motion field is of a picture of %dx%d, but the frames are %dx%d: it is stretched. "
            "For a crop, use Transfer Motion.",
            *field.size,
            *size,
        )
    return field.resized(size)
