"""Clips longer than the temporal layers know: windows that all begin with the reference frame.

The motion field is given from the reference frame, so the frames of a window need not lie next to
the reference: [reference, 21, 22, ..., 35] is a clip like any other.
"""

from __future__ import annotations

import torch

from .motion_attention import MAX_FRAMES

OVERLAP = 5


def windows(frames: int, overlap: int = OVERLAP, longest: int = MAX_FRAMES) -> list[list[int]]:
    """The frames of each window: 0, then up to 15 consecutive ones.

    All windows are equally long; the last one overlaps more where the frames do not divide.

    Args:
        frames: of the whole clip, at least 1.
        overlap: frames that neighbouring windows share besides the reference, 0..longest - 2.
        longest: frames of a window, with the reference.

    Raises:
        ValueError: for an overlap that leaves no step.

    >>> windows(6, overlap=1, longest=4)
    [[0, 1, 2, 3], [0, 3, 4, 5]]
    """
    predicted = longest - 1
    if not 0 <= overlap < predicted:
        raise ValueError(f"the windows' overlap must be 0..{predicted - 1} frames, not {overlap}")
    parts = consecutive_windows(frames - 1, predicted, overlap)
    return [[0, *(frame + 1 for frame in part)] for part in parts]


def consecutive_windows(frames: int, length: int, overlap: int) -> list[list[int]]:
    """The frames of windows that cover them all, each `length` long where there are as many.

    Neighbours share `overlap` frames (0..length - 1); the last one more, where they do not divide.

    >>> consecutive_windows(7, 4, 2)
    [[0, 1, 2, 3], [2, 3, 4, 5], [3, 4, 5, 6]]
    >>> consecutive_windows(3, 4, 2)
    [[0, 1, 2]]
    """
    last = max(0, frames - length)
    starts = [*range(0, last, length - overlap), last]
    return [list(range(start, min(start + length, frames))) for start in starts]


def blend_weights(window: list[int]) -> torch.Tensor:
    """[frames of the window] how much each frame counts where windows overlap: most in the middle.

    The reference, which is in all of them, counts the same everywhere.

    >>> blend_weights([0, 21, 22, 23]).tolist()
    [1.0, 1.0, 2.0, 1.0]
    """
    return torch.cat([torch.ones(1), rise_and_fall(len(window) - 1)])


def rise_and_fall(frames: int) -> torch.Tensor:
    """[frames] weights 1, 2, ... to the middle of a window, and down again.

    >>> rise_and_fall(5).tolist()
    [1.0, 2.0, 3.0, 2.0, 1.0]
    """
    rise = torch.arange(1, frames + 1)
    return torch.minimum(rise, rise.flip(0)).float()
