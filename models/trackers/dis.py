"""Dense inverse search: the optical flow between two frames, without learned weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .clip_frames import MULTIPLE, ClipFrames
from .fields import grid

SMALLEST = 16
BEYOND = 16


def check_size(clip: ClipFrames) -> None:
    """Raises ValueError, saying what to do, for a clip that is read at too small a size."""
    (w, h), own = clip.read_size, clip.own_size
    if min(w, h) >= SMALLEST:
        return
    if min(own) < SMALLEST:
        raise ValueError(
            f"the frames are {own[0]}x{own[1]}; this tracker needs at least {SMALLEST} px on each "
            "side: take larger ones"
        )
    enough = math.ceil(SMALLEST * max(own) / min(own) / MULTIPLE) * MULTIPLE
    raise ValueError(
        f"the frames of {own[0]}x{own[1]} are {w}x{h} for tracking; this tracker needs at least "
        f"{SMALLEST} px on each side: raise 'working_side' to {enough} or more"
    )


class DenseInverseSearch:
    """OpenCV's DIS flow for the frames of one clip, with settings for long displacements.

    Make a new one for every clip. OpenCV (4.12 and 5.0) crashes where one object sees pictures of
    several sizes with and without an initial flow, and in a `calc` after `collectGarbage`: so
    there are two objects here, and neither is ever reused or told to collect.

    Source: Kroeger, Timofte, Dai and Van Gool, "Fast Optical Flow using Dense Inverse Search",
    ECCV 2016 (arXiv 1603.03590).
    """

    def __init__(self) -> None:
        self._plain = _search()
        self._guided = _search()
        self._size: tuple[int, ...] | None = None

    def __call__(
        self, source: np.ndarray, target: np.ndarray, initial: np.ndarray | None = None
    ) -> np.ndarray:
        """The displacement of each pixel of `source` to `target`.

        Args:
            source: uint8 [h, w].
            target: uint8 [h, w].
            initial: [h, w, 2] float32 pixels, where to begin looking.

        Raises:
            ValueError: for pictures under 16 pixels, or of another size than the first ones.
        """
        h, w = source.shape
        if min(h, w) < SMALLEST:
            raise ValueError(
                f"the frames are {w}x{h}; this tracker needs at least {SMALLEST} px on each side"
            )
        if (self._size or source.shape) != source.shape or target.shape != source.shape:
            raise ValueError(f"frames of different sizes: {self._size}, {source.shape}")
        self._size = source.shape
        if initial is None:
            return self._plain.calc(source, target, None)
        return self._guided.calc(source, target, _near(initial))


def _search() -> Any:
    import cv2

    create: Any = cv2.DISOpticalFlow_create  # type: ignore[attr-defined]
    search = create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setFinestScale(1)
    search.setPatchSize(8)
    search.setPatchStride(3)
    search.setGradientDescentIterations(25)
    search.setVariationalRefinementIterations(10)
    search.setVariationalRefinementAlpha(40)
    search.setVariationalRefinementDelta(1)
    search.setVariationalRefinementGamma(10)
    # Both are needed: without them the error on moving textures is 6 and 1.7 times as large.
    search.setUseMeanNormalization(True)
    search.setUseSpatialPropagation(True)
    return search


def _near(flow: np.ndarray) -> np.ndarray:
    """A copy whose targets lie at most 16 px outside the picture."""
    h, w = flow.shape[:2]
    start = grid(h, w)
    low, high = -BEYOND, np.array([w - 1 + BEYOND, h - 1 + BEYOND], np.float32)
    return np.ascontiguousarray((start + flow).clip(low, high) - start, dtype=np.float32)
