"""How far results may be from what is exact, and why: the one table of it.

A test names a row. `Tolerance(...)` of its own is a bound that the test claims, of a measurement or
of chance, and no matter of rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class Tolerance:
    """May be off by `absolute`, in the values' units, and `relative`, of what is expected."""

    absolute: float = 0
    relative: float = 0


ONE_OP = Tolerance(relative=3e-7)
"""The rounding of one or two operations in float32."""
FLOAT32 = Tolerance(1e-6)
"""Sums of some hundred terms of size 1."""
ACCUMULATED = Tolerance(1e-5)
"""float32 through several operations, or of values of some tens."""
HUNDREDS = Tolerance(1e-4)
"""float32 values of some hundred, such as pixels, or what a small network makes of size 1."""
REORDERED = Tolerance(1e-5, 1e-4)
"""What a network makes whose sums come in another order."""
SAMPLED = Tolerance(1e-4, 1e-4)
"""The same, after several steps of sampling."""
RELATIVE = Tolerance(relative=1e-6)
"""Of figures of any size that are means or quotients in float32."""
HALF = Tolerance(2e-3, 2e-3)
"""Weights that were kept in float16 in between."""
FLOAT64 = Tolerance(1e-12)
RELATIVE64 = Tolerance(relative=1e-9)
DECOMPOSED = Tolerance(1e-9)
"""float64 through eigenvalues and their roots."""
SOLVED = Tolerance(1e-3)
"""Where an iteration or a fit stops."""
EIGHT_BIT = Tolerance(2e-3)
"""Half a step of a colour of 8 bits, of 1."""
SCREEN = Tolerance(3)
"""A colour of a page, of 255."""
LOSSY = Tolerance(12)
"""A colour of a video's frame in a page, of 255."""
POINTER = Tolerance(0.005)
"""A pointer's whole pixels, as a part of a widget some hundred pixels wide."""

TOLERANCES = {
    # Sums of some hundred terms of size 1: a few times the rounding of one.
    torch.float64: Tolerance(1e-12, 1e-12),
    torch.float32: Tolerance(1e-6, 1e-6),
    # Summed in float32 and rounded once: the rounding of one value, 2**-8 and 2**-11.
    torch.bfloat16: Tolerance(1e-2, 1e-2),
    torch.float16: Tolerance(1e-3, 1e-3),
}
"""`--dtype` picks it."""


def close(actual: Any, expected: Any, tolerance: Tolerance) -> None:
    """Raises AssertionError unless numbers, arrays or tensors of one shape are as near as that."""
    atol, rtol = tolerance.absolute, tolerance.relative
    if isinstance(expected, torch.Tensor):
        torch.testing.assert_close(actual, expected, atol=atol, rtol=rtol)
    else:
        np.testing.assert_allclose(actual, expected, rtol, atol, equal_nan=False)
