"""kill -9 at a random moment of all that writes a file; what is there afterwards is whole."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import torch

from soak.rows import Row
from testing import pack
from testing.comfyui import load_host

MUST = (
    "a good old file or a good new one, never a torn one; what is left over hinders nobody; "
    "a training goes on with the same losses"
)
STEPS, SAVE_EVERY = 24, 2
"""Of the training that is killed."""

Work = Callable[[Path, Event], None]
Check = Callable[[Path], Iterator[str]]


def run(count: int, seconds: float, seed: int) -> Row:
    """Kills each sort of writer in turn, until the count or the time ends."""
    _load()
    rng, deadline = random.Random(seed), time.monotonic() + seconds
    failures: list[str] = []
    kills = dict.fromkeys(WRITERS, 0)
    amid = 0
    with tempfile.TemporaryDirectory() as folder:
        losses = _losses(_whole_training(Path(folder) / "undisturbed"))
        while sum(kills.values()) < count and time.monotonic() < deadline:
            name = min(kills, key=lambda one: kills[one])
            work, check, longest = WRITERS[name]
            place = Path(folder) / f"{name} {kills[name] % 10}".replace(" ", "_")
            place.mkdir(exist_ok=True)
            _killed(work, place, rng.uniform(0, longest))
            amid += any(place.rglob(".*.part"))
            kills[name] += 1
            found = [*check(place)]
            if name == "training":
                found += _gone_on(place, losses)
                shutil.rmtree(place)
            failures += [f"{name}, kill {kills[name]}: {failure}" for failure in found]
    done = sum(kills.values())
    measured = ", ".join(f"{name} {times}" for name, times in kills.items())
    return Row(
        "kill -9 while writing", MUST, done, tuple(failures), f"{measured}; {amid} amid writing"
    )


def _load() -> None:
    """The pack, once, in the process that the killed ones are forked from."""
    load_host()
    pack.load()
    torch.set_num_threads(1)  # others do not survive a fork
    for name in ("models.fields.field_formats", "models.files.convert", "training.loop"):
        import_module(f"{pack.NAME}.{name}")


def _process(work: Callable[..., None], *arguments: Any) -> Any:
    # A fork has everything loaded; where there is none, a kill takes as long as a start.
    forks = hasattr(os, "fork") and sys.platform != "darwin"
    context: Any = multiprocessing.get_context("fork" if forks else "spawn")
    began = context.Event()
    return context.Process(target=work, args=(*arguments, began)), began


def _killed(work: Work, place: Path, delay: float) -> None:
    """Runs a work in a process of its own, and kills it so long after it began."""
    process, began = _process(work, place)
    process.start()
    began.wait(120)
    time.sleep(delay)
    process.kill()
    process.join()


# --- fields --------------------------------------------------------------------------------------


def _field(value: int) -> Any:
    from motion_i2v.models.types.motion_field import MotionField

    flow = torch.full((9, 2, 96, 96), float(value))
    flow[0] = 0
    return MotionField(flow)


def save_fields(place: Path, began: Event) -> None:
    """Writes one field over another, without an end."""
    _load()
    from motion_i2v.models.fields.field_formats import save_safetensors

    for value in range(1, sys.maxsize):
        save_safetensors(_field(value), place / "field.safetensors")
        began.set()


def check_fields(place: Path) -> Iterator[str]:
    """A field is one that was saved."""
    from motion_i2v.models.fields.field_formats import load_field

    yield from _whole_field(load_field(place / "field.safetensors").flow)
    yield from _others(place, {"field.safetensors"})


def save_sequences(place: Path, began: Event) -> None:
    """Writes sequences of .flo files, each beside the others."""
    _load()
    from motion_i2v.models.fields.field_formats import save_flo

    first = 1 + len(list(place.glob("*0001.flo")))
    for value in range(first, sys.maxsize):
        save_flo(_field(value), place / f"{os.getpid()}_{value:05d}_")
        began.set()


def check_sequences(place: Path) -> Iterator[str]:
    """A sequence is whole, or refused as one that was not saved to its end."""
    from motion_i2v.models.fields.field_formats import load_field

    for file in sorted(place.glob("*.flo")):
        try:
            field = load_field(file)
        except ValueError as error:
            if "not saved to its end" not in str(error):
                yield f"{file.name}: {error}"
            continue
        if field.frames != 9:
            yield f"{file.name} is a sequence of {field.frames} frames"
        yield from _whole_field(field.flow)
    shutil.rmtree(place)


def _whole_field(flow: torch.Tensor) -> Iterator[str]:
    if flow[1:].unique().numel() != 1:
        yield f"a field of {flow[1:].unique().tolist()[:3]}"


def _others(place: Path, names: set[str]) -> Iterator[str]:
    """What lies in a folder that somebody would list, beside what should."""
    strange = {path.name for path in place.iterdir() if not path.name.startswith(".")} - names
    if strange:
        yield f"{sorted(strange)} was left behind"


# --- checkpoints and exports ---------------------------------------------------------------------


def _source(place: Path) -> Path:
    """A narrow flow VAE."""
    from motion_i2v.models.files.layout import entries
    from motion_i2v.models.files.network_shapes import VAEShape

    path = place.parent / "source.bin"
    if not path.exists():
        table = entries(VAEShape((32, 32, 32, 32), 2))
        torch.save({entry.name: torch.ones(entry.shape) for entry in table}, path)
    return path


def convert(place: Path, began: Event) -> None:
    """Converts a checkpoint, again and again."""
    _load()
    from motion_i2v.models.files.convert import convert as convert_one

    source = _source(place)
    while True:
        began.set()
        convert_one(source, place).unlink()


def check_converted(place: Path) -> Iterator[str]:
    """A checkpoint is whole where it is there."""
    from motion_i2v.models.files.checkpoints import read_checkpoint

    made = list(place.glob("*.safetensors"))
    for path in made:
        if not all(bool((tensor == 1).all()) for tensor in read_checkpoint(path).tensors.values()):
            yield f"{path.name} holds other numbers"
        path.unlink()
    yield from _others(place, {path.name for path in made})


def export(place: Path, began: Event) -> None:
    """Writes what a training exports, and a text as the tools of the checkout do."""
    _load()
    from motion_i2v.models.files.atomic import whole
    from motion_i2v.training.checkpoint import write

    for value in range(sys.maxsize):
        write(place / "x.safetensors", {"x": torch.full((200_000,), value)}, {"n": str(value)})
        with whole(place / "x.json") as part:
            part.write_text(json.dumps([value] * 50_000), "utf-8")
        began.set()


def check_exported(place: Path) -> Iterator[str]:
    """Numbers and metadata are of one writing, and so is the text."""
    from motion_i2v.models.files.safetensors_files import read_safetensors

    tensors, metadata = read_safetensors(place / "x.safetensors")
    if tensors["x"].unique().tolist() != [int(metadata["n"])]:
        yield f"numbers of {tensors['x'].unique().tolist()[:3]} say they are {metadata['n']}"
    if len({*json.loads((place / "x.json").read_text("utf-8"))}) != 1:
        yield "the text is of two writings"
    yield from _others(place, {"x.safetensors", "x.json"})


# --- trainings -----------------------------------------------------------------------------------


def train(place: Path, began: Event) -> None:
    """A training of a moment, which logs every loss; goes on where it is."""
    _load()
    from motion_i2v.training.loop import LoopSettings
    from motion_i2v.training.loop import train as train_it

    from soak.tiny_training import Tiny, make_batch

    settings = LoopSettings(steps=STEPS, save_every=SAVE_EVERY, log_every=5, warmup=3, seed=3)
    train_it(Tiny(place / "losses.txt", began.set), make_batch, settings, place)


def _whole_training(place: Path) -> Path:
    place.mkdir(exist_ok=True)
    process, _ = _process(train, place)
    process.start()
    process.join()
    return place


def _losses(place: Path) -> dict[int, set[str]]:
    """Step -> the losses that were logged for it."""
    found: dict[int, set[str]] = {}
    for line in (place / "losses.txt").read_text().splitlines(keepends=True):
        step, _, loss = line.strip().partition(" ")
        if line.endswith("\n"):
            found.setdefault(int(step), set()).add(loss)
    return found


def check_training(place: Path) -> Iterator[str]:
    """Every checkpoint and every finished file is whole."""
    from motion_i2v.models.files.safetensors_files import read_safetensors
    from motion_i2v.training.checkpoint import checkpoints, read

    for step, path in checkpoints(place):
        if read(path)[1].step != step:
            yield f"{path.name} is of another step"
    for path in (place / "files").glob("*.safetensors"):
        read_safetensors(path)


def _gone_on(place: Path, losses: dict[int, set[str]]) -> Iterator[str]:
    """Trains to the end."""
    found = _losses(_whole_training(place))
    if found != losses:
        wrong = [step for step in losses if found.get(step) != losses[step]]
        yield f"it went on with other losses at the steps {wrong[:5]}"
    if left := [path.name for path in place.rglob("*.part")]:
        yield f"{left} was left behind"


WRITERS: dict[str, tuple[Work, Check, float]] = {
    "saving a field": (save_fields, check_fields, 0.1),
    "saving .flo files": (save_sequences, check_sequences, 0.3),
    "converting": (convert, check_converted, 0.3),
    "exporting": (export, check_exported, 0.1),
    "training": (train, check_training, 1.0),
}
"""What is killed, what is looked at afterwards, and within how many seconds."""
