"""Colours as they differ for the eye."""

from __future__ import annotations

import numpy as np
import torch


def lab_of(picture: torch.Tensor, size: tuple[int, int]) -> np.ndarray:
    """[H, W, 3] float32 CIELAB colours at `size` (W, H), of a picture's first image.

    Raises:
        ValueError: for another shape than [H', W', C >= 3] or a batch of it, or for NaN.
    """
    import cv2

    first = picture[0] if picture.ndim == 4 and picture.shape[0] else picture
    if first.ndim != 3 or first.shape[2] < 3 or 0 in first.shape:
        raise ValueError(
            f"the picture is [height, width, 3] or a batch of such, got shape {list(picture.shape)}"
        )
    rgb = first[..., :3].detach().cpu().float().numpy()
    if not np.isfinite(rgb).all():
        raise ValueError("the picture holds values that are not finite")
    if (rgb.shape[1], rgb.shape[0]) != size:
        shrinks = size[0] * size[1] < rgb.shape[0] * rgb.shape[1]
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    soft = cv2.GaussianBlur(np.ascontiguousarray(rgb.clip(0, 1)), (0, 0), 0.6)
    return cv2.cvtColor(soft, cv2.COLOR_RGB2LAB)
