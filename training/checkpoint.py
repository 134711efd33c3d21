"""What a training writes to disk: checkpoints to go on from, and the files that the nodes load.

A checkpoint is one safetensors file with everything that a training needs to go on: reading one
executes no code. It is written beside its place, flushed to the disk, and renamed, so whatever
happens the files under their final names are whole.
"""

from __future__ import annotations

import errno
import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from ..models.files import atomic
from ..models.files.safetensors_files import read_safetensors

logger = logging.getLogger(__name__)

FORMAT = "motion_i2v.training.1"
FOLDER = "checkpoints"
FILES = "files"
NAME = r"step-(\d{9})\.safetensors"


class TrainingError(RuntimeError):
    """A training that cannot go on; the message says why, and what to do."""


@dataclass(frozen=True)
class Facts:
    """What a checkpoint holds besides tensors."""

    step: int
    settings: dict[str, Any]
    scaler: dict[str, Any]

    def metadata(self) -> dict[str, str]:
        facts = {"step": self.step, "settings": self.settings, "scaler": self.scaler}
        return {"format": FORMAT, "facts": json.dumps(facts)}


@dataclass(frozen=True)
class TrainingState:
    """The live objects that a checkpoint is taken of, and put back into."""

    modules: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer

    def tensors(self) -> dict[str, torch.Tensor]:
        """Every tensor that the next step depends on, by its name in the file."""
        found = {f"weights.{name}": value for name, value in self.modules.state_dict().items()}
        found |= {f"average.{name}": value for name, value in self.average.state_dict().items()}
        for name, parameter in self._trained():
            for key, value in self.optimizer.state[parameter].items():
                found[f"optimizer.{key}.{name}"] = value
        return found

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Puts the tensors of a checkpoint in place.

        Raises:
            RuntimeError: if they are those of other networks, or of more that were trained.
        """
        moments = {key: _under(f"optimizer.{key}", tensors) for key in _moments(tensors)}
        names = [name for name, _ in self._trained()]
        if strangers := {name for values in moments.values() for name in values} - {*names}:
            raise RuntimeError(f"It trained {', '.join(sorted(strangers)[:5])}, too.")
        self.modules.load_state_dict(_under("weights", tensors))
        self.average.load_state_dict(_under("average", tensors))
        state = {
            index: {key: values[name] for key, values in moments.items() if name in values}
            for index, name in enumerate(names)
        }
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})

    def _trained(self) -> list[tuple[str, nn.Parameter]]:
        return [(name, p) for name, p in self.modules.named_parameters() if p.requires_grad]


def save(folder: Path, state: TrainingState, facts: Facts, keep: int) -> Path:
    """Writes `folder/checkpoints/step-000001234.safetensors`, then removes all but the newest.

    Args:
        keep: how many checkpoints remain, at least 2: the one before is for the case that the
            newest turns out to be damaged.

    Raises:
        TrainingError: if the disk is full; what was there before stays.
    """
    path = folder / FOLDER / f"step-{facts.step:09d}.safetensors"
    write(path, state.tensors(), facts.metadata())
    for _, old in checkpoints(folder)[max(keep, 2) :]:
        old.unlink(missing_ok=True)
    return path


def resume(folder: Path, state: TrainingState) -> Facts | None:
    """Loads the newest checkpoint that can be read; None where there is none.

    Raises:
        TrainingError: if none can be read, or it is of other networks.
    """
    damaged = []
    for _, path in checkpoints(folder):
        try:
            tensors, facts = read(path)
        except (ValueError, OSError) as error:
            logger.warning("%s cannot be read (%s); trying the one before it", path, error)
            damaged.append(path)
            continue
        try:
            state.load(tensors)
        except RuntimeError as error:
            raise TrainingError(
                f"{path} is not of what is to be trained now; give another folder, or the options "
                f"it was begun with. {error}"
            ) from error
        # Out of the way, or they would count as the newest ones when old ones are removed.
        for bad in damaged:
            bad.rename(bad.with_suffix(".damaged"))
        return facts
    if damaged:
        raise TrainingError(
            f"no checkpoint in {folder / FOLDER} can be read; remove it to begin from nothing"
        )
    return None


def clean(folder: Path) -> None:
    """Removes what a killed training left half written."""
    for name in (FOLDER, FILES):
        atomic.clean(folder / name)


def checkpoints(folder: Path) -> list[tuple[int, Path]]:
    """(step, file) of every checkpoint of a training, the newest first."""
    found = []
    for path in (folder / FOLDER).glob("step-*.safetensors"):
        if match := re.fullmatch(NAME, path.name):
            found.append((int(match[1]), path))
    return sorted(found, reverse=True)


def read(path: Path) -> tuple[dict[str, torch.Tensor], Facts]:
    """Reads one checkpoint.

    Raises:
        ValueError: if it is damaged, or no checkpoint of a training.
        OSError: if it cannot be opened.
    """
    tensors, metadata = read_safetensors(path)
    if metadata.get("format") != FORMAT:
        raise ValueError(f"its format is {metadata.get('format')}, not {FORMAT}")
    try:
        return tensors, Facts(**json.loads(metadata["facts"]))
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"it does not tell its step and settings ({error!r})") from error


def write(path: Path, tensors: Mapping[str, torch.Tensor], metadata: dict[str, str]) -> None:
    """Writes a safetensors file that either appears whole under its name, or not at all.

    Raises:
        TrainingError: if the disk is full.
    """
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    size = sum(value.nbytes for value in plain.values()) / 2**20
    with full_disk_explained(f"{path} ({size:.1f} MiB)"), atomic.whole(path) as part:
        save_file(plain, part, metadata)


@contextmanager
def full_disk_explained(what: str) -> Iterator[None]:
    """Turns the errors of a full disk into one that says what to do.

    Raises:
        TrainingError: if what happens inside fails for want of space.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        if not _disk_full(error):
            raise
        raise TrainingError(
            f"the disk is full: {what} could not be written ({error}). Nothing that was saved "
            "before is lost; free some space and give the same command again to go on"
        ) from error


def _disk_full(error: Exception) -> bool:
    full = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    if isinstance(error, OSError):
        return error.errno in full
    return any(f"os error {code})" in str(error) for code in full)


def _under(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    start = prefix + "."
    return {key[len(start) :]: value for key, value in tensors.items() if key.startswith(start)}


def _moments(tensors: Mapping[str, torch.Tensor]) -> set[str]:
    return {key.split(".")[1] for key in tensors if key.startswith("optimizer.")}
