"""CIELAB, in which colours differ as they do for the eye.

Two conversions, since their last bits differ: kornia's is exact and goes both ways, as colours that
are given back need it; OpenCV's takes its curves from tables, and is what the fields that are led
by edges have been made with.
"""

from __future__ import annotations

import numpy as np
import torch

from .pixels import check_finite


def to_lab(picture: torch.Tensor) -> torch.Tensor:
    """[H, W, 3] in 0..1 -> [3, H, W] of CIELAB."""
    from kornia.color import rgb_to_lab

    return rgb_to_lab(picture.float().cpu().movedim(-1, 0)[None])[0]


def to_rgb(lab: torch.Tensor) -> torch.Tensor:
    """[3, H, W] of CIELAB -> [H, W, 3] in 0..1."""
    from kornia.color import lab_to_rgb

    return lab_to_rgb(lab[None])[0].movedim(0, -1)


def edge_colours(picture: torch.Tensor, size: tuple[int, int]) -> np.ndarray:
    """[H, W, 3] float32 CIELAB colours at `size` (W, H), of a picture's first image, softened.

    Raises:
        ValueError: for another shape than [H', W', C >= 3] or a batch of it, or for NaN.
    """
    import cv2

    first = picture[0] if picture.ndim == 4 and picture.shape[0] else picture
    if first.ndim != 3 or first.shape[2] < 3 or 0 in first.shape:
        raise ValueError(
            f"the picture is [height, width, 3] or a batch of such, got shape {list(picture.shape)}"
        )
    check_finite(first[..., :3], "the picture")
    rgb = first[..., :3].detach().cpu().float().numpy()
    if (rgb.shape[1], rgb.shape[0]) != size:
        shrinks = size[0] * size[1] < rgb.shape[0] * rgb.shape[1]
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    soft = cv2.GaussianBlur(np.ascontiguousarray(rgb.clip(0, 1)), (0, 0), 0.6)
    return cv2.cvtColor(soft, cv2.COLOR_RGB2LAB)
