"""A folder of parity fixtures, and the weights that its `weights.json` tells how to make."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import torch
from safetensors.torch import load_file

from testing.seeded_release import seeded_tensor


class LackingInput(LookupError):
    """A family cannot be run, because the folder lacks something that it starts from."""


class Lacking:
    """Stands for a tensor that a fixture lacks. It may be compared with; whoever computes with it
    gets LackingInput."""

    def __init__(self, what: str) -> None:
        self.what = what

    def _refuse(self, *_: Any) -> NoReturn:
        raise LackingInput(self.what)

    __getattr__ = __getitem__ = __len__ = __iter__ = __float__ = __int__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = _refuse

    @classmethod
    def __torch_function__(cls, _: Any, __: Any, given: Any = (), named: Any = None) -> NoReturn:
        lacking = [x for x in (*given, *(named or {}).values()) if isinstance(x, Lacking)]
        # What lies within lists is named, too, where it is the first.
        raise LackingInput(lacking[0].what if lacking else "a tensor")


class Fixture(dict[str, torch.Tensor]):
    """The tensors of a file; one that it lacks is a Lacking."""

    def __init__(self, file: Path) -> None:
        super().__init__(load_file(file))
        self.file = file.name

    def __missing__(self, name: str) -> Lacking:
        return Lacking(f"{self.file} has no {name}")


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

    def tensors(self, family: str) -> Fixture:
        """Inputs and outputs of a family."""
        return Fixture(self.path / f"{family}.safetensors")

    def facts(self, name: str) -> dict[str, Any]:
        """The contents of a JSON file.

        Raises:
            LackingInput: where there is no such file.
        """
        if not (self.path / name).is_file():
            raise LackingInput(f"the folder has no {name}")
        return json.loads((self.path / name).read_text())


def relative_error(ours: torch.Tensor, theirs: torch.Tensor | Lacking) -> float | Lacking:
    """||a - b|| / ||b||; not a number where the shapes differ or ours is not finite."""
    if isinstance(theirs, Lacking):
        return theirs
    if ours.shape != theirs.shape:
        return float("nan")
    ours, theirs = ours.double(), theirs.double()
    norm = float(theirs.norm())
    return float((ours - theirs).norm()) / (norm if norm else 1.0)
