"""How far results may be from what is exact, by their precision; `--dtype` picks it."""

import torch

TOLERANCES = {
    # Sums of some hundred terms of size 1: a few times the rounding of one.
    torch.float64: 1e-12,
    torch.float32: 1e-6,
    # Summed in float32 and rounded once: the rounding of one value, 2**-8 and 2**-11.
    torch.bfloat16: 1e-2,
    torch.float16: 1e-3,
}
"""Relative, and absolute for values about 1."""
