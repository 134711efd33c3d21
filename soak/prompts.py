"""Row: many prompts queued. The host's memory, its temporary folder and its models stay clean."""

from __future__ import annotations

import random
import time
from pathlib import Path

from devkit.host import HostError, HostProcess, Prompt, Result
from soak.clients import SMALL, example_prompts, node, running_host, varied
from soak.limits import growth, resident_memory
from soak.rows import Row
from testing.example_prompts import CLIP, LOADER, MODEL

NAME = "queued prompts, mixed from all examples that run here"
MUST = (
    "resident memory of the host after the last within 5 % of that after the 50th; no file in temp "
    "but previews; the core's own KSampler on the shared model gives the same bits before and after"
)
SETTLED = 50
SCALE, WIDTH = 0.2, 48
"""Of the photos, and of what samplers make: a prompt takes about a second."""
SHARED = "shared"
"""Every prompt names the loader by this id: so the host keeps one model for all of them."""


def run(count: int, seconds: float, seed: int) -> Row:
    """Queues them one after the other to one host."""
    deadline = time.monotonic() + seconds
    with running_host(SCALE) as host:
        return treat(host, example_prompts(SCALE, WIDTH, **SMALL), count, deadline, seed)


def treat(
    host: HostProcess, examples: dict[str, Prompt], count: int, deadline: float, seed: int
) -> Row:
    """Queues examples to a running host, until there were so many or the time is over."""
    queue = _Queue(host, {name: _shared(prompt) for name, prompt in examples.items()}, seed)
    before, there = _core_result(host), set(_in_temp(host))
    half = time.monotonic() + (deadline - time.monotonic()) / 2
    while host.alive and queue.done < min(SETTLED, max(count // 2, len(examples)), count):
        queue.one()
        if time.monotonic() > half:
            break
    settled, at = _memory(host), queue.done
    while host.alive and queue.done < count and time.monotonic() < deadline:
        queue.one()
    failures = queue.failures
    if not host.alive:
        failures.append(f"the server died: {host.log_tail}")
        return Row(NAME, MUST, queue.done, tuple(failures), "")
    if _core_result(host) != before:
        failures.append("the core's KSampler gives other bits than before")
    after = _memory(host)
    # What each of them needs once is no growth.
    judged = len(examples) <= at < queue.done
    if judged:
        failures += growth(settled, after)
    known = there | queue.previews
    failures += [f"left in temp: {name}" for name in _in_temp(host) if name not in known]
    measured = (
        f"{len(examples)} examples; {settled >> 20} MB after prompt {at}, {after >> 20} MB after "
        f"the last{'' if judged else ' (too few to judge by)'}; {len(queue.previews)} previews in "
        "temp"
    )
    return Row(NAME, MUST, queue.done, tuple(failures), measured)


class _Queue:
    """Prompts in turn, each of the examples once, then anew in another order."""

    def __init__(self, host: HostProcess, prompts: dict[str, Prompt], seed: int) -> None:
        self.host, self.prompts = host, prompts
        self.choose = random.Random(seed)
        self.order: list[str] = []
        self.done = 0
        self.failures: list[str] = []
        self.previews: set[str] = set()

    def one(self) -> None:
        if not self.order:
            self.order = self.choose.sample(sorted(self.prompts), len(self.prompts))
        name = self.order.pop()
        self.done += 1
        try:
            result = self.host.run(varied(self.prompts[name], self.done, self.choose))
        except HostError as error:
            self.failures.append(f"{name}: {error}")
            return
        self.failures += [f"{name}: {fault}" for fault in _faults(result)]
        self.previews |= _previews(result)


def _shared(prompt: Prompt) -> Prompt:
    """The prompt with its loader of the small model, if it has one, under one id for all."""
    found = {key: {**entry, "inputs": dict(entry["inputs"])} for key, entry in prompt.items()}
    loaders = [key for key, entry in prompt.items() if entry["class_type"] == LOADER]
    for key in loaders:
        del found[key]
    for entry in found.values():
        for name, value in entry["inputs"].items():
            if isinstance(value, list) and value[0] in loaders:
                entry["inputs"][name] = [SHARED, value[1]]
    return {SHARED: node(LOADER), **found}


def _core_result(host: HostProcess) -> str:
    """The checksum of what the core's KSampler makes of the shared model alone."""
    text = {"clip": [SHARED, CLIP]}
    settings = {"seed": 1, "steps": 2, "cfg": 3.0, "sampler_name": "euler", "scheduler": "normal"}
    prompt = {
        SHARED: node(LOADER),
        "positive": node("CLIPTextEncode", text="a rocket moves left", **text),
        "negative": node("CLIPTextEncode", text="", **text),
        "latent": node("EmptyLatentImage", width=64, height=48, batch_size=1),
        "sampled": node(
            "KSampler",
            model=[SHARED, MODEL],
            positive=["positive", 0],
            negative=["negative", 0],
            latent_image=["latent", 0],
            denoise=1.0,
            **settings,
        ),
        "told": node("SoakDigest", value=["sampled", 0]),
    }
    result = host.run(prompt)
    if "sampled" in result.cached or "told" not in result.outputs:
        raise HostError(f"the core's KSampler did not run: {result.errors}")
    return result.outputs["told"]["text"][0]


def _faults(result: Result) -> list[str]:
    if not result.succeeded:
        return [str(error.get("exception_message")) for error in result.errors] or ["no result"]
    # Parts of an example, such as its brush, may have been in the last one as well.
    return [] if set(result.outputs) - result.cached else ["nothing of it ran anew"]


def _previews(result: Result) -> set[str]:
    """The files in temp that nodes told the page of."""
    return {
        str(Path(entry.get("subfolder", "")) / entry["filename"])
        for output in result.outputs.values()
        for entries in output.values()
        for entry in entries
        if isinstance(entry, dict) and entry.get("type") == "temp"
    }


def _in_temp(host: HostProcess) -> list[str]:
    temp = host.base / "temp"
    return [str(file.relative_to(temp)) for file in temp.rglob("*") if file.is_file()]


def _memory(host: HostProcess) -> int:
    """Bytes, once the host has dropped its results; 0 where it has died."""
    if host.process is None or not host.alive:
        return 0
    host.post("/free", {"free_memory": True})
    host.run({"picture": node("EmptyImage", width=8, height=8, batch_size=1, color=0)} | _SHOWN)
    return resident_memory(host.process.pid)


_SHOWN = {"shown": node("SoakDigest", value=["picture", 0])}
