"""A folder of parity fixtures, and the weights that its `weights.json` tells how to make."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy
import torch
from safetensors.torch import load_file


def seeded_tensor(salt: str, net: str, name: str, shape: list[int]) -> torch.Tensor:
    """One floating tensor of network `net` (such as "stage1_unet/"), made by the fixtures' rule."""
    if name.endswith(".pe"):
        return _sinusoid(shape)
    seed = int.from_bytes(hashlib.sha256((salt + net + name).encode()).digest()[:4], "big")
    noise = numpy.random.RandomState(seed).standard_normal(shape).astype(numpy.float32)
    tensor = torch.from_numpy(numpy.asarray(noise))
    if tensor.ndim >= 2:
        return tensor / tensor[0].numel() ** 0.5
    if tensor.ndim == 1 and name.endswith("weight"):
        return 1 + 0.1 * tensor
    return 0.1 * tensor


def _sinusoid(shape: list[int]) -> torch.Tensor:
    _, tokens, channels = shape
    table = numpy.zeros((tokens, channels))
    for pair in range(channels // 2):
        angle = numpy.arange(tokens) / 10000 ** (2 * pair / channels)
        table[:, 2 * pair] = numpy.sin(angle)
        table[:, 2 * pair + 1] = numpy.cos(angle)
    return torch.from_numpy(table.astype(numpy.float32))[None]


@dataclass(frozen=True)
class Folder:
    """A folder of fixtures: `weights.json`, and the inputs and outputs of each family."""

    path: Path
    salt: str
    shapes: dict[str, dict[str, list[int]]]

    @classmethod
    def open(cls, path: str | Path) -> "Folder":
        path = Path(path)
        file = path / "weights.json"
        if not file.is_file():
            return cls(path, "", {})
        content = json.loads(file.read_text())
        return cls(path, content["salt"], content["shapes"])

    def has(self, net: str) -> bool:
        return f"{net}/" in self.shapes

    def weights(self, net: str) -> dict[str, torch.Tensor]:
        """All tensors of a network, by released name."""
        shapes = self.shapes[f"{net}/"]
        return {name: seeded_tensor(self.salt, f"{net}/", name, s) for name, s in shapes.items()}

    def tensors(self, family: str) -> dict[str, torch.Tensor]:
        """Inputs and outputs of a family."""
        return load_file(self.path / f"{family}.safetensors")


def relative_error(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """||a - b|| / ||b||; not a number where the shapes differ or ours is not finite."""
    if ours.shape != theirs.shape:
        return float("nan")
    ours, theirs = ours.double(), theirs.double()
    norm = float(theirs.norm())
    return float((ours - theirs).norm()) / (norm if norm else 1.0)
