"""Malformed prompts through the queue of a real host: each gets an answer, and it goes on."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Sequence
from typing import Any

import hypothesis
from hypothesis import strategies as st

from devkit import places
from devkit.host import HostError, HostProcess, Prompt, Refused
from soak import clips, pages
from soak.clients import node, running_host
from soak.limits import growth, resident_memory
from soak.strategies import damaged, generate
from soak.verdict import ANSWERS, Failures, Given, fault_in, kind_of

FRAME = re.compile(r'File "([^"]+)", line (\d+), in (\S+)')
SILENCE = 60.0
"""Seconds without a word from the host that count as hanging: ten of its own on a machine that
others use too."""
COLLECTS = 11.0
"""Seconds: a host that has nothing to do looks for garbage every 10."""
FILES_IN = 12
"""One prompt of so many loads a damaged clip or picture."""
SLICE = 20
LEAST = 10.0
"""Seconds that it has, however long the host took to start."""
WARM = 200
"""Prompts before memory is judged by: by then every node has been met with most of its faults."""
SOURCES: Prompt = {
    "picture": node("EmptyImage", width=64, height=48, batch_size=2, color=0x336699),
    "mask": node("SolidMask", value=1.0, width=64, height=48),
    "tracks": node(
        "MotionI2VTracksFromText", text="10,10, 30,20", width=64, height=48, frames=9, format="auto"
    ),
    "field": node("MotionI2VDensifyTracks", tracks=["tracks", 0]),
    "latent": node("EmptyLatentImage", width=64, height=48, batch_size=9),
}
SOURCE_OF = {
    **{"IMAGE": "picture", "MASK": "mask", "TRACKS": "tracks", "MOTION_FIELD": "field"},
    "LATENT": "latent",
}


def run(count: int, loaded: int, seconds: float, seed: int) -> tuple[int, list[str], str]:
    """Returns how many prompts and workflows were tried, what did not hold, and figures.

    Args:
        count: prompts.
        loaded: workflows that are loaded into the host's page.
    """
    deadline = time.monotonic() + seconds / 2
    # What is freed goes back to the system at once, and is not mistaken for growth (glibc).
    os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(128 << 10))
    with running_host() as host:
        done, failures, told = treat(host, count, max(deadline, time.monotonic() + LEAST), seed)
        if not host.alive:
            return done, failures, told
        deadline = max(deadline + seconds / 2, time.monotonic() + LEAST)
        pages_done, pages_failed, pages_told = pages.run(host, loaded, deadline, seed)
    return done + pages_done, failures + pages_failed, f"{told}; {pages_told}"


def treat(host: HostProcess, count: int, deadline: float, seed: int) -> tuple[int, list[str], str]:
    """As `run`, of a host that runs."""
    assert host.process is not None
    described = host.object_info()
    prompts = _prompts(described)
    tally = _Tally(host, deadline, described)
    for prompt in prompts[:count]:
        tally.judge((prompt, prompt, {}))
    nodes = st.sampled_from(prompts).flatmap(_damaged_node)
    files = clips.file_prompts().map(lambda found: (found[0], *found))
    strategy = st.integers(1, FILES_IN).flatmap(lambda n: files if n == 1 else nodes)
    settled = after = 0
    judged = False
    half = time.monotonic() + (deadline - time.monotonic()) / 2
    for start in range(tally.done, count, SLICE):
        generate(strategy, min(SLICE, count - start), seed + start, tally.judge)
        if not host.alive or time.monotonic() > deadline:
            break
        if not settled and (tally.done >= count // 2 or time.monotonic() > half):
            judged = tally.done >= WARM
            settled = tally.memory(judged)
    if not host.alive:
        tally.failures.append(f"the server died: {host.log_tail}")
    elif tally.answers:
        after = tally.memory(judged)
    if judged:
        tally.failures += growth(settled, after, "the server's memory")
    told = (
        f"{tally.done} through the queue, {tally.refused} refused before they ran, "
        f"{tally.stopped} by an error; {settled >> 20} MB after half of them, "
        f"{after >> 20} MB after all"
    )
    return tally.done, tally.failures, told


class _Tally:
    """What the prompts have come to."""

    def __init__(self, host: HostProcess, deadline: float, described: dict[str, Any]) -> None:
        self.host, self.deadline, self.described = host, deadline, described
        self.done = self.refused = self.stopped = 0
        self.failures = Failures()
        self.answers = True

    def memory(self, judged: bool) -> int:
        """Bytes of the host while it holds a small result, which it must still be able to make.

        Args:
            judged: whether they matter, and the host gets the time to collect its garbage.
        """
        assert self.host.process is not None
        small = {**SOURCES, "shown": node("PreviewAny", source=["field", 0])}
        if not self.host.run(small, timeout=SILENCE).succeeded:
            self.failures.append("a prompt without damage fails")
        time.sleep(COLLECTS if judged else 0)
        return resident_memory(self.host.process.pid)

    def judge(self, trial: tuple[Prompt, Any, dict[str, bytes]]) -> None:
        """Queues the second of two prompts, which is the first with damage, beside some files."""
        good, prompt, files = trial
        if not self.answers or not self.host.alive or time.monotonic() > self.deadline:
            return
        self.done += 1
        for name, data in files.items():
            (self.host.input_dir / name).write_bytes(data)
        try:
            result = self.host.run(prompt, timeout=SILENCE)
        except Refused as refused:
            self.refused += 1
            if refused.status >= 500 and _is_ours(refused):
                self.failures.tell(str(refused), _told(prompt))
            return
        except ValueError:
            self.refused += 1  # the host's own fault, in words that are no JSON
            return
        except HostError as error:
            self.failures.tell(str(error), _told(prompt))
            self.answers = False
            return
        self.stopped += bool(result.errors)
        for told in result.errors:
            if str(told.get("node_type")).startswith("MotionI2V"):
                given = self._given(good, prompt, str(told["node_id"]))
                if fault := _fault(told, given):
                    self.failures.tell(fault, _told(prompt))

    def _given(self, good: Prompt, prompt: Prompt, key: str) -> list[Given]:
        """The inputs of the node that said something, and which of them were damaged."""
        values, before = prompt[key]["inputs"], good.get(key, {"inputs": {}})["inputs"]
        found = []
        for described in self.described[prompt[key]["class_type"]]["input"].values():
            for name, (kind, *_) in described.items():
                kind = kind_of(name, kind if isinstance(kind, str) else "COMBO")
                value, bad = values.get(name), values.get(name) != before.get(name)
                found.append(Given(name, kind, None if isinstance(value, list) else value, bad))
        return found


def _fault(error: dict[str, Any], given: Sequence[Given]) -> str | None:
    frames = FRAME.findall("".join(error["traceback"]))
    file, line, function = frames[-1] if frames else ("", "", "")
    kind = error["exception_type"].rpartition(".")[2]
    own = f"/{places.PACK}/" in file and kind in {known.__name__ for known in ANSWERS}
    where = f"{file.rpartition('/')[2]}:{line} {function}"
    return fault_in(kind, error["exception_message"], own, where, given)


def _is_ours(refused: Refused) -> bool:
    """Whether the pack's files are in what the host says; its own troubles are its own."""
    return places.PACK in json.dumps(refused.answer)


