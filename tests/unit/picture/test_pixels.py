"""What every tool for pictures needs, on the device and in the dtype that are asked for."""

import torch
from motion_i2v.models.picture.pixels import halved, read_at, sampled, spread

from tests.tolerances import FLOAT32, TOLERANCES, close


def ramp(device, dtype):
    """[1, 1, 9, 17] in 0..1: a part for each column, which every dtype holds exactly."""
    return (torch.arange(17) / 16).expand(1, 1, 9, 17).to(device, dtype)


def test_values_between_pixels_are_linear(device, dtype):
    maps = ramp(device, dtype)
    x = torch.tensor([[0.25, 3.5, 15.75, 40.0, -2.0]], device=device, dtype=dtype)
    y = torch.tensor([[0.5, 7.0, 8.0, -3.0, 20.0]], device=device, dtype=dtype)
    expected = x[:, None].clamp(0, 16) / 16
    close(sampled(maps, x, y), expected, TOLERANCES[dtype])


def test_whole_pixels_are_read_as_they_are(device, dtype):
    maps = torch.rand(2, 3, 5, 7).to(device, dtype)
    y, x = torch.meshgrid(torch.arange(5), torch.arange(7), indexing="ij")
    x, y = (axis.expand(2, -1, -1).to(device, dtype) for axis in (x, y))
    assert torch.equal(sampled(maps, x, y), maps)


def test_places_are_read_as_samples_are(device):
    maps = torch.rand(1, 3, 5, 7, device=device)
    place = torch.rand(2, 11, device=device) * torch.tensor([[6.0], [4.0]], device=device)
    close(read_at(maps[0], place), sampled(maps, *place[:, None])[0], FLOAT32)


def test_holes_take_the_colour_around_them_and_the_rest_stays(device):
    values = torch.full((3, 12, 20), 0.75, device=device)
    weight = torch.ones(12, 20, device=device)
    weight[3:9, 5:16] = 0
    values[:, weight == 0] = 0
    close(spread(values, weight), torch.full_like(values, 0.75), FLOAT32)


def test_half_the_size_is_the_mean_of_four(device, dtype):
    maps = ramp(device, dtype)[:, :, :, :16]
    small = halved(maps)
    assert small.shape == (1, 1, 5, 8)
    expected = (torch.arange(8) * 2 + 0.5) / 16
    close(small, expected.expand(1, 1, 5, 8).to(device, dtype), TOLERANCES[dtype])
