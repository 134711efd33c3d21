"""Row: interrupts at a random moment of every slow node, and the next prompt's result."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from threading import Timer
from typing import Any

import psutil

from devkit.host import HostProcess, Prompt, Result
from soak.clients import example_prompts, node, running_host, with_ancestors
from soak.rows import Row

NAME = "interrupts at a random moment of every node that takes over a second"
MUST = (
    "stops within a step of the node, 1 s, or 1 s of processor time where others use the machine; "
    "the next prompt's result is that of an undisturbed run, to the bit"
)
SCALE, WIDTH = 0.4, 96
"""Of the photos, and of what samplers make."""
WORK = {"steps": 4, "frames": 9}
"""So few nodes take much longer than SLOW."""
SLOW = 1.0
"""Seconds from which a node counts."""
CACHE = ("--cache-lru", "500")
"""Results that the host keeps: what slow nodes hang on is made once."""


@dataclass
class _Watch:
    """The times of one prompt's events.

    Args:
        target: the node that is to be interrupted.
        delay: how long after its start, s; None: not at all.
    """

    host: HostProcess
    target: str = ""
    delay: float | None = None
    starts: list[tuple[str, float]] = field(default_factory=list)
    steps: dict[str, list[float]] = field(default_factory=dict)
    timer: Timer | None = None
    asked: tuple[float, float] | None = None
    stopped: tuple[float, float] | None = None

    def __call__(self, event: dict[str, Any]) -> None:
        kind, name = event["type"], event["data"].get("node")
        if kind == "executing":
            self.starts.append((name or "", time.monotonic()))
            if name == self.target and self.delay is not None:
                self.timer = Timer(self.delay, self._interrupt)
                self.timer.start()
        elif kind == "progress":
            self.steps.setdefault(name, []).append(time.monotonic())
        elif kind == "execution_interrupted":
            self.stopped = self._now()

    def end(self) -> None:
        """Calls off what has not been asked for yet: it would hit the next prompt."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer.join()

    def _interrupt(self) -> None:
        self.asked = self._now()
        self.host.interrupt()

    def _now(self) -> tuple[float, float]:
        assert self.host.process is not None
        used = psutil.Process(self.host.process.pid).cpu_times()
        return time.monotonic(), used.user + used.system

    def seconds(self) -> dict[str, float]:
        """How long each node took."""
        ends = [start for _, start in self.starts[1:]]
        return {name: end - start for (name, start), end in zip(self.starts, ends, strict=False)}

    def longest_step(self) -> float:
        """Between two of the target's steps, s."""
        times = self.steps.get(self.target, [])
        return max((b - a for a, b in pairwise(times)), default=0.0)


