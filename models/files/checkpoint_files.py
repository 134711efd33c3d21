"""What lies in a checkpoint file, read without running code that it holds."""

from __future__ import annotations

import pickle  # nosec B403: for the name of its error; torch.load is told weights_only
import struct
from collections.abc import Mapping
from pathlib import Path

import torch

HEAD = 64
"""Bytes at the beginning of a file that tell what it is."""
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
        return _load_safetensors(path)
    if not head.startswith(PICKLES) and not _is_tar(path):
        raise ValueError(
            f"{path} is not a checkpoint: it begins with {head[:8]!r}, as neither .safetensors nor "
            "torch's files do; download it again"
        )
    return _load_pickle(path), {}


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
    if head.startswith(PICTURES):
        raise ValueError(f"{path} is a picture or a sound, {AGAIN}")


def _is_tar(path: Path) -> bool:
    """Torch's oldest files are tar archives."""
    import tarfile

    return tarfile.is_tarfile(path)


def _load_safetensors(path: Path) -> tuple[dict[str, object], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, dict(file.metadata() or {})
    except SafetensorError as error:
        raise ValueError(
            f"{path} is not a whole .safetensors file ({error}); was it downloaded to its end?"
        ) from error


def _load_pickle(path: Path) -> dict[str, object]:
    try:
        try:
            loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError:
            # Files from before torch 1.6 are not zip archives, and cannot be mapped.
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = _reason(error)
        if any(words in reason for words in ("truncated", "Unsupported operand")):
            raise _broken(path, reason) from error
        raise ValueError(
            f"{path} was not loaded: it holds more than tensors, and reading it would run code "
            f"({reason}). Use a .safetensors file, or one you converted."
        ) from error
    except (
        RuntimeError,
        EOFError,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
        AssertionError,
        struct.error,
    ) as error:
        raise _broken(path, _reason(error)) from error
    if not isinstance(loaded, Mapping):
        raise ValueError(f"{path} holds a {type(loaded).__name__}, not named tensors")
    return dict(loaded)


def _broken(path: Path, reason: str) -> ValueError:
    return ValueError(f"{path} is not a whole checkpoint ({reason}); was it downloaded to its end?")


def _reason(error: Exception) -> str:
    """The line of an error that tells what was wrong, without torch's advice around it."""
    text = str(error)
    _, found, after = text.partition("WeightsUnpickler error: ")
    lines = (after if found else text).strip().splitlines() or [type(error).__name__]
    return lines[0].partition(". Please use")[0]
