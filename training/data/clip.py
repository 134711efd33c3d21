"""The one kind of example that training knows: a clip, its exact or estimated motion, a caption."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .batches import Batch


@dataclass(frozen=True)
class TrainingClip:
    """F frames of H x W pixels with the motion of frame 0's pixels.

    Args:
        frames: [F, 3, H, W] float32 in 0..1; frame 0 is the reference.
        flow: [F, 2, H, W] float32 px from frame 0; frame 0 is zero.
        visible: bool [F, H, W], of frame 0's pixels: in the picture and not covered in frame f.
        objects: int64 [H, W], of frame 0: 0 background, k the k-th sprite; all 0 in real clips.
        strides: [F - 1] float32, how far ahead each frame is: 120 is the end of the motion.
        caption: what moves; may be empty.
    """

    frames: Tensor
    flow: Tensor
    visible: Tensor
    objects: Tensor
    strides: Tensor
    caption: str


TENSORS = ("frames", "flow", "visible", "objects", "strides")


def stack(clips: Sequence[TrainingClip]) -> Batch:
    """Makes a batch of clips of one shape: tensors with a leading clip axis, a list of captions.

    Raises:
        ValueError: without clips, or where their shapes differ.
    """
    if not clips:
        raise ValueError("a batch needs at least one clip")
    shapes = {tuple(clip.frames.shape) for clip in clips}
    if len(shapes) > 1:
        raise ValueError(f"the clips of a batch must have one shape; these have {sorted(shapes)}")
    tensors = {name: torch.stack([getattr(clip, name) for clip in clips]) for name in TENSORS}
    return {**tensors, "caption": [clip.caption for clip in clips]}


def pictures_of(pixels: np.ndarray) -> Tensor:
    """uint8 [F, H, W, 3] as float32 [F, 3, H, W] in 0..1."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).to(torch.float32) / 255
