"""Motion from one picture put onto another."""

import pytest
import torch
from motion_i2v.models.fields.transfer import PLACINGS, placed, placement, transfer
from motion_i2v.models.types.motion_field import MotionField, still

from tests.tolerances import ACCUMULATED, close


def ramp(size=(40, 20), frames=3):
    """x moves by as much as a pixel's place in x, growing with time."""
    w, h = size
    flow = torch.zeros(frames, 2, h, w)
    x = (torch.arange(w) + 0.5).expand(h, w)
    for i in range(frames):
        flow[i, 0] = i * x / 10
        flow[i, 1] = i
    return MotionField(flow, torch.ones(frames, h, w))


def disc(size, centre, radius):
    x, y = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="xy")
    return ((x - centre[0]) ** 2 + (y - centre[1]) ** 2 <= radius**2).float()[None]


@pytest.mark.parametrize("how", PLACINGS[:3])
def test_the_same_size_changes_nothing(how):
    field = ramp()
    torch.testing.assert_close(transfer(field, field.size, how).flow, field.flow)


def test_stretch_scales_each_side_by_its_own_ratio():
    moved = transfer(ramp(), (80, 20), "stretch")
    assert moved.size == (80, 20)
    torch.testing.assert_close(moved.flow[1, 1], torch.ones(20, 80))
    # What was at 10.25 of 40 is at 20.5 of 80, and goes twice as far.
    torch.testing.assert_close(moved.flow[1, 0, 5, 20], torch.tensor(2 * 1.025))


@pytest.mark.parametrize(("how", "ratio"), [("crop", 3.0), ("fit", 1.0)])
def test_crop_covers_and_fit_contains(how, ratio):
    moved = transfer(ramp(), (40, 60), how)
    torch.testing.assert_close(moved.flow[2, 1], torch.full((60, 40), 2 * ratio))
    # The middle stays the middle.
    middle = moved.flow[2, 0, 30, 19:21].mean()
    torch.testing.assert_close(middle, torch.tensor(2 * 2.0 * ratio))


def test_strength_is_a_factor_and_zero_is_still():
    field = ramp()
    twice = transfer(field, (80, 40), "stretch", strength=2.0).flow
    torch.testing.assert_close(twice, 2 * transfer(field, (80, 40), "stretch").flow)
    assert not transfer(field, (80, 40), "stretch", strength=0.0).flow.any()


def test_aligning_puts_centre_on_centre_and_area_on_area():
    here, there = disc((40, 20), (10, 10), 4), disc((100, 100), (60, 30), 8)
    where = placement("align regions", (40, 20), (100, 100), here, there)
    assert where.scale[0] == where.scale[1] == pytest.approx(2, rel=0.03)
    close(where.scale[0] * 10.5 + where.shift[0], 60.5, ACCUMULATED)
    close(where.scale[1] * 10.5 + where.shift[1], 30.5, ACCUMULATED)


def test_an_objects_motion_is_pasted_and_nothing_else_moves():
    flow = torch.zeros(2, 2, 20, 40)
    flow[1, 0] = -7.0
    here = disc((40, 20), (10, 10), 4)
    flow[1, :, here[0] > 0] = torch.tensor([3.0, 1.0])[:, None]
    # Another shape, larger than the object: its motion goes on there.
    there = torch.zeros(1, 50, 100)
    there[:, 20:30, 10:80] = 1
    pasted = transfer(
        MotionField(flow), (100, 50), "align regions",
        source_region=here, target_region=there, only_region=True,
    )  # fmt: skip
    ratio = (there.sum() / here.sum()) ** 0.5
    inside = pasted.flow[1][:, there[0] > 0]
    torch.testing.assert_close(inside[0], torch.full_like(inside[0], 3.0) * ratio)
    assert not pasted.flow[:, :, there[0] == 0].any()


def test_a_background_moves_around_the_pasted_object():
    background = MotionField(torch.cat([torch.zeros(1, 2, 20, 40), torch.ones(2, 2, 20, 40)]))
    region = disc((40, 20), (10, 10), 4)
    options = {"source_region": region, "target_region": region, "only_region": True}
    out = transfer(ramp(), (40, 20), "stretch", background=background, **options)
    assert out.flow[1, :, 0, 39].tolist() == [1, 1]
    torch.testing.assert_close(out.flow[1, :, 10, 10], ramp().flow[1, :, 10, 10])
    with pytest.raises(ValueError, match="3 frames, but the background for 5"):
        transfer(ramp(), (40, 20), "stretch", background=still(5, (40, 20)), **options)


@pytest.mark.parametrize("region", [None, torch.zeros(1, 20, 40)])
def test_a_missing_region_is_asked_for(region):
    full = torch.ones(1, 20, 40)
    with pytest.raises(ValueError, match="needs a source region"):
        transfer(ramp(), (40, 20), "align regions", source_region=region, target_region=full)
    with pytest.raises(ValueError, match="needs a target region"):
        transfer(ramp(), (40, 20), "align regions", source_region=full, target_region=region)
    # Of a part alone, it is needed whatever the placing is.
    with pytest.raises(ValueError, match="source_region', or switch only_region off"):
        transfer(ramp(), (40, 20), "stretch", source_region=region, only_region=True)


def test_an_unknown_placing_is_refused():
    with pytest.raises(ValueError, match="cannot place a field by 'tile'"):
        placement("tile", (4, 4), (4, 4))


def test_visibility_comes_along():
    seen = torch.ones(3, 20, 40)
    seen[2, :, :20] = 0
    moved = placed(
        MotionField(ramp().flow, seen), (80, 40), placement("stretch", (40, 20), (80, 40))
    )
    assert moved.visibility[2, 20, 10] == 0
    assert moved.visibility[2, 20, 70] == 1
