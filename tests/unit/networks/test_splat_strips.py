"""A picture that is splatted strip by strip: the sums of the whole picture's plan."""

import pytest
import torch
from motion_i2v.models.networks import splat_strips
from motion_i2v.models.networks.splat import SplatPlan
from motion_i2v.models.networks.splat_strips import strips

HEIGHT, WIDTH = 23, 31


def flows():
    generator = torch.Generator().manual_seed(0)
    wild = 9 * torch.randn(2, HEIGHT, WIDTH, generator=generator)
    box = torch.zeros(HEIGHT, WIDTH)
    box[4:12, 5:14] = 1
    rows = torch.arange(float(HEIGHT))[:, None].expand(-1, WIDTH)
    return {
        "wild": wild,
        "an object": box * torch.tensor([7.25, 9.5]).view(2, 1, 1),
        "nothing": torch.zeros(2, HEIGHT, WIDTH),
        "all onto one row": torch.stack([torch.zeros(HEIGHT, WIDTH), 8.5 - rows]),
        "all away": torch.full((2, HEIGHT, WIDTH), 99.0),
    }


@pytest.mark.parametrize("name", flows())
@pytest.mark.parametrize("bound", [1, 100, 1 << 19])
def test_strips_are_the_whole_to_the_bit(name, bound, monkeypatch):
    monkeypatch.setattr(splat_strips, "BOUND", bound)
    flow, generator = flows()[name], torch.Generator().manual_seed(1)
    x = torch.rand(3, HEIGHT, WIDTH, generator=generator)
    importance = 30 * torch.rand(HEIGHT, WIDTH, generator=generator)
    lost = torch.rand(HEIGHT, WIDTH, generator=generator) < 0.1
    plan = SplatPlan(torch.where(lost, 1e9, flow)[None])
    whole = [plan.coverage, plan.sum(x), plan.average(x), *plan.layers(x, importance)]
    parts, end = [], 0
    for strip in strips(flow, lost):
        assert strip.rows.start == end
        end = strip.rows.stop
        features, level = strip.gathered(x), strip.gathered(importance[None])[0]
        made = [strip.coverage, strip.sum(features), strip.average(features)]
        parts.append([*made, *strip.layers(features, level)])
    assert end == HEIGHT
    for expected, found in zip(whole, zip(*parts, strict=True), strict=True):
        assert torch.equal(torch.cat(found, 1), expected[0])


def test_a_strip_holds_no_more_than_is_allowed(monkeypatch):
    monkeypatch.setattr(splat_strips, "BOUND", 5 * WIDTH)
    flow = torch.zeros(2, HEIGHT, WIDTH)
    flow[0] = 0.5
    flow[1, :9] = 9.0 - torch.arange(9.0)[:, None]
    for strip in strips(flow, torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)):
        rows = strip.rows.stop - strip.rows.start
        assert rows <= 5
        # Nine rows land on one, with those that were there.
        assert strip.plan.points <= 5 * WIDTH or rows == 1
