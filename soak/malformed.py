"""Row: malformed inputs. Each gives a result, or an error of ours that says what was wrong."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import torch
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

import testing.pack  # noqa: F401
from soak import cases, queued
from soak.limits import Hung, cap_memory, processor_seconds, resident_memory
from soak.rows import Row
from soak.verdict import fault_of
from testing.comfyui import load_host

NAME = "malformed inputs"
MUST = (
    "a result or an error that names value and bound, none from inside torch, numpy or av; no more "
    "than 10 s of processor time; the server alive; memory within 5 % of what it was"
)
QUEUED = 0.03
"""The part that goes through the queue of a host."""
HANG = 10.0
GROWTH = 0.05
SLICE = 100
"""Cases of one run of hypothesis, before the time is looked at."""


def run(count: int, seconds: float, seed: int) -> Row:
    """In this process, most of them, and then through a host."""
    deadline = time.monotonic() + seconds
    through_queue = max(1, round(count * QUEUED))
    most = count - through_queue
    here = _Tally()
    with tempfile.TemporaryDirectory() as folder:
        strategy = _prepare(Path(folder))
        cap_memory()
        settled = 0
        for start in range(0, most, SLICE):
            _generate(strategy, min(SLICE, most - start), seed + start, here)
            # What is loaded and made once is there after a few.
            if not settled and here.done >= most // 3:
                settled = resident_memory()
            if time.monotonic() > deadline - 0.25 * seconds:
                break
    after = resident_memory()
    if after > settled * (1 + GROWTH):
        here.failures.append(f"memory grew from {settled >> 20} to {after >> 20} MB")
    answers = (
        f"{here.done:,} in one process, {here.refused:,} refused, {here.slowest:.1f} s at most"
    )
    memory = f"{settled >> 20} MB after a third of them, {after >> 20} MB after the last"
    done, failures, told = queued.run(through_queue, deadline - time.monotonic(), seed)
    measured = f"{answers}, {memory}; {told}"
    return Row(NAME, MUST, here.done + done, (*here.failures, *failures), measured)


class _Tally:
    """What the cases have come to."""

    def __init__(self) -> None:
        self.done = self.refused = 0
        self.slowest = 0.0
        self.failures: list[str] = []
        self._seen: set[str] = set()

    def judge(self, case: cases.Case) -> None:
        """Does a case; of failures in one place the first is told."""
        began = time.process_time()
        fault = None
        try:
            with processor_seconds(HANG), torch.no_grad():
                case.call()
        except Hung as error:
            fault = str(error)
        except Exception as error:
            self.refused += 1
            fault = fault_of(error)
        self.slowest = max(self.slowest, time.process_time() - began)
        self.done += 1
        if fault is not None and fault.partition(": ")[0] not in self._seen:
            self._seen.add(fault.partition(": ")[0])
            self.failures.append(f"{fault} [{case.what}]")


def _generate(strategy: st.SearchStrategy[Any], count: int, seed: int, tally: _Tally) -> None:
    settings = hypothesis.settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    hypothesis.seed(seed)(settings(hypothesis.given(strategy)(tally.judge)))()


def _prepare(folder: Path) -> st.SearchStrategy[cases.Case]:
    """Loads the host and the pack into this process, on the CPU with one thread."""
    load_host()
    torch.set_num_threads(1)  # so that the processor's time is that of the case
    import folder_paths

    for name in ("input", "output", "temp"):
        (folder / name).mkdir()
        getattr(folder_paths, f"set_{name}_directory")(str(folder / name))
    from motion_i2v.nodes import NODES

    by_name = {node.__name__: node for node in NODES}
    objects = small_objects(by_name["MotionI2VLoadSmallModel"])
    plain, hosted = cases.nodes_for(NODES, {}), cases.nodes_for(NODES, objects)
    with_model = [node for node in hosted if node not in plain]
    load = by_name["MotionI2VLoadMotionField"]
    each: list[tuple[int, Callable[[], st.SearchStrategy[cases.Case]]]] = [
        (5, lambda: cases.drawing_cases(by_name["MotionI2VTrajectoryEditor"])),
        (5, lambda: cases.text_cases(by_name["MotionI2VTracksFromText"])),
        (8, lambda: cases.node_cases(plain, {})),
        (1, lambda: cases.node_cases(with_model, objects)),
        (4, lambda: cases.file_cases(load, cases.good_files(), folder / "input")),
    ]
    return st.one_of(*(make() for weight, make in each for _ in range(weight)))


def small_objects(loader: Any) -> dict[str, Any]:
    """The small model's parts, by the types of their sockets."""
    kinds = [output.io_type for output in loader.define_schema().outputs]
    return dict(zip(kinds, loader.EXECUTE_NORMALIZED().result, strict=True))


if __name__ == "__main__":
    print(run(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))
