"""How much of a GPU's memory a run takes, where torch counts it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import comfy.model_management as management
import torch

from .rows import Row


@dataclass(frozen=True)
class Peak:
    """The most bytes of the device that were taken at once; None where nothing counts them."""

    size: int | None

    def __str__(self) -> str:
        if self.size is None:
            return "peak memory not measured: torch counts it on CUDA and ROCm only"
        return f"peak memory {self.size / 1e9:.2f} GB"

    def told(self, row: Row) -> Row:
        """The row with the peak in it."""
        figures = {} if self.size is None else {"peak_bytes": float(self.size)}
        measured = f"{row.measured}; {self}"
        return replace(row, measured=measured, figures={**row.figures, **figures})


def peak_of(run: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, Peak]:
    """A run's result, and the memory that it took at most, the weights included."""
    if management.get_torch_device().type != "cuda":
        return run(), Peak(None)
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    result = run()
    torch.cuda.synchronize()
    return result, Peak(torch.cuda.max_memory_allocated())
