"""A training that takes a moment, for tests: also as a process, which can then be killed."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from testing import pack

pack.load()

from motion_i2v.training.loop import LoopSettings, train  # noqa: E402
from motion_i2v.training.objective import Objective  # noqa: E402

SETTINGS = {
    "steps": 12,
    "learning_rate": 1e-2,
    "warmup": 3,
    "precision": "bf16",
    "save_every": 5,
    "log_every": 1,
    "seed": 3,
    "threads": 1,
}


@dataclass
class Tiny(Objective):
    """Learns to turn a vector round, from noisy ones and with dropout.

    Args:
        log: a file that gets every loss, one a line.
        at: called with the number of the step (from 1) before its loss is computed.
        plain: without noise and dropout.
    """

    log: Path | None = None
    at: Any = None
    plain: bool = False
    losses: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        torch.manual_seed(1)
        dropout = nn.Dropout(0 if self.plain else 0.1)
        net = nn.Sequential(nn.Linear(4, 16), nn.SiLU(), dropout, nn.Linear(16, 4))
        self.modules = nn.ModuleDict({"net": net})

    def loss(self, batch: dict, generator: torch.Generator) -> tuple[torch.Tensor, dict]:
        x = batch["x"]
        if self.at:
            self.at(int(batch["number"]) + 1)
        noisy = x + (0 if self.plain else 0.3) * torch.randn(x.shape, generator=generator)
        loss = (self.modules["net"](noisy) - x.flip(1)).square().mean()
        self.losses.append(loss.item())
        if self.log:
            with self.log.open("a") as file:
                file.write(f"{loss.item()!r}\n")
        return loss, {"size": x.square().mean()}

    def files(self, modules: nn.Module) -> dict:
        return {"tiny.safetensors": (modules.state_dict(), {"motion_i2v.kind": "tiny"})}


def make_batch(number: int, rank: int, world: int) -> dict:
    generator = torch.Generator().manual_seed(1000 + number * world + rank)
    return {"x": torch.randn(8, 4, generator=generator), "number": number, "caption": ["a"] * 8}


def kill_in_save(step: int) -> None:
    """Dies between writing a checkpoint and giving it its name."""
    from motion_i2v.models.files import atomic

    rename = os.replace

    def replace(source: Path, target: Path) -> None:
        if f"{step:09d}" in Path(target).name:
            os.kill(os.getpid(), signal.SIGKILL)
        rename(source, target)

    atomic.os.replace = replace


def main() -> int:
    """`training_run.py FOLDER JSON`: settings, and kill_at, kill_in_save, stop_rank_1 or pause."""
    folder, options = Path(sys.argv[1]), json.loads(sys.argv[2])
    kill_at, pause = options.pop("kill_at", 0), options.pop("pause", 0)
    stop_rank_1, plain = options.pop("stop_rank_1", 0), options.pop("plain", False)
    if saved := options.pop("kill_in_save", 0):
        kill_in_save(saved)

    def at(step: int) -> None:
        time.sleep(pause)
        if step == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if step == stop_rank_1 and os.environ.get("RANK") == "1":
            os.kill(os.getpid(), signal.SIGTERM)

    tiny = Tiny(folder / "losses.txt", at, plain)
    train(tiny, make_batch, LoopSettings(**SETTINGS | options), folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
