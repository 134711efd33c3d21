"""What a step of both stages costs, without the warp and in the released code's order, too."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from motion_i2v.models.host.sampling import Settings

from .memory import Peak, peak_of
from .parity import BARS, ONE_CALL, name_of
from .released_order import released_order
from .rows import GOOD, MISSED, NOT_MEASURED, Row, judged, relative_error
from .stages import Clip, Stage, Stage1, Stage2, Widths, unload

CHECK = "a step with guidance"
FEW, MANY = 1, 4
"""Steps of two runs; their difference is the time of steps alone."""


def stage1(widths: Widths, clip: Clip, dtype: torch.dtype) -> Iterator[Row]:
    yield _told(
        f"stage 1, {widths.name}, {clip}, {name_of(dtype)}", _run(Stage1(widths, clip, dtype))
    )


def stage2(widths: Widths, clip: Clip, dtype: torch.dtype) -> Iterator[Row]:
    """A step as it is, without the warp, and in the released order."""
    where = f"{widths.name}, {clip}, {name_of(dtype)}"
    without = _run(Stage2(widths, clip, dtype, strength=0))
    yield _told(f"stage 2 without the warp, {where}", without)
    with released_order():
        released = _run(Stage2(widths, clip, dtype))
    yield _told(f"stage 2 in the released order, {where}", released)
    ours = _run(Stage2(widths, clip, dtype))
    yield _told(f"stage 2, {where}", ours)
    what = f"stage 2 next to the released order, {where}"
    error = relative_error(ours.result, released.result)
    # Both are rounded.
    yield judged(CHECK, f"{what}: results of one call", error, 2 * BARS[dtype])
    yield _compared(what, ours, released, without)


@dataclass(frozen=True)
class Run:
    """What one call makes, the seconds of a step with guidance, and the most memory of one."""

    result: torch.Tensor
    step: float
    peak: Peak


def _run(stage: Stage) -> Run:
    result = stage.sample(ONE_CALL)
    _, peak = peak_of(lambda: stage.sample(Settings(steps=FEW)))
    start = time.perf_counter()
    stage.sample(Settings(steps=FEW))
    between = time.perf_counter()
    stage.sample(Settings(steps=MANY))
    longer = time.perf_counter() - between
    unload()
    return Run(result, (longer - (between - start)) / (MANY - FEW), peak)


def _told(what: str, run: Run) -> Row:
    row = Row(CHECK, what, f"{run.step:.3f} s a step", figures={"seconds": run.step})
    return run.peak.told(row)


def _compared(what: str, ours: Run, released: Run, without: Run) -> Row:
    bar = "time and memory at most the released order's"
    ratio, of_none = ours.step / released.step, ours.step / without.step
    measured = f"{ratio:.2f} of its time, {of_none:.2f} of the time without the warp"
    figures = {"time_of_released": ratio, "time_of_without_warp": of_none}
    if ours.peak.size is None or released.peak.size is None:
        # Narrow networks on a CPU tell nothing of a GPU's time either.
        return Row(CHECK, what, f"{measured}; {ours.peak}", bar, NOT_MEASURED, figures)
    memory = ours.peak.size / released.peak.size
    verdict = GOOD if max(ratio, memory) <= 1 else MISSED
    figures["memory_of_released"] = memory
    return Row(CHECK, what, f"{measured}; {memory:.2f} of its memory", bar, verdict, figures)
