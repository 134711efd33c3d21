"""The core's CURVE: a drawn line from (0, 0) to (1, 1) that says how time passes."""

from __future__ import annotations

import math
from typing import Any

import torch

KINDS = ("monotone_cubic", "linear")


def time_along(curve: Any, frames: int) -> torch.Tensor:
    """How far a curve is at so many equal steps: [F] float64 in 0..1, the first of them 0.

    Args:
        curve: what a CURVE socket carries, as the core's CurveInput or as its raw value:
            {"points": [[x, y], ...], "interpolation": "monotone_cubic" or "linear"}.

    Raises:
        ValueError: for less than two points, one outside 0..1, or a curve that does not begin at 0.
    """
    from comfy_api.input import CurveInput

    if not isinstance(curve, CurveInput):
        _check(curve)
    line = CurveInput.from_raw(curve)
    values = torch.from_numpy(line.interp_array(torch.linspace(0, 1, frames).double().numpy()))
    if float(values[0]) != 0:
        raise ValueError(
            f"the curve begins at {float(values[0]):.3g}: it must begin at 0, because the picture "
            "itself is the first frame"
        )
    low, high = values.aminmax()
    if not (low >= 0 and high <= 1):
        raise ValueError(f"the curve goes from {low:.3g} to {high:.3g}: keep it within 0..1")
    return values


def _check(curve: Any) -> None:
    told = curve if isinstance(curve, dict) else {"points": curve}
    points, kind = told.get("points"), told.get("interpolation", KINDS[0])
    if kind not in KINDS:
        raise ValueError(f"unknown interpolation {kind!r} of the curve: {' or '.join(KINDS)}")
    if not isinstance(points, list | tuple) or len(points) < 2:
        raise ValueError(
            f"a curve has at least 2 points [x, y], not {points!r:.60}: connect a Curve Editor"
        )
    for point in points:
        numbers = list(point) if isinstance(point, list | tuple) else []
        if len(numbers) != 2 or not all(
            isinstance(v, int | float) and math.isfinite(v) and 0 <= v <= 1 for v in numbers
        ):
            raise ValueError(f"a curve's points are [x, y] within 0..1, not {point!r:.60}")
