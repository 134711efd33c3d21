"""Momentary strokes: what a drawn trajectory says from one frame to the next, as sparse flow.

MCDiff (arXiv 2304.14404) splits every stroke into the parts that belong to single steps: in step i
a point stands at p_i and is asked to go to p_{i+1}.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..types.tracks import Tracks

HALF_SIZE = 2
"""A stroke is known in the square of +-2 pixels about its point: one pixel is too little for a
network that first folds pixels together. (Ours; the paper does not tell.)"""


@dataclass(frozen=True)
class SparseFlow:
    """Flow to the next frame that is known at some pixels only.

    Args:
        flow: [2, H, W] float32 px, x then y; 0 where nothing is known.
        known: [1, H, W] float32, 1 where it is known.
    """

    flow: Tensor
    known: Tensor


def momentary(tracks: Tracks, step: int, half_size: int = HALF_SIZE) -> SparseFlow:
    """The part of some tracks that belongs to the step from frame `step` to the next.

    A point that rests is a pin: known, and still. A point that is hidden in either frame, or stands
    outside the picture, says nothing.

    Args:
        tracks: at the size to paint.
        step: 0 .. frames - 2.
        half_size: see `paint`.

    Raises:
        ValueError: for a step that the tracks do not have.
    """
    if not 0 <= step < tracks.frames - 1:
        raise ValueError(
            f"tracks of {tracks.frames} frames have the steps 0..{tracks.frames - 2}, not {step}"
        )
    seen = (tracks.visibility[step] & tracks.visibility[step + 1]).cpu()
    points = tracks.points[step].detach().cpu()[seen]
    after = tracks.points[step + 1].detach().cpu()[seen]
    return paint(points, after - points, tracks.size, half_size)


def paint(
    points: Tensor, moved: Tensor, size: tuple[int, int], half_size: int = HALF_SIZE
) -> SparseFlow:
    """Paints strokes of one step; where squares overlap, the nearer point counts.

    Args:
        points: [P, 2] px, x then y; those outside the picture are left out.
        moved: [P, 2] px.
        size: (W, H).
        half_size: a square covers the pixels up to so far from its point's nearest pixel.

    Raises:
        ValueError: for a half size below 0.
    """
    if half_size < 0:
        raise ValueError(f"half_size is at least 0 pixels, not {half_size}")
    width, height = size
    flow = torch.zeros(2, height, width)
    nearest = torch.full((height, width), torch.inf)
    centres = torch.floor(points.double() + 0.5).long().tolist()
    for (x, y), point, motion in zip(centres, points.double(), moved.float(), strict=True):
        if not (0 <= x < width and 0 <= y < height):
            continue
        rows = slice(max(y - half_size, 0), y + half_size + 1)
        columns = slice(max(x - half_size, 0), x + half_size + 1)
        row = torch.arange(height)[rows, None] - point[1]
        column = torch.arange(width)[None, columns] - point[0]
        distance = (row.square() + column.square()).float()
        nearer = distance < nearest[rows, columns]
        nearest[rows, columns] = torch.where(nearer, distance, nearest[rows, columns])
        flow[:, rows, columns] = torch.where(nearer, motion[:, None, None], flow[:, rows, columns])
    return SparseFlow(flow, torch.isfinite(nearest)[None].float())
