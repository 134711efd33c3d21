"""Momentary strokes: what a step's part of the tracks says, and where."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from motion_i2v.models.drawing.momentary_strokes import momentary, paint
from motion_i2v.models.types.tracks import Tracks

SIZE = (12, 9)


def tracks(points, visible=None) -> Tracks:
    points = torch.tensor(points, dtype=torch.float32)
    seen = torch.ones(points.shape[:2], dtype=torch.bool) if visible is None else visible
    return Tracks(points, torch.as_tensor(seen), SIZE)


def known_at(sparse) -> set[tuple[int, int]]:
    return {(int(x), int(y)) for y, x in sparse.known[0].nonzero()}


def test_a_step_says_where_its_points_go_next():
    path = tracks([[[2, 3]], [[4, 3.5]], [[4, 7]]])
    first, second = momentary(path, 0, 1), momentary(path, 1, 1)
    assert known_at(first) == {(x, y) for x in (1, 2, 3) for y in (2, 3, 4)}
    assert first.flow[:, 3, 2].tolist() == [2, 0.5]
    assert not first.flow[:, first.known[0] == 0].any()
    # 3.5 lies between two rows: the lower one.
    assert known_at(second) == {(x, y) for x in (3, 4, 5) for y in (3, 4, 5)}
    assert second.flow[:, 4, 4].tolist() == [0, 3.5]


def test_a_point_that_rests_is_a_pin():
    sparse = momentary(tracks([[[5, 5]], [[5, 5]]]), 0, 0)
    assert known_at(sparse) == {(5, 5)}
    assert not sparse.flow.any()


@pytest.mark.parametrize("hidden", [0, 1])
def test_a_point_that_is_hidden_before_or_after_says_nothing(hidden):
    visible = [[True, True], [True, True]]
    visible[hidden][0] = False
    sparse = momentary(tracks([[[2, 2], [8, 2]], [[3, 2], [9, 2]]], visible), 0, 0)
    assert known_at(sparse) == {(8, 2)}


def test_what_begins_outside_is_left_out_and_what_goes_there_is_not():
    points = torch.tensor([[-0.6, 4], [11.5, 4], [3, 8.6], [-0.4, 0], [11.4, 8.4]])
    sparse = paint(points, torch.full((5, 2), 50.0), SIZE, 0)
    assert known_at(sparse) == {(0, 0), (11, 8)}
    assert sparse.flow[:, 0, 0].tolist() == [50, 50]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(-2, 13), st.floats(-2, 10)), max_size=5), st.integers(0, 3))
def test_where_squares_overlap_the_nearest_point_counts(places, half_size):
    points = torch.tensor(places, dtype=torch.float32).reshape(-1, 2)
    moved = torch.arange(1, 2 * len(points) + 1).view(-1, 2).float()
    sparse = paint(points, moved, SIZE, half_size)
    centres = torch.floor(points.double() + 0.5)
    for y in range(SIZE[1]):
        for x in range(SIZE[0]):
            at = torch.tensor([x, y])
            reach = (centres - at).abs().amax(dim=1) <= half_size
            inside = ((centres >= 0) & (centres < torch.tensor(SIZE))).all(dim=1)
            near = (reach & inside).nonzero()[:, 0]
            assert bool(sparse.known[0, y, x]) == bool(len(near))
            if len(near):
                distance = (points[near] - at).norm(dim=1)
                closest = near[distance <= distance.min() + 1e-5]
                assert sparse.flow[:, y, x].tolist() in moved[closest].tolist()


def test_steps_and_sizes_that_are_not_there_are_refused():
    path = tracks([[[2, 3]], [[4, 3]], [[4, 7]]])
    for step in (-1, 2):
        with pytest.raises(ValueError, match=rf"steps 0\.\.1, not {step}"):
            momentary(path, step)
    with pytest.raises(ValueError, match="at least 0 pixels, not -1"):
        momentary(path, 0, -1)
