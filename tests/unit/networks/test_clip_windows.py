"""Windows over long clips: all frames, the reference in each, weights that blend."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motion_i2v.models.networks.clip_windows import blend_weights, windows


@settings(deadline=None, max_examples=60)
@given(st.integers(17, 300), st.integers(0, 14))
def test_windows_hold_every_frame_and_begin_with_the_reference(frames, overlap):
    parts = windows(frames, overlap)
    assert {i for part in parts for i in part} == set(range(frames))
    for part in parts:
        assert part == [0, *range(part[1], part[1] + 15)]
    for before, after in pairwise(parts):
        assert before[-1] - after[1] + 1 >= overlap
        assert after[1] > before[1]


@pytest.mark.parametrize("frames", [1, 2, 15, 16])
def test_short_clips_are_one_window(frames):
    assert windows(frames) == [list(range(frames))]


def test_weights_are_largest_in_the_middle():
    weights = blend_weights(windows(40)[1]).tolist()
    assert weights == [1, 1, 2, 3, 4, 5, 6, 7, 8, 7, 6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize("overlap", [-1, 15])
def test_an_overlap_without_a_step_is_an_error(overlap):
    with pytest.raises(ValueError, match=r"0\.\.14 frames"):
        windows(40, overlap)
