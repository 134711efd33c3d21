"""Results where the device may hold only a part of the weights, next to those with all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import comfy.model_management as management
import torch

from .memory import peak_of
from .parity import LOOP, name_of
from .rows import Row, judged, relative_error
from .stages import Clip, Stage, Widths, unload

CHECK = "a part of the weights on the device"


def offload(
    stage: type[Stage], widths: Widths, clip: Clip, dtype: torch.dtype, allowed: tuple[float, ...]
) -> Iterator[Row]:
    """A loop with so many GB of weights on the device, the rest cast as it is used.

    Args:
        allowed: GB, for all networks of the stage together.
    """
    loaded = stage(widths, clip, dtype)
    unload()
    expected = loaded.sample(LOOP)
    whole = weights_there()[1]
    for size in allowed:
        unload()
        with at_most(size * 1e9):
            ours, peak = peak_of(lambda: loaded.sample(LOOP))
            there, _ = weights_there()
        what = f"{stage.name}, {widths.name}, {clip}, {name_of(dtype)}, {size:g} GB allowed"
        row = judged(CHECK, what, relative_error(ours, expected), 0)
        told = f"{there / 1e9:.2g} of {whole / 1e9:.2g} GB of weights there"
        figures = {**row.figures, "weight_bytes": float(whole), "bytes_there": float(there)}
        yield peak.told(replace(row, measured=f"{row.measured}; {told}", figures=figures))


def weights_there() -> tuple[int, int]:
    """Bytes of the weights of all models in use: those on the device, and all."""
    device = management.get_torch_device()
    # What computed on the CPU, for comparison, may be listed until Python has dropped it.
    used = [one for one in management.current_loaded_models if one.model and one.device == device]
    return sum(one.model_loaded_memory() for one in used), sum(one.model_memory() for one in used)


@contextmanager
def at_most(size: float) -> Iterator[None]:
    """Inside, the host loads at most so many bytes of weights, as where no more memory is free.

    Its own offloading does the rest; only the figure that it derives from the free memory is
    replaced, so that it is the same on every device.
    """
    load = management.LoadedModel.model_load

    def limited(self: Any, _: float = 0, **options: Any) -> Any:
        # What is free for it beyond what is loaded; 0 would mean no limit to the host.
        return load(self, max(size - weights_there()[0], 0.1), **options)

    management.LoadedModel.model_load = limited
    try:
        yield
    finally:
        management.LoadedModel.model_load = load
        unload()
