"""How long work tells how far it is, and is stopped: what it calls may raise."""

from __future__ import annotations

from collections.abc import Callable

OnStep = Callable[[int, int], None]
"""Called with (steps done, steps in all)."""

Tick = Callable[[], None]
"""Called once a unit of work."""


def nothing() -> None:
    """A tick that nobody listens to."""
