"""DOT's refiner: RAFT on patches of 4, from a first guess, with visibility beside the flow.

Its layers are torchvision's RAFT's; only what carries the visibility is new.

Source: Le Moing, Ponce and Schmid, "Dense Optical Tracking: Connecting the Dots", CVPR 2024
(arXiv 2312.00786).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.models.optical_flow._utils import make_coords_grid, upsample_flow
from torchvision.models.optical_flow.raft import (
    FeatureEncoder,
    FlowHead,
    MaskPredictor,
    MotionEncoder,
    RecurrentBlock,
)

from .correlation import Correlation

PATCH = 4
SMALLEST = 64
UPDATES = 4
STATES = 5
HIDDEN = 128
SURE = 1e-5


class SourceFeatures(NamedTuple):
    """What belongs to the frame that all pairs share; [256 or 128, h/4, w/4]."""

    cells: Tensor
    hidden: Tensor
    context: Tensor


class Refiner(nn.Module):
    """Refines a coarse flow and visibility between two frames."""

    def __init__(self) -> None:
        super().__init__()
        strides, norm = (1, 1, 2, 2), nn.InstanceNorm2d
        self.feature_encoder = FeatureEncoder(strides=strides, norm_layer=norm)
        self.context_encoder = FeatureEncoder(strides=strides, norm_layer=norm)
        self.motion_encoder = MotionEncoder(in_channels_corr=324)
        # The encoder sees, and hands on, five planes: flow, visibility, and two that are zero.
        self.motion_encoder.convflow1[0] = nn.Conv2d(STATES, 128, 7, padding=3)
        self.motion_encoder.conv[0] = nn.Conv2d(256, HIDDEN - STATES, 3, padding=1)
        self.recurrent_block = RecurrentBlock(input_size=2 * HIDDEN, hidden_size=HIDDEN)
        self.flow_head = FlowHead(in_channels=HIDDEN, hidden_size=256)
        self.alpha_head = FlowHead(in_channels=HIDDEN, hidden_size=256)
        self.alpha_head.conv2 = nn.Conv2d(256, 1, 3, padding=1)
        self.flow_mask = _mask()
        self.alpha_mask = _mask()

    def source(self, picture: Tensor) -> SourceFeatures:
        """Reads the frame [3, h, w] in 0..1 from which the flow goes."""
        _check(picture)
        hidden, context = self.context_encoder(2 * picture[None] - 1).split(HIDDEN, dim=1)
        return SourceFeatures(self.cells(picture), hidden.tanh()[0], context.relu()[0])

    def cells(self, picture: Tensor) -> Tensor:
        """The features [256, h/4, w/4] of a frame [3, h, w] in 0..1."""
        return self.feature_encoder(2 * picture[None] - 1)[0]

    def forward(
        self, source: SourceFeatures, target: Tensor, coarse_flow: Tensor, coarse_alpha: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Refines the way from the source to one target.

        Args:
            source: of `source`.
            target: [3, h, w] in 0..1.
            coarse_flow: [2, h/4, w/4], in coarse pixels.
            coarse_alpha: [h/4, w/4], visibility in 0..1.

        Returns:
            flow [2, h, w] px, and visibility [h, w] in 0..1.
        """
        correlation = Correlation(source.cells, self.cells(target))
        hidden, context = source.hidden[None], source.context[None]
        start = make_coords_grid(1, *source.cells.shape[1:]).to(hidden)
        flow = coarse_flow[None]
        alpha = coarse_alpha[None, None].clamp(SURE, 1 - SURE).logit()
        for _ in range(UPDATES):
            found = correlation((start + flow)[0])[None]
            states = torch.cat([flow, alpha, torch.zeros_like(flow)], dim=1)
            motion = self.motion_encoder(states, found)
            hidden = self.recurrent_block(hidden, torch.cat([context, motion], dim=1))
            flow = flow + self.flow_head(hidden)
            alpha = alpha + self.alpha_head(hidden)
        fine = upsample_flow(flow, self.flow_mask(hidden), factor=PATCH)[0]
        # upsample_flow scales what it enlarges, as displacements need it; visibility does not.
        seen = upsample_flow(alpha, self.alpha_mask(hidden), factor=PATCH)[0, 0] / PATCH
        return fine, seen.sigmoid()


def _mask() -> MaskPredictor:
    mask = MaskPredictor(in_channels=HIDDEN, hidden_size=256)
    mask.conv = nn.Conv2d(256, 9 * PATCH * PATCH, 1)
    return mask


def _check(picture: Tensor) -> None:
    h, w = picture.shape[1:]
    if h % PATCH or w % PATCH or min(h, w) < SMALLEST:
        raise ValueError(
            f"the refiner works on sides that are multiples of {PATCH} and at least {SMALLEST} px, "
            f"not on {w}x{h}"
        )
