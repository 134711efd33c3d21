"""Files that appear whole under their names, or not at all, whatever ends the process.

A file is written in a folder of its own beside its place, flushed to the disk, and renamed. What a
killed process leaves of that is a hidden folder, which no one lists, and which the next writing of
the same file, or `clean`, removes.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PART = ".part"
ABANDONED = 3600.0
"""Seconds after which nobody writes a part any more."""


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Gives a place to write to; what was written there gets the name `path` at the end.

    Nothing is left behind where what happens inside fails, and a file that was there stays.

    Raises:
        OSError: where the folder cannot be made or written to, or the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    clean(path.parent, f"{path.name}.", ABANDONED)
    folder = Path(tempfile.mkdtemp(PART, f".{path.name}.", path.parent))
    try:
        # Without an ending, so that what looks for files of a kind does not find it.
        part = folder / "part"
        part.touch()
        mode = part.stat().st_mode
        yield part
        part.chmod(mode)  # safetensors lets nobody else read it
        flush(part)
        os.replace(part, path)
        flush(path.parent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clean(folder: Path, begins: str = "", older: float = 0.0) -> None:
    """Removes what killed processes left of files in a folder.

    Args:
        begins: how the files' names begin; "" for every file.
        older: seconds since it was begun; 0 where nobody else can be writing.
    """
    for rest in parts(folder):
        with suppress(OSError):  # another process may be quicker
            if rest.name[1:].startswith(begins) and time.time() - rest.stat().st_mtime >= older:
                shutil.rmtree(rest)


def parts(folder: Path) -> list[Path]:
    """What is being written in a folder, or was when its process was killed."""
    return [path for path in folder.glob(".*" + PART) if path.is_dir() and not path.is_symlink()]


def flush(path: Path) -> None:
    """Waits until a file or a folder is on the disk."""
    if path.is_dir() and os.name == "nt":  # Windows opens no folders
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
