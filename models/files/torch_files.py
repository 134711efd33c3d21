"""Torch's own files, .bin, .ckpt, .pt and .pth: a pickle that says which tensors lie where.

Nothing of them is unpickled (`torch_pickles`), and no memory is taken for what they only promise:
a tensor is the bytes of the file, mapped.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from .torch_pickles import Damaged, Placed, Stored, walk

LARGEST_TABLE = 16 << 20
"""Bytes of what says where a file's tensors lie: 0.1 MB for SD 1.5, 1 MB with its optimizer."""

MAGIC = 0x1950A86A20F9469CFC6C
"""What torch's files begin with that are no zip archives, from before 1.6."""

ZIP = b"PK\x03\x04"
LOCAL_HEADER = struct.Struct("<4s22xHH")
TAR_MARK = (257, b"ustar")
SHARED = 2
"""The tensors of a file may be so many times its size together: some share their numbers."""

ALIGNED = 8
"""Bytes of the largest number."""

Places = Mapping[str, tuple[int, int]]
"""Storage -> (first byte in the file, bytes)."""


def read_torch_file(path: Path) -> dict[str, object]:
    """The contents of a file of `torch.save`, its tensors mapped from the disk.

    Raises:
        WouldRunCode: where it holds more than tensors.
        Damaged: where it is not whole, or promises what it does not hold.
    """
    try:
        with path.open("rb") as file:
            zipped = file.read(len(ZIP)) == ZIP
        found, places = _zipped(path) if zipped else _stream(path)
        if not isinstance(found, dict):
            raise ValueError(
                f"it holds {_named(found)}, and not named tensors; choose another file"
            )
        return _Tensors(path, places).of(found)
    # Of zipfile, where a member is encrypted, of another version or has no name too; of torch,
    # where the file cannot be mapped.
    except (zipfile.BadZipFile, UnicodeError, RuntimeError, MemoryError, OSError) as error:
        raise Damaged(str(error)) from error


def is_tar(head: bytes) -> bool:
    """Whether a file's beginning is that of torch's very oldest format."""
    place, mark = TAR_MARK
    return head[place : place + len(mark)] == mark


class _Sparing(io.FileIO):
    """A file that gives no more at once than a table of tensors may have."""

    def read(self, size: int | None = -1, /) -> bytes:
        rest = self.seek(0, io.SEEK_CUR), self.seek(0, io.SEEK_END)
        self.seek(rest[0])
        asked = rest[1] - rest[0] if size is None or size < 0 else size
        if asked > LARGEST_TABLE:
            raise Damaged(f"its table of contents would be {asked:,} bytes, of {LARGEST_TABLE:,}")
        return super().read(asked)


