"""Motion fields: what is refused, the codec, and the algebra of the operations on them."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from motion_i2v.models.fields import field_ops as ops
from motion_i2v.models.types.motion_field import MotionField, decode, encode, still
from motion_i2v.models.types.tracks import Tracks

from tests.tolerances import ACCUMULATED, HUNDREDS, RELATIVE, Tolerance, close

few = settings(deadline=None, max_examples=25)


def random_field(seed=0, frames=4, size=(20, 14), reach=6.0, seen=False):
    generator = torch.Generator().manual_seed(seed)
    flow = (torch.rand(frames, 2, size[1], size[0], generator=generator) * 2 - 1) * reach
    flow[0] = 0
    visibility = torch.rand(frames, size[1], size[0], generator=generator) if seen else None
    return MotionField(flow, visibility)


def translation(dx, dy, frames=3, size=(20, 14)):
    flow = torch.zeros(frames, 2, size[1], size[0])
    flow[1:, 0], flow[1:, 1] = dx, dy
    return MotionField(flow)


def same(first, second):
    return torch.equal(first.flow, second.flow)


@pytest.mark.parametrize(
    ("flow", "visibility", "message"),
    [
        (torch.zeros(3, 3, 4, 5), None, "got \\[3, 3, 4, 5\\]"),
        (torch.zeros(2, 4, 5), None, "frames, 2"),
        (torch.zeros(0, 2, 4, 5), None, "frames, 2"),
        (torch.zeros(3, 2, 4, 5).double(), None, "float32"),
        (torch.ones(3, 2, 4, 5), None, "frame 0"),
        (torch.zeros(3, 2, 4, 5).index_fill(0, torch.tensor(2), torch.nan), None, "NaN.*frame 2"),
        (torch.zeros(3, 2, 4, 5), torch.ones(3, 5, 4), "visibility"),
        (torch.zeros(3, 2, 4, 5), torch.full((3, 4, 5), 1.5), "0..1"),
        (torch.zeros(3, 2, 4, 5), torch.full((3, 4, 5), torch.nan), "0..1"),
        (torch.zeros(3, 2, 4, 5), torch.ones(3, 4, 5, dtype=torch.bool), "float32"),
        ("flow", None, "tensor"),
    ],
)
def test_a_field_that_breaks_a_rule_is_refused(flow, visibility, message):
    with pytest.raises(ValueError, match=message):
        MotionField(flow, visibility)


def test_codec_is_that_of_the_released_model():
    flow = torch.tensor([20.0, -7.0]).view(1, 2, 1, 1).expand(1, 2, 14, 20)
    torch.testing.assert_close(
        encode(flow), torch.tensor([1.0, 0.25]).view(1, 2, 1, 1).expand(1, 2, 14, 20)
    )
    torch.testing.assert_close(decode(encode(flow)), flow.contiguous())
    beyond = decode(torch.tensor([1.7, -0.2]).view(1, 2, 1, 1).expand(1, 2, 14, 20))
    torch.testing.assert_close(beyond[0, :, 0, 0], torch.tensor([20.0, -14.0]))


def test_encoding_leaves_the_reference_frame_out_and_decoding_puts_it_back():
    field = random_field()
    assert field.encoded().shape == (3, 2, 14, 20)
    close(MotionField.from_encoded(field.encoded()).flow, field.flow, ACCUMULATED)


def test_resizing_scales_each_axis_by_its_own_ratio():
    resized = translation(4, 6).resized((40, 7))
    assert resized.size == (40, 7)
    torch.testing.assert_close(resized.flow[1, :, 3, 5], torch.tensor([8.0, 3.0]))
    seen = random_field(seen=True).resized((33, 9))
    assert seen.visibility.shape == (4, 9, 33)


@few
@given(st.integers(0, 99), st.floats(-3, 3, width=32), st.integers(1, 40), st.integers(1, 40))
def test_scaling_and_resizing_commute(seed, strength, width, height):
    field = random_field(seed)
    close(
        ops.scaled(field.resized((width, height)), strength).flow,
        ops.scaled(field, strength).resized((width, height)).flow,
        HUNDREDS,
    )


@pytest.mark.parametrize("seen", [False, True])
def test_zero_changes_nothing(seen):
    field = random_field(seen=seen)
    zero = still(4, field.size)
    assert same(ops.add(field, zero), field)
    assert same(ops.compose(field, zero), field)
    assert same(ops.compose(zero, field), field)
    assert same(ops.scaled(field, 1), field)
    assert same(ops.scaled(field, 0), zero)
    assert same(field.resized(field.size), field)


def test_composing_samples_the_second_where_the_first_has_led():
    second = torch.zeros(2, 2, 5, 8)
    second[1, 0] = torch.arange(8.0)
    composed = ops.compose(translation(1.5, 0, 2, (8, 5)), MotionField(second))
    assert composed.flow[1, 0, 2].tolist() == [3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 8.5, 8.5]


def test_translations_compose_to_their_sum_in_any_order():
    a, b = translation(2, -1), translation(-0.5, 3)
    torch.testing.assert_close(ops.compose(a, b).flow, ops.add(a, b).flow)
    torch.testing.assert_close(ops.compose(b, a).flow, ops.add(a, b).flow)


def test_what_is_led_outside_is_hidden_where_visibility_is_known():
    first = MotionField(translation(3, 0).flow, torch.ones(3, 14, 20))
    composed = ops.compose(first, still(3, (20, 14)))
    assert composed.visibility[1, 0].tolist() == [1.0] * 17 + [0.0] * 3
    assert ops.compose(still(3, (20, 14)), still(3, (20, 14))).visibility is None


def test_chained_clips_go_on_from_the_last_frame():
    chained = ops.chained(translation(2, 0, frames=3), translation(0, 5, frames=4))
    assert chained.frames == 6
    assert chained.flow[:, :, 4, 4].tolist() == [[0, 0], [2, 0], [2, 0], [2, 5], [2, 5], [2, 5]]
    seen = MotionField(still(4, (20, 14)).flow, torch.full((4, 14, 20), 0.5))
    assert ops.chained(translation(0, 0), seen).visibility[:, 0, 0].tolist() == [1] * 3 + [0.5] * 3


def test_a_mask_chooses_between_two_fields():
    inside, outside = translation(4, 0), translation(0, 2)
    mask = torch.zeros(14, 20)
    mask[:, :10] = 1
    mask[:, 10] = 0.5
    mixed = ops.mixed(inside, outside, mask).flow[1, :, 3]
    assert mixed[:, 9:12].T.tolist() == [[4, 0], [2, 1], [0, 2]]
    assert same(ops.mixed(inside, outside, torch.ones(14, 20)), inside)
    assert same(ops.mixed(inside, outside, torch.zeros(14, 20)), outside)


@pytest.mark.parametrize("frames", [1, 2, 3, 7, 16])
def test_retiming_keeps_both_ends(frames):
    field = random_field(frames=4, seen=True)
    retimed = ops.retimed(field, frames)
    assert retimed.frames == frames
    assert torch.equal(retimed.flow[0], field.flow[0])
    if frames > 1:
        assert torch.equal(retimed.flow[-1], field.flow[-1])
        assert torch.equal(retimed.visibility[-1], field.visibility[-1])


def test_retiming_is_linear_between_frames():
    ramp = MotionField(torch.arange(3.0).view(3, 1, 1, 1).expand(3, 2, 4, 4).contiguous() * 6)
    assert ops.retimed(ramp, 5).flow[:, 0, 0, 0].tolist() == [0, 3, 6, 9, 12]


def test_frames_at_any_times():
    ramp = MotionField(torch.arange(3.0).view(3, 1, 1, 1).expand(3, 2, 4, 4).contiguous() * 6)
    time = torch.tensor([0, 2, 0.5, 1, 1], dtype=torch.float64)
    assert ops.at_times(ramp, time).flow[:, 0, 0, 0].tolist() == [0, 12, 3, 6, 6]


def test_inverting_a_translation_turns_it_round_and_hides_what_was_uncovered():
    inverted = ops.inverted(translation(3, -2))
    torch.testing.assert_close(
        inverted.flow[1, :, :12, 3:], torch.tensor([-3.0, 2.0]).view(2, 1, 1).expand(2, 12, 17)
    )
    assert (inverted.visibility[1, :12, 3:] == 1).all()
    assert (inverted.visibility[1, 12:] == 0).all()
    assert (inverted.visibility[1, :, :3] == 0).all()
    assert not inverted.flow[0].any()


def test_a_field_after_its_inverse_is_nearly_still_where_it_is_seen():
    y, x = torch.meshgrid(torch.arange(40.0), torch.arange(60.0), indexing="ij")
    wave = torch.stack([torch.sin(x / 9) + 2, torch.cos(y / 7) - 1])
    field = MotionField(torch.stack([torch.zeros_like(wave), wave]))
    back = ops.inverted(field)
    forth = ops.compose(back, MotionField(field.flow, torch.ones(2, 40, 60)))
    inner = forth.flow[1, :, 6:-6, 6:-6].abs()
    assert inner.max() < 0.1


def test_what_moves_more_is_in_front_when_inverting():
    flow = torch.zeros(2, 2, 10, 30)
    flow[1, 0, :, 5:10] = 12
    back = ops.inverted(MotionField(flow))
    close(back.flow[1, 0, :, 17:22], torch.full((10, 5), -12.0), Tolerance(1e-2))
    assert (back.visibility[1, :, 5:10] == 0).all()


def test_the_inverse_of_what_moves_farther_than_squares_can_tell_is_unknown():
    flow = torch.zeros(2, 2, 3, 4)
    flow[1] = 1e30
    back = ops.inverted(MotionField(flow))
    assert not back.flow.any()
    assert not back.visibility[1].any()


def test_points_are_followed_bilinearly():
    flow = torch.zeros(2, 2, 6, 8)
    flow[1, 0] = torch.arange(8.0)
    tracks = ops.tracks_at(MotionField(flow), torch.tensor([[2.5, 1.0], [7.4, 5.4]]))
    torch.testing.assert_close(tracks.points[0], torch.tensor([[2.5, 1.0], [7.4, 5.4]]))
    torch.testing.assert_close(tracks.points[1], torch.tensor([[5.0, 1.0], [14.4, 5.4]]))
    assert tracks.visibility.all()
    assert tracks.size == (8, 6)


def test_hidden_pixels_give_hidden_points_and_no_points_give_no_tracks():
    visibility = torch.ones(2, 6, 8)
    visibility[1, :, 4:] = 0
    field = MotionField(torch.zeros(2, 2, 6, 8), visibility)
    tracks = ops.tracks_at(field, torch.tensor([[1.0, 1.0], [6.0, 1.0]]))
    assert tracks.visibility.tolist() == [[True, True], [True, False]]
    assert ops.tracks_at(field, torch.zeros(0, 2)).count == 0


def test_points_up_to_the_picture_s_end_are_followed():
    moved = torch.arange(24.0).view(2, 3, 4)
    field = MotionField(torch.stack([torch.zeros(2, 3, 4), moved]))
    tracks = ops.tracks_at(field, torch.tensor([[4.0, 3.0], [0.0, 0.0]]))
    assert tracks.points[1].tolist() == [[4.0 + 11, 3.0 + 23], [0.0, 12.0]]
    with pytest.raises(ValueError, match=r"\(4.1, 3\)"):
        ops.tracks_at(field, torch.tensor([[4.1, 3.0]]))


def test_a_grid_is_centred_and_inside():
    points = ops.grid_points((20, 14), 6)
    assert points[:, 0].unique().tolist() == [0, 6, 12, 18]
    assert points[:, 1].unique().tolist() == [0, 6, 12]
    assert len(ops.grid_points((5, 5), 100)) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ops.add(still(3, (4, 4)), still(3, (4, 5))), "resize"),
        (lambda: ops.compose(still(3, (4, 4)), still(2, (4, 4))), "3 and 2 frames"),
        (lambda: ops.mixed(still(2, (4, 4)), still(2, (4, 4)), torch.ones(3, 4)), "mask"),
        (lambda: ops.mixed(still(2, (4, 4)), still(2, (4, 4)), torch.ones(4, 4) * 2), "0..1"),
        (lambda: ops.scaled(still(2, (4, 4)), float("nan")), "finite"),
        (lambda: ops.retimed(still(2, (4, 4)), 0), "at least 1 frame"),
        (lambda: ops.tracks_at(still(2, (4, 4)), torch.tensor([[1.0, 9.0]])), r"\(1, 9\)"),
        (lambda: ops.grid_points((4, 4), 0), "spacing"),
        (lambda: still(2, (4, 4)).resized((0, 4)), "size"),
        (lambda: still(2, (4, 4)).resized((4.5, 4)), "size"),
    ],
)
def test_what_has_no_answer_is_an_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_operations_leave_their_inputs_alone():
    first, second = random_field(1, seen=True), random_field(2, seen=True)
    kept = first.flow.clone(), first.visibility.clone()
    for result in (ops.inverted(first), ops.compose(first, second), ops.scaled(first, 2)):
        assert isinstance(result, MotionField)
    assert torch.equal(first.flow, kept[0])
    assert torch.equal(first.visibility, kept[1])


def core_dict(frames=3, points=2):
    return {
        "track_path": torch.rand(frames, points, 2) * 30,
        "track_visibility": torch.ones(frames, points, dtype=torch.bool),
    }


ENDLESS = ((0, 8), (float("nan"), 8), (8, float("inf")), (8, 10**9), (-8, 8))
NO_SIZES = ("text", 5, (8,), (8, 8, 8), ("a", "b"), (8, 10**400), {})


def test_tracks_travel_as_the_core_s_dict():
    tracks = Tracks.from_dict(core_dict(), (64, 32))
    assert set(tracks.to_dict()) == {"track_path", "track_visibility", "size"}
    again = Tracks.from_dict(tracks.to_dict(), (1, 1))
    assert torch.equal(again.points, tracks.points)
    assert again.size == (64, 32)


def test_one_visibility_for_all_points_is_spread():
    given = core_dict()
    given["track_visibility"] = torch.tensor([[True], [False], [True]])
    visibility = Tracks.from_dict(given, (8, 8)).visibility
    assert visibility.tolist() == [[True, True], [False, False], [True, True]]


@pytest.mark.parametrize(
    ("change", "size", "message"),
    [
        ({}, None, "picture size"),
        ({"track_path": torch.zeros(3, 2)}, (8, 8), "frames, points, 2"),
        ({"track_path": {}}, (8, 8), "frames, points, 2.*got {}"),
        ({"track_path": None}, (8, 8), "frames, points, 2.*got None"),
        ({"track_path": [[[1, 2]], [[3]]]}, (8, 8), "frames, points, 2.*got .*3"),
        ({"track_visibility": "seen"}, (8, 8), "frames, points.*got 'seen'"),
        ({"track_path": torch.full((3, 2, 2), torch.inf)}, (8, 8), "track 0.*frame 0"),
        ({"track_visibility": torch.ones(3, 3, dtype=torch.bool)}, (8, 8), "visibility"),
        *(({"size": size}, (8, 8), r"size is .*each side is 1 to 16384") for size in ENDLESS),
        *(({"size": size}, (8, 8), r"size is \(width, height\) in pixels") for size in NO_SIZES),
    ],
)
def test_tracks_that_break_a_rule_are_refused(change, size, message):
    with pytest.raises(ValueError, match=message):
        Tracks.from_dict(core_dict() | change, size)


@pytest.mark.parametrize("value", [None, 3, {}, {"points": 1}])
def test_what_is_not_a_tracks_dict_is_refused(value):
    with pytest.raises(ValueError, match="track_path"):
        Tracks.from_dict(value, (8, 8))


@few
@given(st.integers(1, 900), st.integers(1, 900))
def test_rescaling_tracks_there_and_back_moves_nothing(width, height):
    tracks = Tracks.from_dict(core_dict(), (64, 32))
    torch.testing.assert_close(
        tracks.rescaled((width, height)).rescaled((64, 32)).points, tracks.points
    )
    x, y = (tracks.rescaled((width, height)).points[1, 0] / tracks.points[1, 0]).tolist()
    close((x, y), (width / 64, height / 32), RELATIVE)


def test_retimed_tracks_keep_both_ends():
    tracks = Tracks.from_dict(core_dict(), (64, 32))
    longer = tracks.retimed(5)
    assert torch.equal(longer.points[::2], tracks.points)
    still = Tracks(tracks.points[:1], tracks.visibility[:1], tracks.size).retimed(3)
    assert torch.equal(still.points, tracks.points[:1].expand(3, -1, -1))


def test_retimed_tracks_follow_the_curve_and_not_its_chords():
    turn = torch.linspace(0, torch.pi / 2, 81, dtype=torch.float64)
    circle = torch.stack([100 * turn.cos(), 100 * turn.sin()], 1)[:, None].float()
    seen = torch.ones(81, 1, dtype=torch.bool)
    whole = Tracks(circle, seen, (200, 200))
    few = Tracks(circle[::16], seen[::16], (200, 200))
    again = few.retimed(81)
    chords = torch.nn.functional.interpolate(
        few.points.permute(1, 2, 0), 81, mode="linear", align_corners=True
    ).permute(2, 0, 1)
    off = (again.points - whole.points).norm(dim=-1).max()
    assert off < 0.5 * (chords - whole.points).norm(dim=-1).max()


def test_retimed_straight_tracks_keep_their_speed():
    time = torch.arange(16.0).view(-1, 1, 1)
    tracks = Tracks(time * torch.tensor([3.0, -2.0]), torch.ones(16, 1, dtype=torch.bool), (9, 9))
    expected = torch.linspace(0, 15, 121).view(-1, 1, 1) * torch.tensor([3.0, -2.0])
    torch.testing.assert_close(tracks.retimed(121).points, expected)
