"""What is worked on strip by strip takes no whole maps besides its results."""

from collections.abc import Callable

import pytest
import torch
from motion_i2v.models.networks import splat_strips
from motion_i2v.models.picture.pixels import grown, spread
from motion_i2v.models.picture.tears import torn_edges
from torch.profiler import ProfilerActivity, profile

SIDE = 256


def most_maps(work: Callable[[], object]) -> float:
    """How much is held at once at most, results included, in maps [SIDE, SIDE] float32."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as told:
        result = work()
    assert result is not None
    events = [e for e in told.profiler.kineto_results.events() if e.name() == "[memory]"]
    held = most = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        held += event.nbytes()
        most = max(most, held)
    return most / (4 * SIDE**2)


@pytest.mark.parametrize(
    ("work", "maps"),
    [
        (lambda noise: torn_edges(noise), 1),
        (lambda noise: grown(noise[0] > 0.9, 3), 1),
        (lambda noise: spread(noise[:1], noise[1]), 2.5),
    ],
    ids=["torn_edges", "grown", "spread"],
)
def test_a_large_map_is_worked_on_in_strips(work, maps, monkeypatch):
    monkeypatch.setattr(splat_strips, "BOUND", 4 * SIDE)
    noise = torch.rand(2, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    assert most_maps(lambda: work(noise)) < maps
