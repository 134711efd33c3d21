"""How far a tracked motion field is from the truth of a clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from . import metrics
from .textured_scenes import Rendered

OUTLIER_PIXELS, OUTLIER_SHARE = 3.0, 0.05


@dataclass(frozen=True)
class FlowScores:
    """All over the frames after the first; NaN over nothing.

    Args:
        visible: mean end-point error of visible pixels, px.
        hidden: the same of the others.
        everywhere: the same of all.
        last: `visible` in the last frame.
        outliers: share of visible pixels off by more than 3 px and 5 % (KITTI's rule).
        f1: F1 of "not visible".
    """

    visible: float
    hidden: float
    everywhere: float
    last: float
    outliers: float
    f1: float

    @staticmethod
    def of(flow: np.ndarray, visibility: np.ndarray, clip: Rendered) -> FlowScores:
        """Compares flow [F, 2, H, W] and visibility [F, H, W] with a clip's truth."""
        truth, seen = torch.from_numpy(clip.flow), torch.from_numpy(clip.visible)
        error = metrics.end_point_error(torch.from_numpy(flow), truth)
        far = torch.linalg.vector_norm(truth, dim=1)
        out = (error > OUTLIER_PIXELS) & (error > OUTLIER_SHARE * far)
        hidden, said = ~seen[1:], torch.from_numpy(visibility[1:]) <= 0.5
        right = int((hidden & said).sum())
        return FlowScores(
            visible=metrics.mean_where(error, seen),
            hidden=metrics.mean_where(error, ~seen),
            everywhere=metrics.mean_where(error),
            last=float(error[-1][seen[-1]].mean()),
            outliers=metrics.mean_where(out, seen),
            f1=2 * right / max(1, int(hidden.sum()) + int(said.sum())),
        )

    @staticmethod
    def mean(scores: list[FlowScores]) -> FlowScores:
        """The mean of each score over clips."""
        names = FlowScores.__dataclass_fields__
        columns = ([getattr(each, name) for each in scores] for name in names)
        return FlowScores(*(metrics.mean(column) for column in columns))
