"""Arithmetic on single displacement fields [h, w, 2] (NumPy float32 pixels, x then y)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

Array = np.ndarray


@lru_cache(maxsize=4)
def grid(h: int, w: int) -> Array:
    """Every pixel's own position, [h, w, 2]."""
    x, y = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
    positions = np.stack([x, y], axis=-1)
    positions.setflags(write=False)
    return positions


def targets(flow: Array) -> Array:
    """Where each pixel goes, [h, w, 2]."""
    return grid(*flow.shape[:2]) + flow


def sample(values: Array, positions: Array) -> Array:
    """Bilinear values of [h, w] or [h, w, c] at positions [h, w, 2]; outside, the nearest edge."""
    import cv2

    return cv2.remap(
        values,
        np.ascontiguousarray(positions[..., 0]),
        np.ascontiguousarray(positions[..., 1]),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )


def chain(first: Array, then: Array) -> Array:
    """The displacement over two steps: first, and from where it ends, then.

    >>> right = np.ones((1, 4, 2), np.float32) * [1, 0]
    >>> chain(right.astype(np.float32), right.astype(np.float32))[0, 0].tolist()
    [2.0, 0.0]
    """
    return first + sample(then, targets(first))


def inside(flow: Array) -> Array:
    """Which pixels stay in the picture, bool [h, w]."""
    h, w = flow.shape[:2]
    end = targets(flow)
    x, y = end[..., 0], end[..., 1]
    return (x >= 0) & (y >= 0) & (x <= w - 1) & (y <= h - 1)


def length(flow: Array) -> Array:
    """The length of each displacement, [h, w].

    >>> length(np.array([[[3.0, 4.0]]])).tolist()
    [[5.0]]
    """
    return np.sqrt((flow * flow).sum(-1))


def round_trip(forward: Array, backward: Array) -> tuple[Array, Array]:
    """How far from its start each pixel ends when it goes there and back, and what is allowed.

    Returns:
        error [h, w] px, and the bound sqrt(0.01 (|f|^2 + |b|^2) + 1) [h, w] px.

    Source: the bound is Sundaram, Brox and Keutzer's (ECCV 2010), a little wider at rest.
    """
    back = sample(backward, targets(forward))
    squares = (forward * forward).sum(-1) + (back * back).sum(-1)
    return length(forward + back), np.sqrt(0.01 * squares + 1)
