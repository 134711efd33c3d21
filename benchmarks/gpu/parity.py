"""The device's results in each precision next to the CPU's in float32, and the same run twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from motion_i2v.models.host.sampling import Settings

from .rows import Row, judged, relative_error
from .stages import Clip, Stage, Widths, on_the_cpu, unload

PARITY, TWICE = "parity with the CPU in float32", "the same seed twice"
BARS = {
    torch.float32: 2e-5,
    # Twenty roundings of one value, 2**-11 and 2**-8: the way through the network is that long.
    torch.float16: 1e-2,
    torch.bfloat16: 8e-2,
}
ONE_CALL = Settings(steps=1, cfg=1.0, scheduler="normal")
"""From pure noise in one step: what comes out is the network's output."""
LOOP = Settings(steps=2, seed=1)


def parity(stage: type[Stage], widths: Widths, clip: Clip) -> Iterator[Row]:
    """One call of a stage in each precision."""
    with on_the_cpu():
        expected = stage(widths, clip, torch.float32).sample(ONE_CALL)
    for dtype, bar in BARS.items():
        unload()
        with without_tf32():
            ours = stage(widths, clip, dtype).sample(ONE_CALL)
        what = f"{stage.name}, {widths.name}, {clip}, {name_of(dtype)}"
        yield judged(PARITY, what, relative_error(ours, expected), bar)


@contextmanager
def without_tf32() -> Iterator[None]:
    """Torch allows convolutions 10 bits of mantissa; inside, float32 has all of its 23."""
    allowed = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = allowed


def twice(stage: type[Stage], widths: Widths, clip: Clip, dtype: torch.dtype) -> Iterator[Row]:
    """A loop with guidance, twice from one seed, the models loaded again between."""
    loaded = stage(widths, clip, dtype)
    first = loaded.sample(LOOP)
    unload()
    error = relative_error(loaded.sample(LOOP), first)
    what = f"{stage.name}, {widths.name}, {clip}, {name_of(dtype)}, {LOOP.steps} steps"
    yield judged(TWICE, what, error, 0)


def name_of(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
