"""Two trainings into one folder: the second is refused, and told of the first."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from soak.rows import Row
from testing import pack
from testing.comfyui import load_host
from testing.pack import ROOT

MUST = (
    "the second is refused with the first's process and start time, and the first goes on; after "
    "a kill the folder is free"
)
HOLD = (
    "import sys; from pathlib import Path; from soak.two_trainings import hold; hold(sys.argv[1])"
)


def run(count: int, seconds: float, seed: int) -> Row:
    """Starts, refuses, kills and starts again, until the count or the time ends."""
    deadline = time.monotonic() + seconds
    failures: list[str] = []
    done = 0
    with tempfile.TemporaryDirectory() as folder:
        while done < count and (not done or time.monotonic() < deadline):
            failures += _once(Path(folder) / str(done))
            done += 1
    return Row(
        "two trainings into one folder", MUST, done, tuple(failures), f"{3 * done} trainings"
    )


def hold(folder: str) -> None:
    """A training without an end; says when it trains, or why it does not."""
    load_host()
    pack.load()
    from motion_i2v.training.checkpoint import TrainingError
    from motion_i2v.training.loop import LoopSettings, train

    from soak.tiny_training import Tiny, make_batch

    def tell(what: str = "began") -> None:
        sys.stdout.write(f"{what}\n")
        sys.stdout.flush()

    settings = LoopSettings(steps=10**9, save_every=10, log_every=10**9, threads=1)
    try:
        train(Tiny(Path(folder) / "losses.txt", tell), make_batch, settings, Path(folder))
    except TrainingError as error:
        tell(f"refused: {error}")


def _started(folder: Path, which: str) -> tuple[subprocess.Popen[str], str]:
    """A training, and what it says first."""
    # A file, not a pipe, which would be full one day.
    path = folder / f"{which}.txt"
    with path.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(folder)], cwd=ROOT, text=True, stdout=said
        )
    while process.poll() is None and "\n" not in path.read_text("utf-8"):
        time.sleep(0.05)
    return process, path.read_text("utf-8").partition("\n")[0]


def _once(folder: Path) -> Iterator[str]:
    """Two at once, then a kill of the first, and a third."""
    folder.mkdir()
    first, said = _started(folder, "first")
    try:
        if said != "began":
            yield f"the first did not train: {said}"
            return
        second, said = _started(folder, "second")
        if not re.search(rf"refused: .* process {first.pid} on .*, started \d{{4}}-\d\d-", said):
            yield f"the second was told {said!r}"
        if second.wait() or first.poll() is not None:
            yield f"the first ended with {first.returncode}, the second with {second.returncode}"
        first.kill()
        first.wait()
        third, said = _started(folder, "third")
        if said != "began":
            yield f"after a kill of {first.pid}: {said}"
        third.terminate()
        if third.wait():
            yield f"the third ended with {third.returncode}"
    finally:
        first.kill()
