"""One training at a time in a folder: a lock that the system takes back when its process ends.

So none is ever left behind, by a kill or a power cut, and no number of a process can be mistaken
for that of another. What the file says, of the process and since when, is only for people.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from .checkpoint import TrainingError

logger = logging.getLogger(__name__)

NAME = "training.lock"
PLACE = 1 << 30
"""The byte that is locked: far behind the text, which Windows would let nobody read."""

_HELD: dict[Path, str] = {}
"""Of this process, and what they say: opening one again, and closing it, would give the lock back.
"""


class FolderTaken(TrainingError):
    """Another training is running in the folder; the message says which."""


@contextmanager
def taken(folder: Path) -> Iterator[None]:
    """Holds a folder, so that no other training can.

    Raises:
        FolderTaken: where another process, or this one, is training into it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder.resolve() / NAME
    if path in _HELD:
        raise FolderTaken(_told(path, _HELD[path]))
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _lock(handle):
            raise FolderTaken(_told(path, os.read(handle, 1000).decode("utf-8", "replace")))
        started = datetime.now().astimezone().isoformat(" ", "seconds")
        facts = {"process": os.getpid(), "started": started, "machine": platform.node()}
        _HELD[path] = json.dumps(facts)
        try:
            os.ftruncate(handle, 0)
            os.write(handle, _HELD[path].encode())
            yield
        finally:
            del _HELD[path]
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def _told(path: Path, text: str) -> str:
    try:
        facts = json.loads(text)
        whose = f"process {facts['process']} on {facts['machine']}, started {facts['started']}"
    except (ValueError, LookupError, TypeError):
        whose = "another process, which has not said yet which it is"
    return (
        f"{path.parent} is being trained into by {whose}. Wait until it ends, stop it (Ctrl-C "
        "saves where it is), or give another folder with --out"
    )


def _lock(handle: int) -> bool:
    """Whether the lock could be had; it goes with the handle, and never to a child process."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(handle, PLACE, os.SEEK_SET)
            try:
                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            finally:
                os.lseek(handle, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, PLACE)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
            return False
        logger.warning("this folder's disk knows no locks (%s): begin no second training", error)
    return True