def _zipped(path: Path) -> tuple[Any, Places]:
    """The pickle of an archive, and where its members lie."""
    with _Sparing(path) as file, zipfile.ZipFile(file) as archive:
        members = {member.filename: member for member in archive.infolist()}
        tables = [name for name in members if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(tables) != 1 or len(members) != len(archive.infolist()):
            raise Damaged("it has not one table of tensors; torch did not write it")
        packed = [name for name, member in members.items() if member.compress_type]
        if packed:
            raise Damaged(f"{packed[0]} in it is compressed, which torch never does")
        folder = tables[0].removesuffix("data.pkl")
        order = members.get(f"{folder}byteorder")
        if order is not None and archive.read(order) != b"little":
            raise Damaged("its numbers have the byte order of another machine")
        found = walk(io.BytesIO(archive.read(members[tables[0]])))
        inside = f"{folder}data/"
        size = path.stat().st_size
        return found, {
            name.removeprefix(inside): (_begin(file, member, size), member.file_size)
            for name, member in members.items()
            if name.startswith(inside)
        }


def _begin(file: io.FileIO, member: zipfile.ZipInfo, size: int) -> int:
    """Where a member's bytes begin, all of which must be there."""
    file.seek(member.header_offset)
    head = file.read(LOCAL_HEADER.size)
    if len(head) < LOCAL_HEADER.size or not head.startswith(ZIP):
        raise Damaged(f"{member.filename} is not where it should be")
    _, name, extra = LOCAL_HEADER.unpack(head)
    begin = member.header_offset + LOCAL_HEADER.size + name + extra
    if begin + member.file_size > size:
        raise Damaged(f"{member.filename} would be {member.file_size:,} bytes, the file {size:,}")
    return begin


def _stream(path: Path) -> tuple[Any, Places]:
    """The pickles that an older file begins with, and where the storages behind them lie."""
    with path.open("rb") as file:
        table = io.BytesIO(file.read(LARGEST_TABLE))
    magic = walk(table)
    if magic != MAGIC:
        raise Damaged("it begins with a pickle that torch did not write")
    _, _, found, keys = (walk(table) for _ in range(4))
    types = {stored.key: stored for stored in _storages(found)}
    places, at, size = {}, table.tell(), path.stat().st_size
    with path.open("rb") as file:
        for key in keys:
            file.seek(at)
            head = file.read(8)
            if len(head) < 8 or key not in types:
                raise Damaged("it ends before its tensors do")
            (count,) = struct.unpack("<q", head)
            nbytes = count * types[key].dtype.itemsize
            if not 0 <= nbytes <= size - at - 8:
                raise Damaged(f"a storage would be {nbytes:,} bytes, the file {size:,}")
            places[key] = (at + 8, nbytes)
            at += 8 + nbytes
    return found, places


def _storages(found: Any) -> list[Stored]:
    """The storages of all tensors, at any depth."""
    seen: set[int] = set()
    waiting, stored = [found], []
    while waiting:
        value = waiting.pop()
        if isinstance(value, Placed):
            stored.append(value.storage)
        elif isinstance(value, (dict, list, tuple)) and id(value) not in seen:
            seen.add(id(value))
            waiting += value.values() if isinstance(value, dict) else value
    return stored


class _Tensors:
    """Makes tensors of places in a file.

    Args:
        path: the file.
        places: where its storages lie.
    """

    def __init__(self, path: Path, places: Places) -> None:
        self.path, self.places = path, places
        self.size = path.stat().st_size
        self.left = SHARED * self.size
        self.mapped: Any = None
        self.storages: dict[Stored, torch.UntypedStorage] = {}
        self.made: dict[int, Any] = {}

    def of(self, found: dict[Any, Any]) -> dict[str, object]:
        """The same mapping with tensors; nested mappings too, each made once."""
        out: dict[Any, Any] = {}
        waiting = [(found, out)]
        self.made[id(found)] = out
        while waiting:
            given, target = waiting.pop()
            for name, value in given.items():
                if isinstance(value, dict) and id(value) not in self.made:
                    self.made[id(value)] = {}
                    waiting.append((value, self.made[id(value)]))
                target[name] = self.made[id(value)] if isinstance(value, dict) else self._one(value)
        return out

    def _one(self, value: Any) -> Any:
        if not isinstance(value, Placed):
            return value
        self.left -= value.nbytes
        if self.left < 0:
            raise Damaged(f"its tensors together are more than {SHARED} times the file")
        if value.storage not in self.storages:
            self.storages[value.storage] = self._storage(value.storage)
        own = self.storages[value.storage]
        empty = torch.empty(0, dtype=value.dtype)
        return empty.set_(own, value.offset, value.shape, value.stride)

    def _storage(self, stored: Stored) -> torch.UntypedStorage:
        begin, nbytes = self.places.get(stored.key, (0, 0))
        if stored.nbytes > nbytes:
            raise Damaged(f"storage {stored.key} is to have {stored.nbytes:,} bytes, of {nbytes:,}")
        if self.mapped is None:
            self.mapped = torch.UntypedStorage.from_file(str(self.path), False, self.size)
        own = self.mapped[begin : begin + nbytes]
        # Older files pack storages without gaps.
        return own.clone() if begin % ALIGNED else own


def _named(value: Any) -> str:
    return "a Tensor" if isinstance(value, Placed) else f"a {type(value).__name__}"