def _prompts(described: dict[str, Any]) -> list[Prompt]:
    """A prompt for each node of the pack that needs no model, with all that it hangs on."""
    found = []
    for kind, told in described.items():
        needed = told["input"].get("required", {})
        kinds = {name: i[0] for name, i in needed.items() if isinstance(i[0], str)}
        links = {name: [SOURCE_OF[i], 0] for name, i in kinds.items() if i in SOURCE_OF}
        values = {
            name: i[1]["default"]
            for name, i in needed.items()
            if len(i) > 1 and isinstance(i[1], dict) and "default" in i[1]
        }
        if not kind.startswith("MotionI2V") or set(needed) - set(links) - set(values):
            continue
        prompt = {**SOURCES, "node": node(kind, **links, **values)}
        for index in range(len(told["output"])):
            prompt[f"shown {index}"] = node("PreviewAny", source=["node", index])
        found.append(prompt)
    return found


@st.composite
def _damaged_node(draw: st.DrawFn, prompt: Prompt) -> tuple[Prompt, Any, dict[str, bytes]]:
    """A prompt, and it with damage to the node that it is about, to another, or to the whole.

    Every node keeps its type and a dict of inputs: without, the host's queue itself ends (0.3.75).
    """
    if draw(st.integers(0, 9)) == 0:
        whole = draw(damaged(prompt))
        hypothesis.assume(isinstance(whole, dict) and all(map(_is_node, whole.values())))
        return prompt, whole, {}
    key = draw(st.sampled_from(("node", "node", "node", "tracks", "field")))
    inputs = draw(damaged(prompt[key]["inputs"]))
    hypothesis.assume(isinstance(inputs, dict))
    return prompt, {**prompt, key: {**prompt[key], "inputs": inputs}}, {}


def _is_node(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("class_type"), str)
        and isinstance(entry.get("inputs"), dict)
    )


def _told(prompt: Any) -> str:
    try:
        return f"{json.dumps(prompt['node']):.400}"
    except (TypeError, KeyError):
        return f"{json.dumps(prompt):.400}"
