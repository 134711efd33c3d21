"""The colour wheel, and the pictures of a field."""

import pytest
import torch
from motion_i2v.models.fields.field_pictures import STYLES, preview_field
from motion_i2v.models.fields.flow_colors import flow_to_color, wheel
from motion_i2v.models.types.motion_field import MotionField
from motion_i2v.models.types.tracks import Tracks


def all_directions(side=65) -> torch.Tensor:
    axis = torch.linspace(-1, 1, side) * 20
    return torch.stack(torch.meshgrid(axis, axis, indexing="xy"))


def field(frames=3, size=(96, 64)) -> MotionField:
    flow = torch.zeros(frames, 2, size[1], size[0])
    flow[:, 0, 16:48, 24:72] = torch.linspace(0, 12, frames)[:, None, None]
    return MotionField(flow)


def test_same_colours_as_torchvision():
    from torchvision.utils import flow_to_image

    flow = all_directions()
    theirs = flow_to_image(flow).permute(1, 2, 0).float() / 255
    assert (flow_to_color(flow) - theirs).abs().max() < 1.01 / 255
    assert (flow_to_color(flow, float(flow.norm(dim=0).max())) - theirs).abs().max() < 1.01 / 255


def test_fifty_five_hues_begin_with_red():
    assert wheel().shape == (55, 3)
    assert wheel()[0].tolist() == [1, 0, 0]


def test_standing_still_is_white_and_too_far_is_darker():
    assert (flow_to_color(torch.zeros(2, 4, 5)) == 1).all()
    assert (flow_to_color(torch.zeros(3, 2, 4, 5), 7.0) == 1).all()
    right = torch.tensor([10.0, 0.0]).view(2, 1, 1)
    torch.testing.assert_close(flow_to_color(right, 10.0)[..., 0], torch.ones(1, 1))
    torch.testing.assert_close(flow_to_color(right, 5.0), 0.75 * flow_to_color(right, 10.0))


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan")])
def test_scale_must_be_positive(scale):
    with pytest.raises(ValueError, match="colour scale"):
        flow_to_color(torch.ones(2, 4, 5), scale)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("picture", [None, torch.full((1, 128, 192, 3), 0.4)])
def test_every_style_draws_at_the_size_of_the_picture(style, picture):
    tracks = Tracks(
        torch.tensor([[[20.0, 30], [200, -9]], [[30, 30], [80, 9]]]),
        torch.ones(2, 2, dtype=torch.bool),
        (96, 64),
    )
    frames = preview_field(field(), style, picture, tracks)
    assert frames.shape == ((3, 64, 96, 3) if picture is None else (3, 128, 192, 3))
    assert frames.dtype == torch.float32
    assert 0 <= frames.min() <= frames.max() <= 1
    assert not torch.equal(frames[0], frames[-1])
    assert torch.equal(frames, preview_field(field(), style, picture, tracks))


def test_the_wheel_style_is_the_wheel():
    plain = preview_field(field(), legend=False)
    expected = flow_to_color(field().flow, 12.0)
    assert (plain - expected).abs().max() <= 0.5 / 255 + 1e-6


def test_a_fixed_scale_makes_fields_comparable():
    slow = MotionField(field().flow / 2)
    assert torch.equal(preview_field(slow), preview_field(slow, scale=6.0))
    assert not torch.equal(preview_field(slow), preview_field(slow, scale=12.0))


def test_opacity_and_legend():
    picture = torch.rand(64, 96, 3, generator=torch.Generator().manual_seed(0))
    clear = preview_field(field(), picture=picture, opacity=0.0, legend=False)
    assert (clear - picture).abs().max() <= 0.5 / 255 + 1e-6
    large = field(2, (300, 200))
    differs = (preview_field(large) != preview_field(large, legend=False)).any(-1).any(0)
    assert differs.any()
    assert not differs[:100, :].any()
    assert not differs[:, :150].any()


def test_arrows_point_where_things_go():
    flow = torch.zeros(2, 2, 60, 60)
    flow[1, 0] = 20
    frame = preview_field(MotionField(flow), "arrows", legend=False, arrows_across=1)[1]
    lit = (frame - frame[0, 0]).abs().amax(-1) > 0.1
    assert lit[30, 30:48].all()
    assert not lit[30, :26].any()
    assert lit[:, 43].sum() > lit[:, 33].sum()


def test_still_places_have_no_arrow_and_tracks_have_one_from_their_start():
    flow = torch.zeros(2, 2, 60, 80)
    flow[1, 0, 20:40, 30:60] = 18
    still = preview_field(MotionField(torch.zeros(2, 2, 60, 80)), "arrows", legend=False)
    assert (still == still[0, 0, 0]).all()
    tracks = Tracks(
        torch.tensor([[[33.0, 26]], [[51, 26]]]), torch.ones(2, 1, dtype=torch.bool), (80, 60)
    )
    frames = preview_field(MotionField(flow), "arrows", None, tracks, legend=False, arrows_across=1)
    wheel = flow_to_color(torch.tensor([18.0, 0]).view(2, 1, 1), 18.0)[0, 0] * 0.9
    assert (frames[1, 26, 38:44] - wheel).abs().max() < 0.1
    assert (frames[0, 26, 38:44] - wheel).abs().max() > 0.1


def test_tracks_are_seen_on_their_own_colour():
    flow = torch.zeros(2, 2, 500, 640)
    flow[1, 0] = 300
    tracks = Tracks(
        torch.tensor([[[100.0, 250]], [[400, 250]]]), torch.ones(2, 1, dtype=torch.bool), (640, 500)
    )
    drawn = preview_field(MotionField(flow), "color wheel", None, tracks, legend=False)[1]
    across = drawn[240:261, 250]
    assert across.amax(1).min() < 0.3
    assert across.amin(1).max() > 0.9


def test_a_still_field_draws():
    for style in STYLES:
        assert torch.isfinite(preview_field(MotionField(torch.zeros(2, 2, 40, 50)), style)).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"style": "dots"}, "style is one of"),
        ({"scale": -1.0}, "scale is -1"),
        ({"scale": float("nan")}, "scale is nan"),
        ({"opacity": 2.0}, "opacity is 2"),
        ({"arrows_across": 0}, "arrows_across is 0"),
        ({"picture": torch.zeros(5, 5)}, "picture is"),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        preview_field(field(), **options)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("longest", "scale"), [(12, 1e-300), (0, 1e-300), (3e38, 0), (3e38, 1e-300)]
)
def test_the_longest_and_the_shortest_of_numbers_give_colours(style, longest, scale):
    flow = torch.zeros(2, 2, 32, 48)
    flow[1, :, 8:16] = longest
    frames = preview_field(MotionField(flow), style, scale=scale)
    assert frames.shape == (2, 32, 48, 3)
    assert frames.isfinite().all()
    assert torch.equal(frames[0], preview_field(MotionField(0 * flow), style)[0])
