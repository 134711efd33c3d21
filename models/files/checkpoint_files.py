"""What lies in a checkpoint file, read without running code that it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch

from .safetensors_files import length_of, read_safetensors
from .torch_files import is_tar, read_torch_file
from .torch_pickles import Damaged, WouldRunCode

HEAD = 512
"""Bytes at the beginning of a file that tell what it is."""
LONGEST_SIDE = 1 << 20
PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF")
PICKLES = (b"PK\x03\x04", b"\x80")
AGAIN = "not the weights themselves; download the file again"


def load_tensors(path: Path) -> tuple[dict[str, object], dict[str, str]]:
    """The raw contents of a file and its metadata, mapped from the disk rather than copied.

    Raises:
        FileNotFoundError: where there is no such file.
        ValueError: where it is no checkpoint, or not a whole one, saying what it is instead.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file")
    with path.open("rb") as file:
        head = file.read(HEAD)
    _check_head(path, head)
    if head[8:9] == b"{" or path.suffix.lower() in (".safetensors", ".sft"):
        named, metadata = read_safetensors(path)
        found: dict[str, object] = {**named}
    elif head.startswith(PICKLES):
        found, metadata = _read_torch_file(path), {}
    else:
        raise ValueError(
            f"{path} is not a checkpoint: it begins with {head[:8]!r}, as neither .safetensors nor "
            "torch's files do; download it again"
        )
    _check_sides(path, found)
    return found, metadata


def _check_head(path: Path, head: bytes) -> None:
    """Says what downloads become when they go wrong."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not head.strip(b"\0"):
        what = "holds only zeros where it begins" if head else "is empty"
        raise ValueError(f"{path} {what}: {AGAIN}")
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        raise ValueError(
            f"{path} is a web page, {AGAIN} (with the link that says 'download', or signed in "
            "where the page asks for it)"
        )
    if text.startswith(b"version https://git-lfs"):
        raise ValueError(f"{path} is a git-LFS pointer, {AGAIN} (or run 'git lfs pull')")
    if text.startswith((b"{", b"[")):
        raise ValueError(f"{path} is JSON text, perhaps a server's error message, {AGAIN}")
    if is_tar(head):
        raise ValueError(
            f"{path} is of the oldest format of torch (a tar archive); save it again with any "
            "later torch"
        )
    if head.startswith(PICTURES):
        raise ValueError(f"{path} is a picture or a sound, {AGAIN}")


def _read_torch_file(path: Path) -> dict[str, object]:
    """The contents of a file of torch, with errors that say which it is."""
    try:
        return read_torch_file(path)
    except WouldRunCode as error:
        raise ValueError(
            f"{path} was not loaded: it holds more than tensors, and reading it would run code "
            f"({error}). Use a .safetensors file, or one you converted."
        ) from error
    except Damaged as error:
        raise ValueError(
            f"{path} is not a whole checkpoint ({error}, in {length_of(path)}); was it "
            "downloaded to its end?"
        ) from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _check_sides(path: Path, tensors: Mapping[str, object]) -> None:
    """Networks are made as large as the sides of a file's tensors say.

    A tensor without numbers may have any, and two of one long side make a third of two.
    """
    for name, value in _all_within(tensors):
        sides = list(value.shape) if isinstance(value, torch.Tensor) else []
        if max(sides, default=0) > LONGEST_SIDE or (0 in sides and any(sides)):
            raise ValueError(
                f"{path}: {name} has the shape {sides[:8]}; the sides of a network's tensors are "
                f"1 to {LONGEST_SIDE:,}, get the file again"
            )


def _all_within(tensors: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Names and values of a mapping and those in it, each once."""
    waiting, seen = [tensors], {id(tensors)}
    while waiting:
        for name, value in waiting.pop().items():
            yield name, value
            if isinstance(value, Mapping) and id(value) not in seen:
                seen.add(id(value))
                waiting.append(value)
