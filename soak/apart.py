"""A row in a process of its own, so that one that ends it, or eats its memory, spoils no other."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module

from soak.rows import Row


def run_apart(name: str, count: int, seconds: float, seed: int) -> Row:
    """Runs one row; that it fails, or its process dies, is a failure of the row."""
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawning) as pool:
        try:
            return pool.submit(run, name, count, seconds, seed).result()
        except Exception as error:
            return Row(name, "the row ends", 0, (f"{type(error).__name__}: {error}",), "")


def run(name: str, count: int, seconds: float, seed: int) -> Row:
    """Runs `soak/<name>.py` in this process."""
    row: Callable[[int, float, int], Row] = import_module(f"soak.{name}").run
    return row(count, seconds, seed)
