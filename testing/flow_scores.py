"""How far a motion field is from the truth."""

from dataclasses import dataclass

import numpy as np

from testing.synthetic import Rendered

OUTLIER_PIXELS, OUTLIER_SHARE = 3.0, 0.05


@dataclass(frozen=True)
class Scores:
    """All over the frames after the first.

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


def score(flow: np.ndarray, visibility: np.ndarray, truth: Rendered) -> Scores:
    """Compares flow [F, 2, H, W] and visibility [F, H, W] with the truth."""
    error = np.linalg.norm(flow - truth.flow, axis=1)[1:]
    far = np.linalg.norm(truth.flow, axis=1)[1:]
    seen, said = truth.visible[1:], visibility[1:] > 0.5
    out = (error > OUTLIER_PIXELS) & (error > OUTLIER_SHARE * far)
    right = float((~seen & ~said).sum())
    return Scores(
        visible=float(error[seen].mean()),
        hidden=float(error[~seen].mean()) if (~seen).any() else 0.0,
        everywhere=float(error.mean()),
        last=float(error[-1][seen[-1]].mean()),
        outliers=float(out[seen].mean()),
        f1=2 * right / max(1.0, float((~seen).sum() + (~said).sum())),
    )


def mean(scores: list[Scores]) -> Scores:
    """The mean of each score over clips."""
    columns = {name: [getattr(s, name) for s in scores] for name in Scores.__dataclass_fields__}
    return Scores(**{name: float(np.mean(values)) for name, values in columns.items()})
