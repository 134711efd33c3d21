"""A motion field for other frames than its own, with a note in the log where it does not fit."""

from __future__ import annotations

import logging

from ..types.motion_field import MotionField
from .field_ops import retimed

SAME_SHAPE = 0.05
"""Two pictures of one shape: the ratios of their sides differ by no more than this part."""


def note_shape(field: MotionField, size: tuple[int, int]) -> None:
    """Logs a note where frames of `size` (W, H) have another shape than the field's picture."""
    stretch = size[0] / size[1] * field.size[1] / field.size[0]
    if not 1 - SAME_SHAPE < stretch < 1 + SAME_SHAPE:
        logging.warning(
            "The motion field is of a picture of %dx%d, but the frames are %dx%d: it is stretched. "
            "For a crop, use Transfer Motion.",
            *(*field.size, *size),
        )


def played_in(field: MotionField, frames: int) -> MotionField:
    """The whole motion in another number of frames.

    Where a whole number of the field's steps makes one of the others (as for a video model's
    latents, of which 21 stand for 81 frames), nothing is said; else a note is logged.
    """
    if frames != field.frames and (frames < 2 or (field.frames - 1) % (frames - 1)):
        logging.warning(
            "The motion field has %d frames, but %d are needed: its motion is played in those.",
            *(field.frames, frames),
        )
    return retimed(field, frames)
