"""Bounds on this process: of processor time for one case, of memory for all of them."""

from __future__ import annotations

import ctypes
import gc
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import psutil

ROOM = 6 << 30
"""Bytes of address space that the cases may take beyond what the process has."""


GROWTH = 0.05
"""The part of its memory that a process may have in addition, after all that it did."""


class Hung(BaseException):
    """A case took too long; no `except Exception` may swallow it."""


@contextmanager
def processor_seconds(limit: float) -> Iterator[None]:
    """Raises Hung once the process has computed so long: a loaded machine does not count.

    Python's code is stopped; a library's call ends first. Without such a clock (Windows): no bound.
    """
    if not hasattr(signal, "setitimer"):
        yield
        return

    def stop(_: int, frame: FrameType | None) -> None:
        where = f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "?"
        raise Hung(f"over {limit:g} s of processor time, at {where}")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, limit)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def cap_memory() -> None:
    """Makes what asks for much memory fail, instead of the machine."""
    try:
        import resource
    except ImportError:  # Windows
        return
    most = psutil.Process().memory_info().vms + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def resident_memory(process: int | None = None) -> int:
    """Bytes of this process (None), after its garbage is collected, or of another."""
    if process is None:
        gc.collect()
        _trim()
    return psutil.Process(process).memory_info().rss


def _trim() -> None:
    """Gives back what is freed, as far as the allocator can be told to (glibc)."""
    with suppress(OSError, AttributeError, TypeError):  # Windows, macOS, musl
        ctypes.CDLL(None).malloc_trim(0)


def growth(settled: int, after: int, whose: str = "memory") -> list[str]:
    """What did not hold of a process's memory, bytes, once it had loaded all and at the end."""
    if after <= settled * (1 + GROWTH):
        return []
    return [f"{whose} grew from {settled >> 20} to {after >> 20} MB"]
