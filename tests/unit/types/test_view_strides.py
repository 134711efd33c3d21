"""The working view of a picture, and the frames' strides."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from motion_i2v.models.fields.strides import parse_strides
from motion_i2v.models.types.motion_field import MotionField
from motion_i2v.models.types.tracks import Tracks
from motion_i2v.models.types.view import fit


def test_released_strides():
    assert parse_strides("8", 16) == tuple(range(8, 121, 8))


@pytest.mark.parametrize("text", ["4, 8 12", "[4,8,12]", "4;8;12"])
def test_lists_of_strides(text):
    assert parse_strides(text, 4) == (4, 8, 12)


@pytest.mark.parametrize(
    ("text", "frames", "words"),
    [
        ("8", 1, "at least 2 frames"),
        ("", 4, "has 0 numbers"),
        ("4, 8", 4, "has 2 numbers, but 4 frames have 3"),
        ("four", 4, "'four' in 'four'"),
        ("nan", 4, "not nan"),
        ("-8", 4, "positive number of frames, not -8"),
        ("0", 4, "not 0"),
    ],
)
def test_bad_strides(text, frames, words):
    with pytest.raises(ValueError, match=words):
        parse_strides(text, frames)


@pytest.mark.parametrize(
    ("picture", "wanted", "size"),
    [
        ((512, 320), (512, 320), (512, 320)),
        ((1000, 625), (512, 0), (512, 320)),
        ((625, 1000), (0, 512), (320, 512)),
        ((101, 63), (0, 0), (104, 64)),
        ((3, 2), (0, 0), (8, 8)),
    ],
)
def test_working_sizes(picture, wanted, size):
    view = fit(picture, *wanted, crop=False)
    assert view.size == size
    assert view.box_size == picture


@pytest.mark.parametrize("bad", [(-8, 0), (100, 64)])
def test_bad_working_sizes(bad):
    with pytest.raises(ValueError, match="0 or a multiple of 8"):
        fit((64, 64), *bad, crop=False)


def test_a_crop_is_centred_and_keeps_proportions():
    view = fit((400, 200), 64, 64, crop=True)
    assert view.box == (100, 0, 300, 200)


sizes = st.tuples(st.integers(9, 60), st.integers(9, 60))


@settings(deadline=None, max_examples=30)
@given(sizes, st.sampled_from([(0, 0), (16, 24), (32, 0), (24, 16)]), st.booleans())
def test_tracks_and_pictures_are_seen_alike(picture, wanted, crop):
    """A bright spot and a track on it end at the same place."""
    view = fit(picture, *wanted, crop=crop)
    x = torch.arange(picture[0]) + 0.5
    y = torch.arange(picture[1]) + 0.5
    image = torch.stack([x.expand(picture[1], -1), y[:, None].expand(-1, picture[0])], dim=-1)
    seen = view.see(image[None])[0]
    row, column = seen.shape[0] // 2, seen.shape[1] // 2
    point = seen[row, column].view(1, 1, 2).float()
    tracks = Tracks(point, torch.ones(1, 1, dtype=torch.bool), picture)
    there = view.see_tracks(tracks).points[0, 0]
    scale = max(view.size[0] / view.box_size[0], view.size[1] / view.box_size[1], 1)
    assert (there - torch.tensor([column + 0.5, row + 0.5])).abs().max() < 0.6 * scale


@settings(deadline=None, max_examples=30)
@given(sizes, st.sampled_from([(0, 0), (16, 24), (32, 0)]), st.booleans())
def test_a_constant_field_comes_back_as_it_was(picture, wanted, crop):
    view = fit(picture, *wanted, crop=crop)
    flow = torch.zeros(3, 2, picture[1], picture[0])
    flow[1:, 0], flow[1:, 1] = 3.0, -2.0
    back = view.back(view.see_field(MotionField(flow)))
    assert back.size == picture
    torch.testing.assert_close(back.flow, flow)


def test_a_mask_is_seen_at_the_working_size():
    view = fit((40, 20), 16, 16, crop=True)
    mask = torch.zeros(20, 40)
    mask[:, :20] = 1
    seen = view.see_mask(mask)
    assert seen.shape == (1, 16, 16)
    assert seen[0, :, :7].min() > 0.999
    assert seen[0, :, 9:].max() < 0.001
