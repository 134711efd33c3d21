"""A mask carried along a motion field, and what the motion uncovers."""

import pytest
import torch
from motion_i2v.models.fields.moved_mask import carried
from motion_i2v.models.networks import splat_strips
from motion_i2v.models.picture.latent_mask import latent_frames
from motion_i2v.models.types.motion_field import MotionField, still

from tests.tolerances import Tolerance, close

HEIGHT, WIDTH = 40, 60
row, column = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")


def box(top, left, side=10):
    return ((row >= top) & (row < top + side) & (column >= left) & (column < left + side)).float()


def moved_box(*steps, around=(0.0, 0.0)):
    """A field that moves the box at (12, 15) by (x, y) in each further frame, and what is around
    it by another step."""
    inside = box(12, 15) > 0
    frames = [torch.zeros(2, HEIGHT, WIDTH)]
    for x, y in steps:
        flow = torch.tensor(around).view(2, 1, 1).repeat(1, HEIGHT, WIDTH)
        flow[:, inside] = torch.tensor([x, y])[:, None]
        frames.append(flow)
    return MotionField(torch.stack(frames))


def test_a_still_field_carries_nothing_to_the_bit():
    mask = torch.rand(HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
    moved, new = carried(mask, still(3, (WIDTH, HEIGHT)))
    assert torch.equal(moved, mask.expand(3, -1, -1))
    assert not new.any()


def test_a_box_lies_where_it_has_moved_and_leaves_a_hole():
    moved, new = carried(box(12, 15), moved_box((8.0, 0.0), (20.0, 10.0)))
    for frame, (top, left) in enumerate([(12, 15), (12, 23), (22, 35)]):
        torch.testing.assert_close(moved[frame], box(top, left))
    torch.testing.assert_close(new[1], box(12, 15) * (1 - box(12, 23)))
    torch.testing.assert_close(new[2], box(12, 15))


def test_half_a_pixel_gives_half_an_edge():
    moved, new = carried(box(12, 15), moved_box((20.5, 0.0)))
    line = moved[1, 15]
    torch.testing.assert_close(line[35:46], torch.tensor([0.5] + 9 * [1.0] + [0.5]))
    assert not line[:35].any()
    assert not line[46:].any()
    torch.testing.assert_close(new[1], box(12, 15))


def test_soft_edges_stay_soft():
    mask = box(12, 15) * (column - 14) / 10
    moved, _ = carried(mask, moved_box((20.0, 0.0)))
    torch.testing.assert_close(moved[1], mask.roll(20, 1))


def test_what_is_covered_is_not_there():
    # A mask on the still ground, over which the box comes: it moves, so it is in front.
    ground = box(12, 35)
    moved, new = carried(ground, moved_box((20.0, 0.0)))
    assert float(moved[1].max()) < 1e-6
    torch.testing.assert_close(new[1], box(12, 15))


def test_nearness_overrules_motion():
    ground = box(12, 35)
    moved, _ = carried(ground, moved_box((20.0, 0.0)), nearness=ground)
    torch.testing.assert_close(moved[1], ground)


def test_a_surface_that_grows_has_no_gaps():
    zoom = torch.stack([(column - 29.5) * 0.9, (row - 19.5) * 0.9])
    moved, new = carried(box(15, 25), MotionField(torch.stack([torch.zeros_like(zoom), zoom])))
    assert not new[1].any()
    assert float(moved[1, 12:28, 22:38].min()) == 1
    close(float(moved[1].sum()), 19**2, Tolerance(relative=0.1))


def test_a_turned_surface_has_no_gaps():
    x, y = column - 29.5, row - 19.5
    turn = torch.stack([-0.3 * x - 0.7 * y, 0.7 * x - 0.3 * y])
    moved, new = carried(box(15, 25), MotionField(torch.stack([torch.zeros_like(turn), turn])))
    assert float(new[1, 15:25, 25:35].max()) < 0.05
    close(float(moved[1].sum()), 100, Tolerance(relative=0.05))


def test_what_comes_from_outside_is_new():
    pan = moved_box((7.0, 0.0), around=(7.0, 0.0))
    _, new = carried(box(12, 15), pan)
    assert float(new[1, :, :7].min()) == 1
    assert not new[1, :, 7:].any()


def test_hidden_points_are_seen_nowhere():
    seen = torch.ones(2, HEIGHT, WIDTH)
    seen[1][box(12, 15) > 0] = 0
    moved, new = carried(box(12, 15), MotionField(still(2, (WIDTH, HEIGHT)).flow, seen))
    assert not moved[1].any()
    torch.testing.assert_close(new[1], box(12, 15))


def test_some_frames_are_those_of_all():
    field = moved_box((3.5, 1.0), (9.0, -2.0), (18.0, 0.3))
    whole, some = carried(box(12, 15), field), carried(box(12, 15), field, at=torch.tensor([0, 2]))
    for all_frames, two in zip(whole, some, strict=True):
        assert torch.equal(all_frames[[0, 2]], two)


def test_strips_do_not_show_and_a_field_is_resized_frame_by_frame(monkeypatch):
    field = moved_box((9.5, 4.0), (20.5, -3.0), around=(1.5, 0.5))
    seen = ((row + 2 * column) % 7 > 0).float().expand(3, -1, -1).contiguous()
    field = MotionField(field.flow, seen)
    size = (2 * WIDTH, HEIGHT)
    mask, near = torch.rand(2, HEIGHT, 2 * WIDTH, generator=torch.Generator().manual_seed(0))
    whole = carried(mask, field.resized(size), near)
    monkeypatch.setattr(splat_strips, "BOUND", 500)
    for part, expected in zip(carried(mask, field, near, size=size), whole, strict=True):
        assert torch.equal(part, expected)


def test_what_the_field_moves():
    field = moved_box((0.01, 0.0), (5.0, 0.0))
    assert torch.equal(carried(None, field)[0][0], box(12, 15))


@pytest.mark.parametrize(("frames", "factor", "count"), [(81, 4, 21), (97, 8, 13), (16, 1, 16)])
def test_latent_frames_are_the_nearest_and_of_their_own_group(frames, factor, count):
    index = latent_frames(frames, factor)
    assert index[0] == 0
    assert len(index) == count
    assert ((index[1:] - 1) // factor).tolist() == list(range(count - 1))
    clip = torch.arange(frames, dtype=torch.float64).view(1, 1, -1)
    nearest = torch.nn.functional.interpolate(clip, size=count, mode="nearest")
    assert index.tolist() == nearest.flatten().tolist()


def test_other_lengths_are_refused_with_the_numbers():
    with pytest.raises(ValueError, match="4n \\+ 1 of them, but the field has 16: bring it to 13"):
        latent_frames(16, 4)
    with pytest.raises(ValueError, match="at least 1 frame, not 0"):
        latent_frames(16, 0)


def test_another_size_is_refused_with_both():
    with pytest.raises(ValueError, match=r"mask is \[4, 5\].*\[40, 60\]"):
        carried(torch.ones(4, 5), still(2, (WIDTH, HEIGHT)))
