"""The release's parts as one half-precision .safetensors file each, written tensor by tensor.

The released files are mapped from the disk, each tensor is cast and written, and let go: no second
copy of a part is ever in memory.
"""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import torch

from ..types.progress import OnStep
from .atomic import whole
from .checkpoints import Checkpoint, read_checkpoint
from .kinds import KINDS
from .trained import PREFIX

CONVERTED = ("stage1_unet", "stage1_controlnet", "flow_vae", "motion_modules", "sd15_unet")
DTYPE_NAMES = {torch.float16: "F16", torch.bfloat16: "BF16", torch.float32: "F32"}
SUFFIXES = (".bin", ".ckpt", ".pt", ".pth", ".safetensors")


@dataclass(frozen=True)
class Conversion:
    """One conversion, and what it needs.

    Args:
        source: the released file.
        target: the file to write.
        kind: a key of KINDS.
        tensors: how many.
        disk: bytes of the target.
        memory: bytes held at once: the largest tensor, as it is and cast. The source itself is
            mapped where its format allows.
    """

    source: Path
    target: Path
    kind: str
    tensors: int
    disk: int
    memory: int

    def __str__(self) -> str:
        return (
            f"{self.source} ({KINDS[self.kind].title}, {self.tensors} tensors) -> {self.target}: "
            f"{_gigabytes(self.disk)} on the disk, {_gigabytes(self.memory)} of memory"
        )


def plan(
    source: Path, folder: Path, dtype: torch.dtype = torch.float16, unets: Path | None = None
) -> Conversion:
    """Looks into a file, and says what converting it would need; arguments as for `convert`.

    Raises:
        ValueError: where it is not a whole part of the release, or the target is there already.
        FileNotFoundError: where there is no such file.
    """
    return _plan(read_checkpoint(source), folder, dtype, unets)


def convert(
    source: Path,
    folder: Path,
    dtype: torch.dtype = torch.float16,
    tell: Callable[[str], None] = lambda line: None,
    on_step: OnStep | None = None,
    unets: Path | None = None,
) -> Path:
    """Writes one part as .safetensors, under its released names.

    Args:
        source: a .bin, .ckpt or .safetensors file of the release.
        folder: where to write; the name is the part's.
        dtype: float16, bfloat16 or float32.
        tell: told, before anything is written, what it needs.
        on_step: told (tensors written, tensors in all); may raise to stop.
        unets: where an ordinary UNet goes, which the host's own node loads; None: to the others.

    Returns:
        The file written. Nothing is left behind where it fails.

    Raises:
        ValueError: as `plan`; where the disk is too small; or a value too large for the dtype.
    """
    checkpoint = read_checkpoint(source)
    made = _plan(checkpoint, folder, dtype, unets)
    tell(str(made))
    folder = made.target.parent
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < made.disk:
        raise ValueError(
            f"{made.target} needs {_gigabytes(made.disk)}, but {folder} has only "
            f"{_gigabytes(free)} left"
        )
    with whole(made.target) as part, part.open("wb") as file:
        _write(file, checkpoint, dtype, on_step)
    return made.target


def parts_in(folders: Iterable[Path]) -> list[Path]:
    """The files of a release, or of several folders, that may be parts; by name only."""
    found = []
    for folder in folders:
        found += [path for path in sorted(folder.rglob("*")) if path.suffix in SUFFIXES]
    return found


def _plan(
    checkpoint: Checkpoint, folder: Path, dtype: torch.dtype, unets: Path | None
) -> Conversion:
    if dtype not in DTYPE_NAMES:
        raise ValueError(f"a part is converted to float16, bfloat16 or float32, not {dtype}")
    kind = checkpoint.kind.key
    if kind not in CONVERTED:
        raise ValueError(f"{checkpoint.source} is {checkpoint.kind.title}; it needs no conversion")
    if kind == "sd15_unet" and unets is not None:
        folder = unets
    target = folder / f"motion_i2v_{kind}_{DTYPE_NAMES[dtype].lower()}.safetensors"
    if target.exists():
        raise ValueError(f"{target} is there already; remove it first to convert again")
    size = torch.empty((), dtype=dtype).element_size()
    tensors = checkpoint.tensors.values()
    return Conversion(
        Path(checkpoint.source),
        target,
        kind,
        len(checkpoint.tensors),
        len(_header(checkpoint, dtype)) + size * checkpoint.parameters,
        max(tensor.numel() * (tensor.element_size() + size) for tensor in tensors),
    )


def _header(checkpoint: Checkpoint, dtype: torch.dtype) -> bytes:
    """The length and JSON with which a safetensors file begins."""
    size = torch.empty((), dtype=dtype).element_size()
    told = {key: text for key, text in checkpoint.metadata.items() if key.startswith(PREFIX)}
    header: dict[str, object] = {
        "__metadata__": {
            **told,
            "format": "pt",
            "motion_i2v": checkpoint.kind.key,
            "title": checkpoint.kind.title,
            "source": Path(checkpoint.source).name,
            "widths": ",".join(map(str, checkpoint.widths)),
        }
    }
    offset = 0
    for entry in checkpoint.entries:
        tensor = checkpoint.tensors[entry.name]
        end = offset + size * tensor.numel()
        header[entry.name] = {
            "dtype": DTYPE_NAMES[dtype],
            "shape": list(tensor.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def _write(
    file: BinaryIO, checkpoint: Checkpoint, dtype: torch.dtype, on_step: OnStep | None
) -> None:
    file.write(_header(checkpoint, dtype))
    total = len(checkpoint.entries)
    for number, entry in enumerate(checkpoint.entries, start=1):
        tensor = checkpoint.tensors.pop(entry.name)
        cast = tensor.to(dtype).contiguous()
        if not bool(torch.isfinite(cast).all()):
            raise ValueError(
                f"{checkpoint.source}: {entry.name} holds values up to "
                f"{float(tensor.abs().max()):g}, which {dtype} cannot hold; convert to bfloat16 or "
                "float32"
            )
        file.write(cast.view(torch.uint8).numpy().data)
        del tensor, cast
        if on_step is not None:
            on_step(number, total)


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.2f} GB"
