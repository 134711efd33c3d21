"""RAFT: the flow between two frames, from learned weights (torchvision's own parts).

`raft_large` of torchvision is also the estimator of DOT (patches of 8): the same layers under
other names. DOT's refiner (patches of 4, with visibility beside the flow) is refiner.py.

Source: Teed and Deng, "RAFT: Recurrent All-Pairs Field Transforms for Optical Flow", ECCV 2020
(arXiv 2003.12039).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.optical_flow import raft_large
from torchvision.models.optical_flow._utils import make_coords_grid, upsample_flow

from .clip_frames import ClipFrames
from .correlation import Correlation

PATCH = 8
SMALLEST = 128
UPDATES = 12


class Features(NamedTuple):
    """A frame as RAFT sees it.

    picture: [1, 3, h, w] in -1..1. cells: [256, h/8, w/8].
    """

    picture: Tensor
    cells: Tensor


class Raft(nn.Module):
    """Measures the displacement of every pixel between two frames.

    Frames are padded at their right and lower edges to multiples of 8, at least 128 px; below that
    the coarsest correlation is a single cell, and the result not a number.
    """

    def __init__(self) -> None:
        super().__init__()
        self.net = raft_large(weights=None, progress=False)

    def features(self, picture: Tensor) -> Features:
        """What belongs to one frame [3, h, w] in 0..1; made once, used in many pairs."""
        picture = 2 * picture[None] - 1
        return Features(picture, self.net.feature_encoder(padded(picture, PATCH, SMALLEST))[0])

    def context(self, source: Features) -> tuple[Tensor, Tensor]:
        """The first hidden state and the context [1, 128, h/8, w/8] of a source frame."""
        out = self.net.context_encoder(padded(source.picture, PATCH, SMALLEST))
        hidden, context = out.split(128, dim=1)
        return hidden.tanh(), context.relu()

    def flow(self, source: Features, target: Features, updates: int = UPDATES) -> Tensor:
        """The displacement [2, h, w] px of the source's pixels to the target."""
        correlation = Correlation(source.cells, target.cells)
        hidden, context = self.context(source)
        start = make_coords_grid(1, *source.cells.shape[1:]).to(hidden)
        flow = torch.zeros_like(start)
        for _ in range(updates):
            found = correlation((start + flow)[0])[None]
            hidden, change = self.net.update_block(hidden, context, found, flow)
            flow = flow + change
        h, w = source.picture.shape[2:]
        return upsample_flow(flow, self.net.mask_predictor(hidden), factor=PATCH)[0, :, :h, :w]


class RaftPairs:
    """RAFT as `pairwise.Pairs`; keeps on the device what the current pairs need, no more."""

    def __init__(self, raft: Raft) -> None:
        self.raft = raft

    def read(self, clip: ClipFrames, i: int) -> Features:
        device = next(self.raft.parameters()).device
        with torch.inference_mode():
            return self.raft.features(clip.picture(i).to(device))

    def flow(self, source: Features, target: Features) -> np.ndarray:
        with torch.inference_mode():
            flow = self.raft.flow(source, target)
        return np.ascontiguousarray(flow.permute(1, 2, 0).cpu().numpy())


def padded(picture: Tensor, multiple: int, smallest: int) -> Tensor:
    """Repeats the right and lower edges of [1, C, h, w] up to a size that the network takes."""
    h, w = picture.shape[2:]
    bottom, right = (max(smallest, -(-side // multiple) * multiple) - side for side in (h, w))
    if not bottom and not right:
        return picture
    return F.pad(picture, (0, right, 0, bottom), mode="replicate")
