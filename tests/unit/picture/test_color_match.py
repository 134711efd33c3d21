"""Colour matching brings a drift back and leaves alone what does not drift."""

import pytest
import torch
from motion_i2v.models.picture.color_match import METHODS, match_colors

from tests.tolerances import ACCUMULATED, close


@pytest.fixture
def picture():
    torch.manual_seed(0)
    small = torch.rand(1, 3, 6, 9)
    smooth = torch.nn.functional.interpolate(small, size=(40, 60), mode="bicubic")
    return smooth.clamp(0.1, 0.9).movedim(1, -1)


@pytest.mark.parametrize("method", METHODS)
def test_a_drift_to_grey_is_undone(picture, method):
    drifted = 0.6 * picture + 0.4 * 0.5
    back = match_colors(drifted, picture, method)
    assert (back - picture).abs().mean() < 0.3 * (drifted - picture).abs().mean()


@pytest.mark.parametrize("method", METHODS)
def test_the_reference_itself_stays(picture, method):
    close(match_colors(picture, picture, method), picture, ACCUMULATED)


def test_a_single_pixel_takes_the_mean_colour(picture):
    matched = match_colors(picture[:, :1, :1], picture, "mean and spread")
    assert torch.isfinite(matched).all()
    assert torch.equal(matched, match_colors(picture[:, 1:2, :1], picture, "mean and spread"))


def test_strength_mixes(picture):
    drifted = 0.5 * picture
    assert torch.equal(match_colors(drifted, picture, strength=0), drifted)
    half, whole = (match_colors(drifted, picture, strength=s) for s in (0.5, 1.0))
    torch.testing.assert_close(half, (drifted + whole) / 2)


def test_each_frame_is_matched_on_its_own(picture):
    frames = torch.cat([picture, 0.7 * picture, 0.2 + 0.7 * picture])
    together = match_colors(frames, picture)
    assert torch.equal(together[1], match_colors(frames[1:2], picture)[0])


def test_a_frame_of_one_colour_stays_finite(picture):
    flat = torch.full_like(picture, 0.5)
    assert torch.isfinite(match_colors(flat, picture)).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"reference": torch.zeros(2, 4, 4, 3)}, "one picture"),
        ({"frames": torch.zeros(2, 4, 4, 4)}, "RGB"),
        ({"method": "magic"}, "magic"),
        ({"strength": 1.5}, "1.5"),
        ({"frames": torch.full((1, 4, 4, 3), float("nan"))}, "NaN"),
    ],
)
def test_bad_inputs_are_refused(change, words):
    given = {"frames": torch.zeros(1, 4, 4, 3), "reference": torch.zeros(1, 4, 4, 3), **change}
    with pytest.raises(ValueError, match=words):
        match_colors(**given)
