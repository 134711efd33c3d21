"""A training that takes a moment, to be killed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from testing import pack

pack.load()

from motion_i2v.training.objective import Objective  # noqa: E402


class Tiny(Objective):
    """Learns to turn a vector round, from noisy ones and with dropout.

    Args:
        log: gets every step and its loss, one a line.
        began: called when a loss was computed.
    """

    def __init__(self, log: Path, began: Callable[[], None]) -> None:
        torch.manual_seed(1)
        net = nn.Sequential(nn.Linear(4, 16), nn.SiLU(), nn.Dropout(0.1), nn.Linear(16, 4))
        self.modules = nn.ModuleDict({"net": net})
        self.log, self.began = log, began

    def loss(self, batch: Any, generator: torch.Generator) -> tuple[torch.Tensor, dict[str, Any]]:
        """Of a batch with x [B, 4] and its number."""
        x = batch["x"]
        noisy = x + 0.3 * torch.randn(x.shape, generator=generator)
        loss = (self.modules["net"](noisy) - x.flip(1)).square().mean()
        with self.log.open("a") as file:
            file.write(f"{batch['number']} {loss.item()!r}\n")
        self.began()
        return loss, {}

    def files(self, modules: Any) -> Any:
        """One file."""
        return {"tiny.safetensors": (modules.state_dict(), {"motion_i2v.kind": "tiny"})}


def make_batch(number: int, rank: int, world: int) -> dict[str, Any]:
    """A batch that its number determines."""
    generator = torch.Generator().manual_seed(1000 + number * world + rank)
    return {"x": torch.randn(8, 4, generator=generator), "number": number}