class _Target:
    """A slow node, what it gives when nobody disturbs it, and the seconds that it has had."""

    def __init__(self, host: HostProcess, prompt: Prompt, name: str, outputs: int) -> None:
        self.host, self.name, self.number = host, name, 0
        self.prompt = with_ancestors(prompt, name)
        self.kind = prompt[name]["class_type"]
        inputs = prompt[name]["inputs"]
        self.input = next(key for key, value in inputs.items() if isinstance(value, list))
        self.outputs = outputs
        self.watch, self.spent = _Watch(host, name), 0.0
        self.undisturbed = self._told(self._run(self.watch))

    def interrupt(self, choose: random.Random) -> tuple[float | None, list[str]]:
        """Seconds until it stopped (None: it had ended before), and what did not hold."""
        began = time.monotonic()
        watch = _Watch(self.host, self.name, choose.uniform(0, self.watch.seconds()[self.name]))
        result = self._run(watch)
        faults, took = [], None
        if result.interrupted:
            assert watch.asked is not None
            assert watch.stopped is not None
            took, used = (b - a for a, b in zip(watch.asked, watch.stopped, strict=True))
            step = self.watch.longest_step()
            if took > max(1.0, step) and used > 1.0:
                faults.append(
                    f"{self.kind} stopped {took:.1f} s ({used:.1f} s of processor time) after the "
                    f"interrupt, {watch.delay:.1f} s after its start; a step takes {step:.1f} s"
                )
        elif not result.succeeded:
            faults.append(f"{self.kind} failed: {result.errors}")
        if self._told(self._run(_Watch(self.host, self.name))) != self.undisturbed:
            faults.append(f"{self.kind}: the prompt after an interrupt gives another result")
        self.spent += time.monotonic() - began
        return took, faults

    def _run(self, watch: _Watch) -> Result:
        """Runs the node anew, with all that it hangs on from the cache."""
        self.number += 1
        inputs = dict(self.prompt[self.name]["inputs"])
        again = node("SoakAgain", value=inputs[self.input], number=self.number)
        inputs[self.input] = ["again", 0]
        entry = {**self.prompt[self.name], "inputs": inputs}
        told = {
            f"told {index}": node("SoakDigest", value=[self.name, index])
            for index in range(self.outputs)
        }
        prompt = {**self.prompt, self.name: entry, "again": again, **told}
        try:
            return self.host.run(prompt, on_event=watch)
        finally:
            watch.end()

    def _told(self, result: Result) -> list[str]:
        return [
            result.outputs[f"told {index}"]["text"][0] if result.succeeded else str(result.errors)
            for index in range(self.outputs)
        ]


def run(count: int, seconds: float, seed: int) -> Row:
    """Runs every example once, and then interrupts its slow nodes in turn."""
    deadline = time.monotonic() + seconds
    with running_host(SCALE, CACHE) as host:
        return treat(host, example_prompts(SCALE, WIDTH, **WORK), count, deadline, seed)


def treat(
    host: HostProcess, examples: dict[str, Prompt], count: int, deadline: float, seed: int
) -> Row:
    """Interrupts slow nodes on a running host so many times, or until the time is over."""
    choose = random.Random(seed)
    stops: list[float] = []
    failures: list[str] = []
    kinds: set[str] = set()
    late = 0
    slow = list(_targets(host, examples, deadline, failures))
    while slow and len(stops) < count and time.monotonic() < deadline:
        # In turn by the time that each has had: quick ones more often.
        target = min(slow, key=lambda each: each.spent)
        took, faults = target.interrupt(choose)
        failures += faults
        if took is None:
            late += 1
        else:
            stops.append(took)
            kinds.add(target.kind)
    ordered = sorted(stops) or [0.0]
    measured = (
        f"{len(slow)} such nodes, {len(kinds)} kinds interrupted; half of them stopped within "
        f"{1000 * ordered[len(ordered) // 2]:.0f} ms, all within {ordered[-1]:.2f} s; {late} "
        "more interrupts came when the node had ended"
    )
    return Row(NAME, MUST, len(stops), tuple(failures), measured)


def _targets(
    host: HostProcess, examples: dict[str, Prompt], deadline: float, failures: list[str]
) -> Iterator[_Target]:
    """Yields the slow nodes of examples; an example that fails by itself is one of the failures."""
    outputs = {kind: len(told["output"]) for kind, told in host.object_info().items()}
    for name, prompt in examples.items():
        if time.monotonic() > deadline:
            return
        watch = _Watch(host)
        result = host.run(prompt, on_event=watch)
        if not result.succeeded:
            failures.append(f"the example {name} fails: {result.errors}")
            continue
        for key, took in watch.seconds().items():
            if took > SLOW and _runs_ours(prompt, key):
                count = outputs[prompt[key]["class_type"]]
                yield _Target(host, prompt, key, count)


def _runs_ours(prompt: Prompt, key: str) -> bool:
    """Whether a node that hangs on others is of the pack, or samples with what the pack patches."""
    links = {name for name, value in prompt[key]["inputs"].items() if isinstance(value, list)}
    ours = prompt[key]["class_type"].startswith("MotionI2V")
    return bool(links) and (ours or bool(links & {"model", "guider"}))
