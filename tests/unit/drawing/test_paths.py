"""Sampling drawn paths: ends, straight lines, bounds, times, and what is refused."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from motion_i2v.models.drawing.paths import CURVES, EASES, Path, sample_path, sample_paths

from tests.tolerances import FLOAT64, close

few = settings(deadline=None, max_examples=60)
coordinate = st.integers(-200, 900).map(float)
points = st.lists(st.tuples(coordinate, coordinate), min_size=2, max_size=7)
holds = st.lists(st.sampled_from([0.0, 0.1, 0.75]), min_size=7, max_size=7)
paths = st.builds(
    lambda p, curve, spacing, ease, waits: Path(
        tuple(p), curve, spacing, ease=ease, holds=tuple(waits[: len(p)])
    ),
    points,
    st.sampled_from(CURVES),
    st.sampled_from(["arc", "index"]),
    st.sampled_from(EASES),
    holds,
)


@few
@given(paths, st.integers(2, 30))
def test_a_path_begins_and_ends_at_its_ends_and_stays_within_its_points(path, frames):
    sampled = sample_path(path, np.linspace(0, 1, frames))
    drawn = np.asarray(path.points)
    if not (path.spacing == "arc" and (drawn == drawn[0]).all()):
        close(sampled[-1], drawn[-1], FLOAT64)
    close(sampled[0], drawn[0], FLOAT64)
    assert (sampled >= drawn.min(axis=0) - 1e-6).all()
    assert (sampled <= drawn.max(axis=0) + 1e-6).all()


@few
@given(paths, st.floats(0, 0.45), st.floats(0.55, 1))
def test_a_path_rests_outside_its_span(path, start, end):
    late = Path(path.points, path.curve, path.spacing, (), path.holds, path.ease, start, end)
    before, after = sample_path(late, np.array([start * 0.5, end + (1 - end) * 0.5]))
    whole = sample_path(path, np.array([0.0, 1.0]))
    close([before, after], whole, FLOAT64)


@few
@given(st.lists(st.integers(0, 40), min_size=2, max_size=6))
def test_by_arc_length_a_straight_line_runs_at_one_speed(steps):
    line = Path(tuple((float(x), 3.0) for x in np.cumsum(steps)), "straight", "arc")
    x = sample_path(line, np.linspace(0, 1, 9))[:, 0]
    close(np.diff(x), sum(steps[1:]) / 8, FLOAT64)


def test_a_pin_stays_and_the_released_one_moves_by_a_pixel():
    pin = Path(((7.0, 9.0),))
    assert sample_paths([pin], 5, (20, 20)).points[:, 0].tolist() == [[7.0, 9.0]] * 5
    released = sample_paths([pin], 5, (20, 20), pin="released").points[:, 0].tolist()
    assert released == [[7 + i / 4, 9 + i / 4] for i in range(5)]


def test_no_path_gives_no_track():
    tracks = sample_paths([], 4, (20, 10))
    assert tracks.points.shape == (4, 0, 2)
    assert tracks.size == (20, 10)


def test_sampling_twice_gives_the_same_bits():
    path = Path(((1.3, 2.7), (9.1, 4.4), (3.3, 8.8)), spacing="arc", ease="ease_in_out")
    first, second = (sample_paths([path], 16, (20, 20)).points for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"points": ()}, "at least one point"),
        ({"points": ((1.0, float("nan")),)}, "point 0"),
        ({"points": ((1.0, 2.0), (1e7, 0.0))}, "point 1"),
        ({"curve": "bezier"}, "bezier"),
        ({"spacing": "even"}, "even"),
        ({"ease": "bounce"}, "bounce"),
        ({"start": 0.5, "end": 0.5}, "start"),
        ({"start": -0.1}, "start"),
        ({"end": 1.1}, "start"),
        ({"start": float("nan")}, "start"),
        ({"holds": (1.0,)}, "1 holds for 2 points"),
        ({"holds": (0.0, -1.0)}, "hold at point 1"),
        ({"spacing": "timed"}, '"t"'),
        ({"spacing": "timed", "times": (0.0, 0.9)}, "rise strictly from 0 to 1"),
    ],
)
def test_a_path_that_breaks_a_rule_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Path(**({"points": ((1.0, 2.0), (3.0, 4.0))} | arguments))


@pytest.mark.parametrize(
    ("frames", "size", "pin"), [(0, (8, 8), "zero"), (4, (8, 0), "zero"), (4, (8, 8), "nailed")]
)
def test_sampling_refuses_what_it_cannot_do(frames, size, pin):
    with pytest.raises(ValueError, match=r"frame|size|nailed"):
        sample_paths([Path(((1.0, 2.0),))], frames, size, pin)
