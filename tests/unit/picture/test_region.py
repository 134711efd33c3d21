"""The motion brush."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from motion_i2v.models.picture.region import brush, combine, overlay, region_of, resized

SIZE = (60, 40)


def painted(width=60, height=40) -> torch.Tensor:
    mask = torch.zeros(height, width)
    mask[height // 4 : height // 2, width // 4 : width // 2] = 1
    return mask


@pytest.mark.parametrize("shape", [(64, 64), (1, 64, 64), (40, 60)])
@pytest.mark.parametrize("invert", [False, True])
def test_an_empty_brush_frees_everything(shape, invert):
    assert torch.equal(brush(torch.zeros(shape), SIZE, invert=invert), torch.ones(40, 60))
    with pytest.raises(ValueError, match="brush is empty"):
        brush(torch.zeros(shape), SIZE, invert=invert, empty_is_everything=False)


def test_a_mask_of_ones_or_halves_stays():
    assert torch.equal(brush(torch.ones(40, 60), SIZE, feather=5), torch.ones(40, 60))
    assert torch.equal(brush(torch.full((40, 60), 0.5), SIZE), torch.full((40, 60), 0.5))


def test_nothing_changes_without_options():
    assert torch.equal(brush(painted(), SIZE), painted())


def test_grow_and_shrink_by_pixels_of_the_picture():
    grown = brush(painted(30, 20), SIZE, grow=3) >= 0.5
    assert grown.nonzero().amin(0).tolist() == [7, 11]
    assert grown.nonzero().amax(0).tolist() == [22, 32]
    shrunk = brush(painted(), SIZE, grow=-2)
    assert shrunk.nonzero().amin(0).tolist() == [12, 17]
    assert shrunk.nonzero().amax(0).tolist() == [17, 27]


def test_feather_stays_inside_and_rises_inwards():
    soft = brush(painted(), SIZE, feather=4)
    assert not soft[painted() == 0].any()
    ramp = soft[15, 15:20]
    assert (ramp[1:] > ramp[:-1]).all()
    assert ramp[0] > 0
    assert soft[15, 22] == 1 or soft.max() < 1


def test_the_picture_border_is_no_edge_for_the_feather():
    mask = torch.zeros(40, 60)
    mask[:, :30] = 1
    assert (brush(mask, SIZE, feather=5)[:, :20] == 1).all()


def test_invert_is_the_complement():
    assert torch.equal(brush(painted(), SIZE, invert=True), 1 - painted())


def test_holes_are_filled_and_bays_are_not():
    mask = painted()
    mask[13:16, 20:24] = 0
    mask[10:14, 28] = 0
    full = painted()
    full[10:14, 28] = 0
    assert torch.equal(brush(mask, SIZE, fill_holes=True), full)


def test_nothing_left_is_an_error():
    with pytest.raises(ValueError, match="nothing is left"):
        brush(painted(), SIZE, grow=-30)
    with pytest.raises(ValueError, match="nothing is left"):
        brush(torch.ones(40, 60), SIZE, invert=True)


@pytest.mark.parametrize(
    ("mask", "options", "message"),
    [
        (torch.ones(2, 40, 60), {}, "batch of 2"),
        (torch.ones(40), {}, r"\[height, width\]"),
        (torch.full((40, 60), 2.0), {}, "0..1"),
        (torch.full((40, 60), float("nan")), {}, "NaN"),
        (painted(), {"grow": 999}, "grow is 999"),
        (painted(), {"feather": -1.0}, "feather is -1"),
        (painted(), {"feather": float("nan")}, "feather is nan"),
    ],
)
def test_errors(mask, options, message):
    with pytest.raises(ValueError, match=message):
        brush(mask, SIZE, **options)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 70), st.integers(1, 70), st.data())
def test_resizing_keeps_a_touched_region_and_its_range(width, height, to_width, to_height, data):
    mask = torch.zeros(height, width)
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    mask[y, x] = 1
    result = resized(mask, (to_width, to_height))
    assert result.shape == (to_height, to_width)
    assert result.min() >= 0
    assert 0 < result.max() <= 1
    assert region_of(mask, (to_width, to_height)) is not None


def test_combinations():
    a, b = torch.zeros(4, 6), torch.zeros(4, 6)
    a[:, :4], b[:, 2:] = 1, 0.5
    row = {how: combine([a, b], how)[0].tolist() for how in ("union", "intersect", "subtract")}
    assert row["union"] == [1, 1, 1, 1, 0.5, 0.5]
    assert row["intersect"] == [0, 0, 0.5, 0.5, 0, 0]
    assert row["subtract"] == [1, 1, 0.5, 0.5, 0, 0]
    assert torch.equal(combine([a, torch.zeros(9, 9)], "union"), a)
    assert combine([a, torch.ones(1, 8, 12)], "intersect").shape == (4, 6)


@pytest.mark.parametrize(
    ("regions", "how", "message"),
    [
        ([], "union", "no region"),
        ([painted()], "xor", "xor"),
        ([painted(), painted()], "subtract", "nothing is left"),
        ([painted(), 1 - painted()], "intersect", "nothing is left"),
    ],
)
def test_combination_errors(regions, how, message):
    with pytest.raises(ValueError, match=message):
        combine(regions, how)


def test_overlay_tints_inside_and_dims_outside():
    picture = torch.full((40, 60, 3), 0.5)
    shown = overlay(picture, painted())
    assert shown.shape == picture.shape
    assert shown[15, 22, 0] > 0.7
    assert shown[35, 55].max() < 0.4


def loose_brush_and_object():
    """A green disc on a brown, noisy ground, its mask, and a brush that overlaps it unevenly."""
    y, x = torch.meshgrid(torch.arange(200) + 0.5, torch.arange(300) + 0.5, indexing="ij")
    disc = (x - 150).square() + (y - 100).square() < 60**2
    loose = (x - 153).square() + (y - 98).square() < 64**2
    noise = torch.rand(200, 300, 3, generator=torch.Generator().manual_seed(1)) * 0.06
    colour = torch.where(
        disc[..., None], torch.tensor([0.2, 0.6, 0.3]), torch.tensor([0.5, 0.3, 0.2])
    )
    return colour + noise, disc, loose.float()


def test_a_loose_brush_snaps_to_the_outline():
    picture, disc, loose = loose_brush_and_object()
    plain = brush(loose, (300, 200))
    found = brush(loose, (300, 200), snap_to=picture[None])
    assert ((plain >= 0.5) != disc).sum() > 1000
    assert ((found >= 0.5) != disc).sum() < 100
    assert set(found.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(found, brush(loose, (300, 200), snap_to=picture[None]))


def test_snapping_stays_near_the_brush():
    picture, disc, _ = loose_brush_and_object()
    part = disc.float()
    part[:, 150:] = 0
    found = brush(part, (300, 200), snap_to=picture)
    assert found[100, 100:148].all()
    assert not found[:, 160:].any()
    assert torch.equal(brush(torch.zeros(4, 4), (300, 200), snap_to=picture), torch.ones(200, 300))
    assert brush(torch.ones(4, 4), (300, 200), snap_to=picture).all()


def test_a_faint_brush_does_not_snap():
    picture, _, loose = loose_brush_and_object()
    with pytest.raises(ValueError, match=r"0\.4 at most"):
        brush(loose * 0.4, (300, 200), snap_to=picture)
