"""How long work tells how far it is, and is stopped: what it calls may raise."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Thread
from typing import TypeVar

OnStep = Callable[[int, int], None]
"""Called with (steps done, steps in all)."""

Tick = Callable[[], None]
"""Called once a unit of work."""


def nothing() -> None:
    """A tick that nobody listens to."""


Result = TypeVar("Result")

PATIENCE = 0.1
"""Seconds between two ticks while one waits."""

LONG = 1 << 20
"""A picture of so many pixels is worked on for longer than one would wait for an answer."""


def heard(work: Callable[[], Result], pixels: int, tick: Tick) -> Result:
    """Does a part of the work that cannot tick itself: one call of a library.

    In a thread of its own where the picture is large, while this one ticks. What a tick raises is
    raised at once; the call comes to its end unheeded.

    >>> heard(lambda: 6 * 7, pixels=LONG, tick=nothing)
    42
    """
    if pixels < LONG:
        return work()
    future: Future[Result] = Future()
    Thread(target=_fulfil, args=(future, work), daemon=True).start()
    while not wait([future], PATIENCE).done:
        tick()
    return future.result()


def _fulfil(future: Future[Result], work: Callable[[], Result]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:
        future.set_exception(error)
