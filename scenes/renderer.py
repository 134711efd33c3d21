"""Layers under affine motions become frames, their exact flow, and what of it stays visible.

Every layer is a texture under one affine motion of the plane, so where a pixel of frame 0 is in
another frame is known exactly, and so is whether a nearer layer hides it there. What the layers
show and how they move is others' business: `photograph_scenes` and `textured_scenes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Layer:
    """A texture, and how much of what lies behind it is seen.

    Args:
        texture: [h, w, 3] uint8, or float32 of the same range, times the cover.
        clear: [h, w, 3] like it, 255 where nothing covers; None: it covers all.
        place: [3, 3], from the texture to the picture at time 0.
    """

    texture: np.ndarray
    clear: np.ndarray | None
    place: np.ndarray

    @staticmethod
    def covering(texture: np.ndarray, cover: np.ndarray, place: np.ndarray) -> Layer:
        """A layer that covers in part: `cover` [h, w] of the texture's type, 255 for all."""
        cover3 = cv2.merge([cover, cover, cover])
        covered = cv2.multiply(np.ascontiguousarray(texture), cover3, scale=1 / 255)
        return Layer(covered, 255 - cover3, place)


def painted(
    layers: Sequence[Layer], moves: Sequence[np.ndarray], size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Paints layers from the back to the front.

    Args:
        layers: the first covers the whole picture.
        moves: of each layer [F, 3, 3], where a point of the picture at time 0 is.
        size: (W, H).

    Returns:
        the pictures [F, H, W, 3] of the textures' type, and the index of the front layer
        [F, H, W] uint8.
    """
    width, height = size
    count = len(moves[0])
    pictures = np.empty((count, height, width, 3), layers[0].texture.dtype)
    front = np.zeros((count, height, width), np.uint8)
    for i in range(count):
        matrix = (moves[0][i] @ layers[0].place)[:2]
        border = cv2.BORDER_REFLECT_101
        cv2.warpAffine(layers[0].texture, matrix, size, dst=pictures[i], borderMode=border)
    for k, layer in enumerate(layers[1:], start=1):
        for i, place in enumerate(moves[k] @ layer.place):
            _lay(pictures[i], front[i], k, layer, place)
    return pictures, front


def _lay(picture: np.ndarray, front: np.ndarray, k: int, layer: Layer, place: np.ndarray) -> None:
    """Paints a layer over the part of the picture that it reaches."""
    assert layer.clear is not None
    rows, columns = layer.texture.shape[:2]
    corners = place[:2] @ [[0, columns, 0, columns], [0, 0, rows, rows], [1, 1, 1, 1]]
    left, top = np.maximum(np.floor(corners.min(1)).astype(int), 0)
    right, bottom = np.minimum(np.ceil(corners.max(1)).astype(int) + 1, picture.shape[1::-1])
    if right <= left or bottom <= top:
        return
    matrix = place[:2] - [[0, 0, left], [0, 0, top]]
    size = (int(right - left), int(bottom - top))
    over = cv2.warpAffine(layer.texture, matrix, size)
    clear = cv2.warpAffine(layer.clear, matrix, size, borderValue=(255, 255, 255))
    part = np.ascontiguousarray(picture[top:bottom, left:right])
    picture[top:bottom, left:right] = cv2.add(over, cv2.multiply(part, clear, scale=1 / 255))
    front[top:bottom, left:right][clear[..., 0] < 128] = k


def truth(moves: Sequence[np.ndarray], front: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the flow [F, 2, H, W] px and the visibility bool [F, H, W] of frame 0's pixels.

    Args:
        moves, front: as for, and from, `painted`.
    """
    count, height, width = front.shape
    first = front[0].ravel()
    y, x = np.divmod(np.arange(height * width), width)
    here = np.stack([x, y, np.ones_like(x)]).astype(np.float32)
    flow = np.empty((count, 2, height * width), np.float32)
    for k, move in enumerate(moves):
        step = (move[:, :2] - np.eye(3)[:2]).reshape(-1, 3).astype(np.float32)
        at = np.flatnonzero(first == k)
        flow[..., at] = (step @ here[:, at]).reshape(count, 2, -1)
    flow[0] = 0
    end = np.rint(here[:2] + flow).astype(np.int32)
    column, row = end[:, 0], end[:, 1]
    inside = (column >= 0) & (row >= 0) & (column < width) & (row < height)
    spot = np.where(inside, row * width + column, 0)
    there = np.take_along_axis(front.reshape(count, -1), spot, axis=1)
    visible = inside & (there == first)
    return flow.reshape(count, 2, height, width), visible.reshape(front.shape)


def translation(x: float, y: float) -> np.ndarray:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)
