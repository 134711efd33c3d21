"""Checkpoints and names of files that want harm, given to everything that reads a file."""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from soak import hostile_checkpoints as made
from soak.hostile_names import names_that_lead_outside
from soak.rows import Row
from testing import pack
from testing.comfyui import load_host

MUST = (
    "every one is refused with an error that says why, before memory is taken and without running "
    "its code; damaged files are refused or read; no name reads or writes outside the folders"
)
LARGEST = 256 << 20
"""Bytes that memory may grow by while a small file is read."""
LONGEST = 10.0
"""Seconds."""

Reader = Callable[[Path], object]


def run(count: int, seconds: float, seed: int) -> Row:
    """Every hostile file and name in turn, then damaged files, until the count or the time ends."""
    load_host()
    pack.load()
    rng, deadline = random.Random(seed), time.monotonic() + seconds
    failures: list[str] = []
    done = names = largest = 0
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for failure in names_that_lead_outside(Path(folder)):
            names += 1
            failures += [failure] if failure else []
        readers = readers_of(Path(folder))
        for reader in readers.values():  # what is loaded at first use is no growth
            made.good(rng, Path(folder) / "good.bin")
            _outcome(reader, Path(folder) / "good.bin", may_pass=True)
        for name, maker in _makers(rng):
            if done >= count or time.monotonic() > deadline:
                break
            sort = rng.choice(tuple(readers))
            path = Path(folder) / f"{name[:40]}{rng.choice(_suffixes(sort))}"
            maker(rng, path)
            before, began = memory(afresh=True), time.monotonic()
            failure = _outcome(readers[sort], path, may_pass=maker is made.damaged)
            grown, took = memory() - before, time.monotonic() - began
            largest, slowest, done = max(largest, grown), max(slowest, took), done + 1
            if grown > LARGEST:
                failure = failure or f"memory grew by {grown >> 20} MB"
            if took > LONGEST:
                failure = failure or f"it took {took:.1f} s"
            if (Path(folder) / "ran").exists():
                failure = "its code ran"
            if failure:
                failures.append(f"{name}, given to {sort}: {failure}")
    measured = (
        f"{done:,} files, {names} names; memory grew by {largest >> 20} MB at most, the slowest "
        f"took {slowest:.1f} s"
    )
    return Row("hostile checkpoints and names", MUST, done + names, tuple(failures), measured)


def memory(afresh: bool = False) -> int:
    """The most bytes that were resident in this process; `afresh`: from now on, where it can be."""
    if sys.platform == "linux":
        if afresh:
            Path("/proc/self/clear_refs").write_text("5")
        told = Path("/proc/self/status").read_text()
        return int(told.partition("VmHWM:")[2].split()[0]) << 10
    import resource

    found = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return found if sys.platform == "darwin" else found << 10


def readers_of(folder: Path) -> dict[str, Reader]:
    """Everything that reads a checkpoint or a field."""
    from motion_i2v.models.fields.field_formats import load_field
    from motion_i2v.models.files.checkpoints import read_checkpoint
    from motion_i2v.models.files.convert import plan
    from motion_i2v.models.host.mcdiff_file import read_mcdiff
    from motion_i2v.models.host.small_networks import _text
    from motion_i2v.models.trackers.weights import ALLTRACKER, RAFT, load
    from motion_i2v.training.checkpoint import read
    from motion_i2v.training.data.field_store import FieldStore

    store = FieldStore(folder / "store")

    def cached(path: Path) -> object:
        kept = store.path({"a": 1})
        kept.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, kept)
        if (found := store.load({"a": 1})) is None:
            raise ValueError("nothing is kept")
        return found

    return {
        "the loaders": read_checkpoint,
        "Convert Checkpoint": lambda path: plan(path, folder),
        "Load MCDiff": read_mcdiff,
        "Load RAFT": lambda path: load(path, RAFT),
        "Load AllTracker": lambda path: load(path, ALLTRACKER),
        "Load Small Model": _text,
        "Load Motion Field": load_field,
        "a training that goes on": read,
        "the cache of fields": cached,
    }


def _suffixes(sort: str) -> tuple[str, ...]:
    if sort == "Load Motion Field":
        return (".safetensors", ".flo")
    return (".safetensors", ".bin", ".ckpt", ".pt")


def _makers(rng: random.Random) -> Iterator[tuple[str, made.Maker]]:
    """All hostile ones in a random order and as many damaged ones, again and again."""
    while True:
        each = [*made.HOSTILE.items()]
        rng.shuffle(each)
        for pair in each:
            yield pair
            yield "damaged", made.damaged


def _outcome(reader: Reader, path: Path, may_pass: bool) -> str:
    """What went wrong with one file, which is gone then; "" where nothing did."""
    try:
        reader(path)
        return "" if may_pass else "it was read"
    except (ValueError, FileNotFoundError) as error:
        return "" if str(error) else "an error without words"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        path.unlink(missing_ok=True)
