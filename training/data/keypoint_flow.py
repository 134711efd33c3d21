"""The flow that MCDiff learns from: dense flow, and near tracked keypoints their own motion.

MCDiff (arXiv 2304.14404) replaces optical flow by the motion of tracked keypoints where something
moves: dense trackers smooth what keypoints tell exactly, and what users draw is such points. Its
keypoints are people's joints; ours are corners, which everything has.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import cv2
import numpy as np
import torch
from torch import Tensor

from .ranges import Amount
from .sparse_flow import MOVES, keypoints

WINDOW = (11, 11)
LEVELS = 3
"""Of `cv2.calcOpticalFlowPyrLK`: the window in pixels, and the levels above the first."""


@dataclass(frozen=True)
class Correction:
    """How keypoints correct dense flow.

    Args:
        radius: pixels up to so far from a keypoint, in px, take its motion; of several keypoints,
            that of the nearest.
        moving: px; shorter motion counts as rest. A pixel that rests stays as it is, and so does
            all that is near a keypoint that rests.
        agreement: px; a keypoint that, followed there and back, ends farther than this from where
            it began is left out.
        residual: so is one whose surroundings differ from those where it ends by more than so many
            of 255 grey levels, in the mean: at the edge of a moving thing they show both sides.
        contradiction: and one whose motion differs from the dense flow there by more than this
            share of the longer of the two.

    Raises:
        ValueError: for one below 0.
    """

    radius: Amount = 2.0
    moving: Amount = MOVES
    agreement: Amount = 0.5
    residual: Amount = 8.0
    contradiction: Amount = 0.5

    def __post_init__(self) -> None:
        for item in fields(self):
            if not getattr(self, item.name) >= 0:
                raise ValueError(f"{item.name} is at least 0, not {getattr(self, item.name)}")


USUAL = Correction()


def annotated(
    before: np.ndarray, after: np.ndarray, dense: Tensor, correction: Correction = USUAL
) -> tuple[Tensor, Tensor]:
    """Dense flow corrected by the keypoints of a frame, which are found and followed.

    Args:
        before, after: uint8 [h, w, 3], two frames at the flow's size or, for keypoints that are
            more exact, at a larger one of the same shape.
        dense: [2, H, W] px, where the pixels of `before` are in `after`.
        correction: how.

    Returns:
        The flow, like `dense`, and int64 [P, 2] the keypoints' pixels, x then y.
    """
    height, width = dense.shape[1:]
    small = cv2.resize(before, (width, height), interpolation=cv2.INTER_AREA)
    corners = keypoints(torch.from_numpy(small).permute(2, 0, 1).float() / 255)
    scale = torch.tensor([before.shape[1] / width, before.shape[0] / height])
    moved, good = followed(before, after, (corners + 0.5) * scale - 0.5, correction)
    corners = corners[good]
    return corrected(dense, corners, moved[good] / scale, correction), corners


def followed(
    before: np.ndarray, after: np.ndarray, points: Tensor, correction: Correction = USUAL
) -> tuple[Tensor, Tensor]:
    """Follows points by pyramidal Lucas-Kanade (Bouguet 2001, by OpenCV), there and back.

    Args:
        before, after: uint8 [h, w, 3].
        points: [P, 2] px, x then y, of `before`.
        correction: its `agreement`, in pixels of these pictures, and its `residual`.

    Returns:
        [P, 2] px how far each moved, and bool [P] whether that can be relied on.
    """
    if len(points) == 0:
        return torch.zeros(0, 2), torch.zeros(0, dtype=torch.bool)
    first, second = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (before, after))
    start = points.float().numpy()[:, None]
    there, found, residual = _follow(first, second, start)
    back, found_back, _ = _follow(second, first, there)
    apart = np.linalg.norm(back - start, axis=-1)[:, 0]
    # A comparison with what is not a number is false.
    good = found & found_back & (apart <= correction.agreement)
    good &= (residual <= correction.residual) & np.isfinite(there).all(axis=(1, 2))
    return torch.from_numpy((there - start)[:, 0]), torch.from_numpy(good)


def corrected(
    dense: Tensor, points: Tensor, moved: Tensor, correction: Correction = USUAL
) -> Tensor:
    """Dense flow [2, H, W] px with the motion of keypoints near them, where it moves.

    Args:
        dense: [2, H, W] px.
        points: int64 [P, 2], the pixels of the keypoints, in the picture.
        moved: [P, 2] px, how far each moved.
        correction: how near, and what moves.

    Raises:
        ValueError: for flow or motion that is not finite.
    """
    for name, values in (("dense flow", dense), ("motion of the keypoints", moved)):
        if not bool(torch.isfinite(values).all()):
            raise ValueError(f"the {name} holds values that are not finite; track again")
    kept = _kept(dense, points, moved, correction)
    points, moved = points[kept], moved[kept]
    if len(points) == 0:
        return dense.clone()
    x, y = points.unbind(1)
    free = np.ones(dense.shape[1:], np.uint8)
    free[y, x] = 0
    distance, nearest = cv2.distanceTransformWithLabels(
        free, cv2.DIST_L2, cv2.DIST_MASK_PRECISE, labelType=cv2.DIST_LABEL_PIXEL
    )
    of_label = dense.new_zeros(int(np.max(nearest)) + 1, 2)
    of_label[nearest[y, x]] = moved.to(dense)
    near = torch.from_numpy(distance <= correction.radius)
    replaced = near & (dense.norm(dim=0) > correction.moving)
    return torch.where(replaced, of_label[torch.from_numpy(nearest).long()].movedim(-1, 0), dense)


def _kept(dense: Tensor, points: Tensor, moved: Tensor, correction: Correction) -> Tensor:
    """bool [P]: which keypoints move, and do not contradict the flow."""
    there = dense[:, points[:, 1], points[:, 0]].T
    longer = torch.maximum(moved.norm(dim=1), there.norm(dim=1))
    agree = (moved - there).norm(dim=1) <= correction.contradiction * longer
    return agree & (moved.norm(dim=1) > correction.moving)


def _follow(
    before: np.ndarray, after: np.ndarray, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    # OpenCV's types ask for what its documentation leaves out.
    there, found, residual = cv2.calcOpticalFlowPyrLK(  # type: ignore[call-overload]
        before, after, points, None, winSize=WINDOW, maxLevel=LEVELS
    )
    return there, found[:, 0] == 1, residual[:, 0]
