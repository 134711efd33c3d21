"""Colours that drift from frame to frame, brought back to those of a reference picture."""

from __future__ import annotations

import numpy as np
import torch

from ..types.progress import OnStep
from .lab import to_lab, to_rgb
from .pixels import check_finite

MEAN_AND_SPREAD, HISTOGRAM = "mean and spread", "histogram"
METHODS = (MEAN_AND_SPREAD, HISTOGRAM)


def match_colors(
    frames: torch.Tensor,
    reference: torch.Tensor,
    method: str = MEAN_AND_SPREAD,
    strength: float = 1.0,
    on_step: OnStep | None = None,
) -> torch.Tensor:
    """Gives each frame the overall colours of the reference; where things are does not matter.

    Args:
        frames: [F, H, W, 3] in 0..1.
        reference: [1, H', W', 3] in 0..1.
        method: "mean and spread" moves and scales each channel of CIELAB (Reinhard et al., "Color
            Transfer between Images", 2001); "histogram" matches each channel's whole distribution.
        strength: 0 leaves the frames as they are, 1 matches fully.
        on_step: called with (frames done, frames in all).

    Returns:
        [F, H, W, 3] in 0..1.

    Raises:
        ValueError: for other shapes, an unknown method, a strength outside 0..1 or NaN.
    """
    _check(frames, reference, method, strength)
    if strength == 0:
        return frames
    target = to_lab(reference[0])
    out = torch.empty_like(frames)
    for i, frame in enumerate(frames):
        lab = to_lab(frame)
        matched = _spread(lab, target) if method == MEAN_AND_SPREAD else _histogram(lab, target)
        out[i] = torch.lerp(frame, to_rgb(matched).to(frame), strength).clamp(0, 1)
        if on_step is not None:
            on_step(i + 1, len(frames))
    return out


def _spread(lab: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    axes = (1, 2)
    around = lab - lab.mean(axes, keepdim=True)
    if min(lab[0].numel(), target[0].numel()) > 1:  # a single pixel has no spread
        around *= target.std(axes, keepdim=True) / lab.std(axes, keepdim=True).clamp(min=1e-6)
    return around + target.mean(axes, keepdim=True)


def _histogram(lab: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Each value becomes the target's value of the same rank."""
    out = np.empty_like(lab.numpy())
    for channel, (ours, theirs) in enumerate(zip(lab.numpy(), target.numpy(), strict=True)):
        _, place, counts = np.unique(ours, return_inverse=True, return_counts=True)
        rank = (np.cumsum(counts) - counts / 2) / ours.size
        levels = (np.arange(theirs.size) + 0.5) / theirs.size
        out[channel] = np.interp(rank, levels, np.sort(theirs, axis=None))[place].reshape(
            ours.shape
        )
    return torch.from_numpy(out)


def _check(frames: torch.Tensor, reference: torch.Tensor, method: str, strength: float) -> None:
    if reference.ndim != 4 or reference.shape[0] != 1:
        raise ValueError(
            f"the reference for colours is one picture [1, H, W, 3], got {list(reference.shape)}"
        )
    if frames.ndim != 4 or frames.shape[3] != 3 or reference.shape[3] != 3:
        raise ValueError(
            f"colours are matched between RGB pictures [frames, H, W, 3], got "
            f"{list(frames.shape)} and {list(reference.shape)}"
        )
    if method not in METHODS:
        raise ValueError(
            f"unknown method '{method}' of matching colours: use {' or '.join(METHODS)}"
        )
    if not 0 <= strength <= 1:
        raise ValueError(f"the strength of the colour match is 0..1, not {strength}")
    check_finite(frames, "the frames' colours")
    check_finite(reference, "the reference for colours")
