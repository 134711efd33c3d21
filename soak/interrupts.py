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
SCALE = 0.5
"""Of the photos."""
SLOW = 1.0
"""Seconds from which a node counts."""
TARGETS = 30
"""About how many slow nodes the examples have; more of the count than that are further rounds."""
ROUND_SECONDS = 300
"""A round takes about so long on two cores; where there is less time, there is one."""


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
    asked: tuple[float, float] | None = None
    stopped: tuple[float, float] | None = None

    def __call__(self, event: dict[str, Any]) -> None:
        kind, name = event["type"], event["data"].get("node")
        if kind == "executing":
            self.starts.append((name or "", time.monotonic()))
            if name == self.target and self.delay is not None:
                Timer(self.delay, self._interrupt).start()
        elif kind == "progress":
            self.steps.setdefault(name, []).append(time.monotonic())
        elif kind == "execution_interrupted":
            self.stopped = self._now()

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
    """A slow node, its prompt, and what it gives when nobody disturbs it."""

    def __init__(self, host: HostProcess, prompt: Prompt, name: str, outputs: int) -> None:
        self.host, self.name, self.number = host, name, 0
        self.prompt = with_ancestors(prompt, name)
        self.kind = prompt[name]["class_type"]
        inputs = prompt[name]["inputs"]
        self.input = next(key for key, value in inputs.items() if isinstance(value, list))
        self.outputs = outputs
        self.watch = _Watch(host, name)
        self.undisturbed = self._told(self._run(self.watch))

    def interrupt(self, choose: random.Random) -> tuple[float | None, list[str]]:
        """Seconds until it stopped (None: it had ended before), and what did not hold."""
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
        return self.host.run(
            {**self.prompt, self.name: entry, "again": again, **told}, on_event=watch
        )

    def _told(self, result: Result) -> list[str]:
        return [
            result.outputs[f"told {index}"]["text"][0] if result.succeeded else str(result.errors)
            for index in range(self.outputs)
        ]


def run(count: int, seconds: float, seed: int) -> Row:
    """Takes one example after the other, and interrupts each of its slow nodes."""
    deadline = time.monotonic() + seconds
    rounds = max(1, min(count // TARGETS, int(seconds // ROUND_SECONDS)))
    with running_host(SCALE) as host:
        return treat(host, example_prompts(SCALE), count, deadline, seed, rounds)


def treat(
    host: HostProcess,
    examples: dict[str, Prompt],
    count: int,
    deadline: float,
    seed: int,
    rounds: int = 1,
) -> Row:
    """Interrupts a running host so many times at each slow node, until the time is over."""
    choose = random.Random(seed)
    stops: list[float] = []
    failures: list[str] = []
    kinds: set[str] = set()
    late = 0
    names = choose.sample(sorted(examples), len(examples))
    shuffled = {name: examples[name] for name in names}
    for target in _targets(host, shuffled, deadline, rounds, failures):
        if len(stops) >= count or time.monotonic() > deadline:
            break
        took, faults = target.interrupt(choose)
        failures += faults
        if took is None:
            late += 1
        else:
            stops.append(took)
            kinds.add(target.kind)
    ordered = sorted(stops) or [0.0]
    measured = (
        f"{len(kinds)} kinds of nodes; half of them stopped within "
        f"{ordered[len(ordered) // 2]:.2f} s, all within {ordered[-1]:.2f} s; {late} more "
        "interrupts came when the node had ended"
    )
    return Row(NAME, MUST, len(stops), tuple(failures), measured)


def _targets(
    host: HostProcess,
    examples: dict[str, Prompt],
    deadline: float,
    rounds: int,
    failures: list[str],
) -> Iterator[_Target]:
    """Yields the slow nodes of examples that give something and are given something, each so often.

    An example that fails by itself is one of the failures.
    """
    outputs = {kind: len(told["output"]) for kind, told in host.object_info().items()}
    for name, prompt in examples.items():
        if time.monotonic() > deadline:
            return
        watch = _Watch(host)
        result = host.run(prompt, on_event=watch)
        if not result.succeeded:
            failures.append(f"the example {name} fails: {result.errors}")
            continue
        for key in [key for key, took in watch.seconds().items() if key and took > SLOW]:
            count = outputs[prompt[key]["class_type"]]
            if time.monotonic() > deadline:
                return
            if count and any(isinstance(v, list) for v in prompt[key]["inputs"].values()):
                target = _Target(host, prompt, key, count)
                yield from (target for _ in range(rounds))
