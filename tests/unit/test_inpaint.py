"""Painting over a part of a picture: known pixels stay, textures go on, nothing is random."""

import pytest
import torch
from motion_i2v.models.inpaint import inpaint


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
    torch.testing.assert_close(result, picture, atol=1e-4, rtol=0)


@pytest.mark.parametrize("transposed", [False, True])
def test_stripes_go_on_sharply(transposed):
    stripes = ((torch.arange(96) // 6) % 2).float().expand(3, 72, 96)
    hidden = hole(72, 96, 24, 34, 24)
    if transposed:
        stripes, hidden = stripes.transpose(1, 2), hidden.T
    result = inpaint(torch.where(hidden, 0.5, stripes), hidden)
    wrong = (result - stripes).abs()[:, hidden]
    assert wrong.mean() < 0.05


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (12, 12), (7, 40)])
def test_small_pictures_are_filled_smoothly(size):
    picture = torch.full((3, *size), 0.4)
    hidden = torch.zeros(size, dtype=torch.bool)
    hidden[0, : max(1, size[1] // 2)] = True
    result = inpaint(picture, hidden)
    torch.testing.assert_close(result, picture, atol=1e-4, rtol=0)


def test_nothing_or_everything_hidden_gives_the_picture():
    picture = torch.rand(3, 9, 9)
    for hidden in (torch.zeros(9, 9, dtype=torch.bool), torch.ones(9, 9, dtype=torch.bool)):
        assert torch.equal(inpaint(picture, hidden), picture)
