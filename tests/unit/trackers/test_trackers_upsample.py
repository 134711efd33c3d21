"""Edge-aware enlargement of fields."""

import pytest
import torch
import torch.nn.functional as F
from motion_i2v.models.trackers.enlarge import EdgeAwareUpsampler


def picture_with_edge(size, column):
    """Dark left of the column, bright from it on, with a slanted edge."""
    w, h = size
    x, y = torch.meshgrid(torch.arange(w), torch.arange(h), indexing="xy")
    return (0.2 + 0.6 * (x + 0.4 * y >= column)).float().expand(3, h, w).clone()


@pytest.mark.parametrize("small", [(40, 24), (37, 21), (160, 96)])
def test_a_constant_field_stays_constant(small):
    upsample = EdgeAwareUpsampler(torch.rand(3, 96, 160), small)
    flow = upsample.flow(torch.full((2, small[1], small[0]), 2.0))
    ratio = torch.tensor([160 / small[0], 96 / small[1]]).view(2, 1, 1)
    torch.testing.assert_close(flow, (2 * ratio).expand(2, 96, 160))


def test_jumps_follow_the_picture_better_than_bilinear():
    picture = picture_with_edge((160, 96), 90)
    truth = (picture[:1] > 0.5).float() * 10
    low = F.interpolate(truth[None], size=(24, 40), mode="area")[0]
    ours = EdgeAwareUpsampler(picture, (40, 24))(low)
    plain = F.interpolate(low[None], size=(96, 160), mode="bilinear", align_corners=False)[0]
    assert (ours - truth).abs().mean() < 0.6 * (plain - truth).abs().mean()


def test_results_lie_between_the_values_around():
    values = torch.rand(1, 24, 40)
    fine = EdgeAwareUpsampler(torch.rand(3, 96, 160), (40, 24))(values)
    cells = F.interpolate(values[None], size=(96, 160), mode="nearest")
    high = F.max_pool2d(cells, 17, 1, 8)[0]
    low = -F.max_pool2d(-cells, 17, 1, 8)[0]
    assert ((fine <= high + 1e-5) & (fine >= low - 1e-5)).all()


def test_a_linear_field_is_kept_on_a_plain_picture():
    x = torch.linspace(0, 1, 40).expand(1, 24, 40)
    fine = EdgeAwareUpsampler(torch.full((3, 96, 160), 0.5), (40, 24))(x)
    plain = F.interpolate(x[None], size=(96, 160), mode="bilinear", align_corners=False)[0]
    assert (fine - plain)[:, :, 8:-8].abs().max() < 0.01


def test_a_field_of_another_size_is_refused():
    with pytest.raises(ValueError, match="expected fields of 40x24, got 41x24"):
        EdgeAwareUpsampler(torch.rand(3, 96, 160), (40, 24))(torch.zeros(2, 24, 41))
