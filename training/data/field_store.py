"""Motion fields of videos, kept in a folder so that each is tracked only once.

A file holds "flow" [N, 2, H, W] in float16 and "visible", [N, H, W] as packed bits; its metadata
say what it was made from, and the digest of its content. It appears under its name only when it is
whole. A stretch that cannot be tracked is kept too, as a .json file that says why.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save

from ...models.files import atomic
from ...models.files.safetensors_files import read_safetensors
from .video_fields import VideoField

FORMAT = "motion-i2v cached field"
VERSION = "1"
FULL = {errno.ENOSPC, errno.EDQUOT}
LARGEST = 60000.0

Key = Mapping[str, Any]


class DiskFull(OSError):
    """There is no room left for a motion field; the message says where."""


@dataclass(frozen=True)
class FieldStore:
    """The folder.

    Args:
        folder: made where it is missing.

    Raises:
        ValueError: where the folder cannot be made or written to.
    """

    folder: Path

    def __post_init__(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(f"{self.folder} cannot be used as cache: {error.strerror}") from None

    def path(self, key: Key) -> Path:
        """Where the field of this key is, or would be."""
        name = hashlib.blake2b(_text(key).encode(), digest_size=16).hexdigest()
        return self.folder / name[:2] / f"{name[2:]}.safetensors"

    def load(self, key: Key) -> VideoField | str | None:
        """The field; the reason why there is none; or None where nothing (whole) is kept."""
        path = self.path(key)
        if path.is_file():
            return _read(path, key)
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            refused = json.loads(path.with_suffix(".json").read_text("utf-8"))
            return str(refused["reason"]) if refused["key"] == _text(key) else None
        return None

    def has(self, key: Key) -> bool:
        """Whether `load` has something to read (it may turn out to be damaged)."""
        path = self.path(key)
        return path.is_file() or path.with_suffix(".json").is_file()

    def save(self, key: Key, field: VideoField) -> VideoField:
        """Keeps a field; returns it as `load` will.

        Raises:
            DiskFull: where there is no room; nothing is left behind then.
        """
        tensors = {
            "flow": field.flow.clamp(-LARGEST, LARGEST).to(torch.float16).contiguous(),
            "visible": torch.from_numpy(np.packbits(field.visible.numpy())),
        }
        metadata = {"format": FORMAT, "version": VERSION, "key": _text(key)}
        data = save(tensors, metadata | {"digest": _digest(tensors)})
        self._write(self.path(key), data)
        return VideoField(tensors["flow"].to(torch.float32), field.visible)

    def refuse(self, key: Key, reason: str) -> None:
        """Keeps the reason why a stretch of a video has no field."""
        text = json.dumps({"key": _text(key), "reason": reason})
        self._write(self.path(key).with_suffix(".json"), text.encode())

    def clean(self) -> None:
        """Removes what runs that were killed long ago left half written."""
        for folder in self.folder.glob("??"):
            atomic.clean(folder, older=atomic.ABANDONED)

    def free(self) -> int:
        """Bytes left on the disk."""
        return shutil.disk_usage(self.folder).free

    def _write(self, path: Path, data: bytes) -> None:
        try:
            with atomic.whole(path) as part:
                part.write_bytes(data)
        except OSError as error:
            if error.errno in FULL:
                raise DiskFull(
                    error.errno,
                    f"the disk is full: a motion field needs {len(data) / 1e6:.1f} MB in "
                    f"{self.folder}; make room, or give another folder with --cache. What is in "
                    "it already stays, and is used when you start again",
                ) from None
            raise ValueError(
                f"{self.folder} cannot be written to as cache: {error.strerror}"
            ) from None


def _read(path: Path, key: Key) -> VideoField | None:
    """The field in a file; None where it is damaged or of another version."""
    try:
        tensors, metadata = read_safetensors(path)
    except (ValueError, OSError):
        return None
    expected = {"format": FORMAT, "version": VERSION, "key": _text(key)}
    if metadata != expected | {"digest": _digest(tensors)}:
        return None
    flow = tensors["flow"].to(torch.float32)
    frames, _, height, width = flow.shape
    bits = np.unpackbits(tensors["visible"].numpy(), count=frames * height * width)
    visible = torch.from_numpy(bits.astype(bool).reshape(frames, height, width))
    return VideoField(flow, visible)


def _text(key: Key) -> str:
    return json.dumps(key, sort_keys=True, separators=(",", ":"))


def _digest(tensors: Mapping[str, torch.Tensor]) -> str:
    hashed = hashlib.blake2b(digest_size=16)
    for name in sorted(tensors):
        hashed.update(f"{name}{list(tensors[name].shape)}".encode())
        hashed.update(tensors[name].numpy().tobytes())
    return hashed.hexdigest()
