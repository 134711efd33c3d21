"""An object cut out of its surroundings along the outline that its colours suggest.

GrabCut (Rother, Kolmogorov & Blake 2004), as OpenCV has it: colour models of inside and outside,
and a minimum cut between them along edges, in turns.
"""

from __future__ import annotations

import numpy as np
import torch

from .pixels import box_of

TURNS = 4
"""Turns of GrabCut; its outlines hardly change after these."""

MARGIN = 16
"""Pixels of surroundings that are looked at, at least."""


def cut_out(
    lab: np.ndarray, inside: np.ndarray, likely: np.ndarray, possible: np.ndarray
) -> np.ndarray:
    """The object's mask [H, W] bool; the same bits for the same inputs.

    Args:
        lab: [H, W, 3] float32 CIELAB colours.
        inside: [H, W] bool, what is surely of the object.
        likely: [H, W] bool, the first guess.
        possible: [H, W] bool, outside of which nothing is of the object.
    """
    guess = likely & possible
    if possible.all() or not guess.any():
        return guess
    # Surroundings a quarter as large on each side are looked at, which are all of one kind.
    rows, columns = box_of(torch.from_numpy(possible), lambda side: max(MARGIN, side // 4))
    mask = np.zeros(likely.shape, dtype=bool)
    mask[rows, columns] = _grab_cut(
        lab[rows, columns],
        inside[rows, columns],
        guess[rows, columns],
        possible[rows, columns],
    )
    return mask


def _grab_cut(
    lab: np.ndarray, inside: np.ndarray, likely: np.ndarray, possible: np.ndarray
) -> np.ndarray:
    import cv2

    marks = np.full(likely.shape, cv2.GC_BGD, dtype=np.uint8)
    marks[possible] = cv2.GC_PR_BGD
    marks[likely] = cv2.GC_PR_FGD
    marks[inside & possible] = cv2.GC_FGD
    scaled = lab * np.array([2.55, 1, 1]) + np.array([0, 128, 128])
    colours = np.ascontiguousarray(scaled.round().clip(0, 255).astype(np.uint8))
    models = np.zeros((2, 1, 65))
    cv2.setRNGSeed(0)
    cv2.grabCut(colours, marks, (0, 0, 1, 1), models[0], models[1], TURNS, cv2.GC_INIT_WITH_MASK)
    return (marks & 1).astype(bool)
