"""A few seconds of `python dev.py soak` on a running ComfyUI."""

import time

import pytest

from devkit import base
from soak import interrupts, prompts, queued
from soak.clients import example_prompts
from tests.host_process import HostProcess


@pytest.fixture(scope="module")
def soaked(foreign: HostProcess) -> HostProcess:
    base.put_photos(foreign.base)
    return foreign


def later() -> float:
    return time.monotonic() + 3600


def quick(name: str) -> dict:
    """An example with next to no work."""
    return {name: example_prompts(width=48, steps=1, frames=5)[name]}


def test_malformed_prompts_are_answered(soaked: HostProcess):
    done, failures, _ = queued.treat(soaked, 12, later(), seed=1)
    assert failures == []
    assert done == 12


def test_prompts_leave_nothing(soaked: HostProcess):
    row = prompts.treat(soaked, quick("chain-shots"), 1, later(), seed=1)
    assert row.failures == ()
    assert row.done == 1


def test_an_interrupt_leaves_the_next_prompt_as_it_was(soaked: HostProcess, monkeypatch):
    monkeypatch.setattr(interrupts, "SLOW", 0.1)
    row = interrupts.treat(soaked, quick("draw-and-preview"), 1, later(), seed=1)
    assert row.failures == ()
