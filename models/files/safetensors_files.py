"""Reading .safetensors files, by all who do: the header is looked at before the library reads it.

The library holds every tensor to the file's length; what is left to do here is that a header of
any length does not become memory.
"""

from __future__ import annotations

import struct
from pathlib import Path

import torch

from .torch_files import LARGEST_TABLE

UNREADABLE = (ValueError, TypeError, AttributeError, RuntimeError, MemoryError)
"""What reading ends in, of torch where it lacks a type, or where the file cannot be mapped."""

MOST_TENSORS = 30_000
"""Of a file; a checkpoint of a whole training of stage 1 has 8,000."""


def read_safetensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The tensors of a file, mapped from the disk rather than copied, and its metadata.

    Raises:
        ValueError: where it is not whole, or its header promises more than it holds.
        OSError: where it cannot be opened.
    """
    from safetensors import SafetensorError, safe_open

    try:
        _check_header(path)
        with safe_open(str(path), framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, dict(file.metadata() or {})
    except (SafetensorError, *UNREADABLE) as error:
        raise ValueError(
            f"{path} is not a whole .safetensors file ({error}, in {length_of(path)}); was it "
            "downloaded to its end?"
        ) from error


def length_of(path: Path) -> str:
    """What a message tells of a file that cannot be read."""
    return f"{path.stat().st_size:,} bytes" if path.exists() else "a file that is gone"


def _check_header(path: Path) -> None:
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise ValueError("it is no file")
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if length < 2 or length > size - 8:
            raise ValueError(f"its header would be {length:,} bytes, the file is {size:,}")
        if length > LARGEST_TABLE:
            raise ValueError(f"its header is {length:,} bytes, of at most {LARGEST_TABLE:,}")
        count = file.read(length).count(b"data_offsets")
    if count > MOST_TENSORS:
        raise ValueError(f"it names {count:,} tensors, of at most {MOST_TENSORS:,}")
