"""Row: malformed inputs. Each gives a result, or an error of ours that says what was wrong.

Most are tried in this process; some go through a host's queue, and some are workflows for its page.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from hypothesis import strategies as st

import testing.pack  # noqa: F401
from soak import cases, clips, queued
from soak.limits import Hung, cap_memory, growth, processor_seconds, resident_memory
from soak.rows import Row
from soak.strategies import generate
from soak.verdict import Failures, fault_of, names_damage, place_of
from testing.comfyui import load_host

NAME = "malformed inputs"
MUST = (
    "a result, or an error of the pack's own that names what is wrong, its value and what is "
    "needed, none from inside torch, numpy or av, none of its scripts in the page; no more than "
    "10 s of processor time; the server alive; memory within 5 % of what it was"
)
QUEUED = 0.25
"""The part that goes through the queue of a host, which has met each node's code by half of it."""
LOADED = 0.015
"""The part that are workflows, loaded into the host's page."""
HANG = 10.0
WARM = 1000
"""Cases before memory is judged by: a few of each kind, with all that they load once."""
SLICE = 100
"""Cases of one run of hypothesis, before the time is looked at."""


def run(count: int, seconds: float, seed: int) -> Row:
    """A few through a host, and then the others in this process."""
    deadline = time.monotonic() + seconds
    through_queue, loaded = (max(1, round(count * part)) for part in (QUEUED, LOADED))
    done, failures, told = queued.run(through_queue, loaded, 0.6 * seconds, seed)
    load_host()
    logging.disable(logging.WARNING)  # what nodes say of odd, but good, inputs
    torch.set_num_threads(1)  # so that the processor's time is that of the case
    with tempfile.TemporaryDirectory() as folder:
        for name in ("input", "output", "temp"):
            _set_folder(name, Path(folder) / name)
        strategy = malformed_inputs(Path(folder) / "input", small_objects())
        cap_memory()
        here = treat(strategy, count - done, deadline, seed)
    measured = f"{here.told()}; {told}"
    return Row(NAME, MUST, here.done + done, (*here.failures, *failures), measured)


def treat(strategy: st.SearchStrategy[cases.Case], count: int, deadline: float, seed: int) -> Tally:
    """Does cases in this process, until there were so many or the time is over."""
    tally = Tally()
    third = time.monotonic() + (deadline - time.monotonic()) / 3
    for start in range(0, count, SLICE):
        generate(strategy, min(SLICE, count - start), seed + start, tally.judge)
        # What is loaded and made once is there after a third of them.
        if not tally.settled and (tally.done >= count // 3 or time.monotonic() > third):
            tally.settled, tally.judged = resident_memory(), tally.done >= WARM
        if time.monotonic() > deadline:
            break
    tally.after = resident_memory()
    if tally.judged:
        tally.failures += growth(tally.settled, tally.after)
    return tally


class Tally:
    """What the cases have come to."""

    def __init__(self) -> None:
        self.done = self.refused = self.settled = self.after = 0
        self.slowest = 0.0
        self.judged = False
        self.failures = Failures()

    def told(self) -> str:
        """Figures for the table."""
        return (
            f"{self.done:,} in one process, {self.refused:,} refused, {self.slowest:.1f} s at "
            "most; "
            f"{self.settled >> 20} MB after a third of them, {self.after >> 20} MB after the last"
            f"{'' if self.judged else ' (too few to judge by)'}"
        )

    def judge(self, case: cases.Case) -> None:
        """Does a case; of failures of one kind the first is told."""
        began = time.process_time()
        fault = None
        try:
            with processor_seconds(HANG), torch.inference_mode():  # as the host has it
                case.call()
        except Hung as error:
            fault = str(error)
        except Exception as error:
            self.refused += 1
            fault = fault_of(error, case.given) or _misled(error, case)
        self.slowest = max(self.slowest, time.process_time() - began)
        self.done += 1
        if fault is not None:
            self.failures.tell(fault, case.what)


def _misled(error: Exception, case: cases.Case) -> str | None:
    """An answer that speaks only of what was good, though the damage is the cause."""
    if names_damage(str(error), case.given) or case.mended is None:
        return None
    try:
        with processor_seconds(HANG), torch.inference_mode():
            case.mended()
    except (Exception, Hung) as other:
        if place_of(other) == place_of(error):
            return None
    bad = ", ".join(one.name for one in case.given if one.bad)
    return (
        f"{Path(place_of(error)[0]).name}:{place_of(error)[1]} does not name {bad}: {error!s:.300}"
    )


def _set_folder(name: str, folder: Path) -> None:
    import folder_paths

    folder.mkdir()
    getattr(folder_paths, f"set_{name}_directory")(str(folder))


def malformed_inputs(folder: Path, objects: dict[str, Any]) -> st.SearchStrategy[cases.Case]:
    """All kinds of cases, for a process that has the host on its path.

    Args:
        folder: the host's input folder.
        objects: what sockets of a model are given, by their types; the nodes of others are left
            out.
    """
    from motion_i2v.nodes import NODES

    by_name = {node.__name__: node for node in NODES}
    plain, hosted = cases.nodes_for(NODES, {}), cases.nodes_for(NODES, objects)
    with_model = [node for node in hosted if node not in plain]
    load = by_name["MotionI2VLoadMotionField"]
    each: list[tuple[int, Callable[[], st.SearchStrategy[cases.Case]]]] = [
        (5, lambda: cases.drawing_cases(by_name["MotionI2VTrajectoryEditor"])),
        (5, lambda: cases.text_cases(by_name["MotionI2VTracksFromText"])),
        (8, lambda: cases.node_cases(plain, {})),
        (int(bool(with_model)), lambda: cases.node_cases(with_model, objects)),
        (4, lambda: cases.file_cases(load, cases.good_files(), folder)),
        (2, lambda: clips.clip_cases(clips.good_clips(), folder)),
    ]
    return st.one_of(*(make() for weight, make in each for _ in range(weight)))


def small_objects() -> dict[str, Any]:
    """The small model's parts, by the types of their sockets."""
    from motion_i2v.nodes import MotionI2VLoadSmallModel as Loader

    kinds = [output.io_type for output in Loader.define_schema().outputs]
    return dict(zip(kinds, Loader.EXECUTE_NORMALIZED().result, strict=True))
