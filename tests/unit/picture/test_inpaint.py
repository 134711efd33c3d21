"""Painting over a part of a picture: known pixels stay, tones and textures go on."""

import pytest
import torch
from motion_i2v.models.picture.inpaint import inpaint

from tests.tolerances import ACCUMULATED, close


def hole(height: int, width: int, top: int, left: int, size: int) -> torch.Tensor:
    hidden = torch.zeros(height, width, dtype=torch.bool)
    hidden[top : top + size, left : left + size] = True
    return hidden


def test_known_pixels_stay_as_they_are():
    picture = torch.rand(3, 60, 80, generator=torch.Generator().manual_seed(0))
    hidden = hole(60, 80, 20, 30, 20)
    result = inpaint(picture, hidden)
    assert torch.equal(result[:, ~hidden], picture[:, ~hidden])
    assert not torch.equal(result[:, hidden], picture[:, hidden])
    assert result.min() >= 0
    assert result.max() <= 1


def test_what_is_hidden_has_no_influence():
    picture = torch.rand(3, 60, 80, generator=torch.Generator().manual_seed(0))
    hidden = hole(60, 80, 20, 30, 20)
    other = torch.where(hidden, 1 - picture, picture)
    assert torch.equal(inpaint(picture, hidden), inpaint(other, hidden))


def test_one_colour_stays_one_colour():
    picture = torch.full((3, 50, 50), 0.3)
    hidden = hole(50, 50, 15, 15, 20)
    result = inpaint(torch.where(hidden, 0.9, picture), hidden)
    close(result, picture, ACCUMULATED)


@pytest.mark.parametrize("axis", [1, 2])
def test_a_gradient_goes_on(axis):
    ramp = torch.linspace(0.2, 0.8, 96)
    picture = (ramp[None, :, None] if axis == 1 else ramp[None, None, :]).expand(3, 96, 96)
    hidden = hole(96, 96, 32, 34, 28)
    result = inpaint(torch.where(hidden, 1.0, picture), hidden)
    assert (result - picture).abs()[:, hidden].max() < 0.03


def test_between_two_tones_lies_no_third():
    picture = torch.full((3, 80, 80), 0.2)
    picture[0, :, 40:] = 0.6
    hidden = hole(80, 80, 26, 26, 28)
    result = inpaint(torch.where(hidden, 1.0, picture), hidden)
    assert result[0].min() > 0.15
    assert result[0].max() < 0.65
    close(result[1:], picture[1:], ACCUMULATED)


def test_a_dark_thing_casts_no_fog_over_a_light_wall():
    picture = torch.full((3, 160, 160), 0.75)
    picture[:, 110:] = 0.08
    hidden = hole(160, 160, 20, 40, 110)
    result = inpaint(torch.where(hidden, 0.5, picture), hidden)
    assert result[:, 20:60, 40:150].min() > 0.68
    assert result[:, 118:130, 40:150].max() < 0.16
    middle = result[0, :, 95]
    assert ((middle > 0.2) & (middle < 0.6)).sum() < 24


def test_an_object_beside_the_rim_is_not_repeated():
    grain = 0.01 * torch.randn(3, 120, 120, generator=torch.Generator().manual_seed(0))
    picture = 0.7 + grain
    picture[:, 40:80, 25:28] = 0.1
    hidden = hole(120, 120, 32, 36, 50)
    result = inpaint(torch.where(hidden, 0.5, picture), hidden)
    assert result[:, hidden].min() > 0.5


def test_texture_goes_on_beyond_the_rim():
    noise = 0.1 * torch.randn(3, 96, 96, generator=torch.Generator().manual_seed(0))
    picture = (0.5 + noise).clamp(0, 1)
    hidden = hole(96, 96, 32, 32, 32)
    result = inpaint(torch.where(hidden, 0.5, picture), hidden)
    near_rim = hidden.clone()
    near_rim[38:58, 38:58] = False
    assert result[:, near_rim].std() > 0.6 * picture[:, near_rim].std()


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (12, 12), (7, 40)])
def test_small_pictures_are_filled_smoothly(size):
    picture = torch.full((3, *size), 0.4)
    hidden = torch.zeros(size, dtype=torch.bool)
    hidden[0, : max(1, size[1] // 2)] = True
    result = inpaint(picture, hidden)
    close(result, picture, ACCUMULATED)


def test_nothing_or_everything_hidden_gives_the_picture():
    picture = torch.rand(3, 9, 9)
    for hidden in (torch.zeros(9, 9, dtype=torch.bool), torch.ones(9, 9, dtype=torch.bool)):
        assert torch.equal(inpaint(picture, hidden), picture)
