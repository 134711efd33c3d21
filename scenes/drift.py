"""How far the look of a video's frames has drifted from its first one's: no truth is needed."""

from __future__ import annotations

import torch
from torch import Tensor

QUANTITIES = ("colour", "contrast", "sharpness")


def drift(frames: Tensor) -> dict[str, Tensor]:
    """What has become of a video's look, each [F] float64 and 0 in frame 0.

    Args:
        frames: [F, 3, H, W] in 0..1.

    Returns:
        colour: the distance of the mean colour from frame 0's, a mean over the channels, of 255.
        contrast: the change of the colours' standard deviation, in percent of frame 0's.
        sharpness: the change of the mean length of the gradient, in percent of frame 0's.
    """
    frames = frames.double()
    mean = frames.mean((2, 3))
    return {
        "colour": 255 * (mean - mean[:1]).abs().mean(1),
        "contrast": _percent(frames.flatten(2).std(2, correction=0).mean(1)),
        "sharpness": _percent(sharpness(frames)),
    }


def sharpness(frames: Tensor) -> Tensor:
    """The mean length [F] of the gradient, by differences between neighbouring pixels."""
    down = frames[:, :, 1:, :-1] - frames[:, :, :-1, :-1]
    right = frames[:, :, :-1, 1:] - frames[:, :, :-1, :-1]
    return torch.hypot(down, right).mean((1, 2, 3))


def _percent(values: Tensor) -> Tensor:
    """Their change from the first; NaN where that is 0."""
    return 100 * (values / values[:1].where(values[:1] > 0, torch.nan) - 1)
