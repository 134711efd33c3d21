"""Neighbour flow and motion fields, each made from the other."""

import pytest
import torch
from motion_i2v.models.fields.landings import landings
from motion_i2v.models.fields.neighbour_flow import accumulated, advance, moved_on, to_neighbours
from motion_i2v.models.picture.pixels import sampled
from motion_i2v.models.types.motion_field import MotionField, still

from tests.tolerances import ACCUMULATED, FLOAT32, FLOAT64, close

SIZE = (24, 18)


def grid(size=SIZE):
    """[2, H, W] float64: the pixels' own places."""
    x, y = (torch.arange(n, dtype=torch.float64) for n in size)
    return torch.stack(torch.meshgrid(x, y, indexing="xy"))


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def led(matrix, points):
    """Points [2, H, W] through a matrix [2, 2]."""
    return torch.einsum("ij,jhw->ihw", matrix, points)


def affine(matrix, shift, size=SIZE):
    """Displacements [2, H, W] of p -> matrix p + shift."""
    return led(tensor(matrix), grid(size)) + tensor(shift).view(2, 1, 1) - grid(size)


def turned(angle, zoom, shift):
    c, s = torch.tensor(angle).cos().item() * zoom, torch.tensor(angle).sin().item() * zoom
    return affine([[c, -s], [s, c]], shift)


def field_of(*frames, visibility=None):
    return MotionField(torch.stack(frames).float(), visibility)


def interior(points):
    """[H, W] bool: pixels whose point lies within the reference's outermost pixels."""
    at = points.of(grid(points.found.shape[::-1]))
    last = torch.tensor(points.found.shape[::-1]).view(2, 1, 1) - 1
    return points.found & (at > 0).all(0) & (at < last).all(0)


def mover(*shifts, size=(40, 12)):
    """A still field in which the square of columns 8..13 is led right by these px."""
    flow = torch.zeros(len(shifts), 2, size[1], size[0])
    flow[:, 0, :, 8:14] = torch.tensor(shifts).view(-1, 1, 1).float()
    return MotionField(flow)


AFFINE = [
    ([[1, 0], [0, 1]], [2.3, -1.7]),
    ([[1.2, 0], [0, 0.8]], [-1.0, 0.5]),
    ([[0.9, -0.3], [0.3, 0.9]], [3.1, -2.2]),
    ([[-1, 0], [0, 1]], [23.0, 0.0]),  # a mirror
    ([[5.0, 0], [0, 5.0]], [-30.0, -20.0]),  # a zoom by more than what would be a tear
]


@pytest.mark.parametrize(("matrix", "shift"), AFFINE)
def test_steps_of_affine_motions_are_exact_in_float64(matrix, shift):
    further = [[0.97, 0.1], [-0.2, 1.05]], [1.3, 0.4]
    before, after = affine(matrix, shift), affine(*further)
    points = landings(before)
    inner = interior(points)
    assert inner.sum() > 100
    p = led(torch.linalg.inv(tensor(matrix)), grid() - tensor(shift).view(2, 1, 1))
    close(points.of(grid())[:, inner], p[:, inner], FLOAT64)
    expected = led(tensor(further[0]), p) + tensor(further[1]).view(2, 1, 1) - grid()
    close(points.of(after - before)[:, inner], expected[:, inner], FLOAT64)


@pytest.mark.parametrize("seed", range(3))
def test_points_of_bilinear_fields_solve_the_equation_in_float64(seed):
    generator = torch.Generator().manual_seed(seed)
    rough = torch.rand(2, *SIZE[::-1], generator=generator, dtype=torch.float64) * 0.8
    flow = rough + affine([[1.1, -0.2], [0.1, 0.9]], [1.5, 0.7])
    points = landings(flow)
    inner = interior(points)
    assert inner.float().mean() > 0.6
    p = points.of(grid())
    moved = p + sampled(flow[None], p[None, 0], p[None, 1])[0]
    close(moved[:, inner], grid()[:, inner], FLOAT64)


def test_every_point_of_a_smooth_field_is_found():
    x, y = grid()
    flow = torch.stack([torch.sin(y / 3), torch.cos(x / 4)])
    points = landings(flow)
    assert points.found[2:-2, 2:-2].all()


def test_the_first_step_is_the_field_s_own():
    flow = torch.rand(2, *SIZE[::-1]) * 9
    (step,) = to_neighbours(field_of(torch.zeros_like(flow), flow))
    close(step.flow[1], flow, FLOAT32)
    assert (step.visibility == 1).all()


def test_affine_fields_come_back_from_their_steps():
    field = field_of(*(turned(0.02 * i, 1 + 0.015 * i, [0.4 * i, -0.3 * i]) for i in range(6)))
    again = accumulated(to_neighbours(field))
    seen = again.visibility == 1
    assert seen[-1].float().mean() > 0.5
    inside = torch.zeros_like(seen)
    inside[:, 4:-4, 4:-4] = True
    kept = (seen & inside)[:, None].expand_as(field.flow)
    close(again.flow[kept], field.flow[kept], ACCUMULATED)


def test_affine_steps_come_back_from_their_field():
    made = [affine([[1.02, 0.03 * i], [-0.02, 0.99]], [0.5, -0.2 * i]) for i in range(4)]
    steps = [field_of(torch.zeros_like(n), n) for n in made]
    for step, again in zip(steps, to_neighbours(accumulated(steps)), strict=True):
        inner = again.visibility[1] == 1
        inner[:5], inner[-5:], inner[:, :5], inner[:, -5:] = False, False, False, False
        assert inner.sum() > 80
        close(again.flow[1][:, inner], step.flow[1][:, inner], ACCUMULATED)


def test_pieces_that_move_by_whole_pixels_come_back_exactly():
    field = mover(0, 6, 12, 20)
    again = accumulated(to_neighbours(field))
    # What the square passes over gets behind it, and goes on with it.
    aside = torch.ones(40, dtype=torch.bool)
    aside[14:34] = False
    assert torch.equal(again.flow[..., aside], field.flow[..., aside])
    assert (again.visibility[..., aside] == 1).all()


def test_the_edge_of_what_is_in_front_does_not_fade():
    # Between whole pixels its rim mixes with what lies beside it, but it is seen.
    again = accumulated(to_neighbours(mover(0, 3.3, 6.7, 10.3, 13.7)))
    assert (again.visibility[..., 8:14] == 1).all()
    close(again.flow[-1, 0, :, 9:13], torch.full((12, 4), 13.7), ACCUMULATED)


def test_accumulating_adds_what_is_found_on_the_way_in_float64(device):
    matrix, shift = [[1, 0.2], [0, 1]], [-2, 1]
    first = affine([[1.1, 0], [0, 0.9]], [0.3, 0.8])
    landed = grid() + first
    expected = led(tensor(matrix), landed) + tensor(shift).view(2, 1, 1) - grid()
    inner = ((landed >= 0) & (landed <= tensor(SIZE).view(2, 1, 1) - 1)).all(0)
    assert inner.sum() > 300
    both = moved_on(first.to(device), affine(matrix, shift).to(device)).cpu()
    close(both[:, inner], expected[:, inner], FLOAT64)


def test_what_has_moved_farther_is_in_front():
    _, step = to_neighbours(mover(0, 10, 13))
    assert (step.flow[1, 0, :, 18:24] == 3).all()
    assert (step.visibility[1, :, 18:24] == 1).all()
    assert (step.flow[1, 0, :, 24:] == 0).all()


def test_what_is_uncovered_moves_as_what_is_nearest_and_is_hidden():
    _, step = to_neighbours(mover(0, 10, 13))
    assert step.visibility[1, 0].tolist() == [1.0] * 8 + [0.0] * 6 + [1.0] * 26
    assert (step.flow[1, 0, :, 8:14] == 0).all()
    assert (step.visibility[0] == 1).all()
    entered = to_neighbours(field_of(*(affine([[1, 0], [0, 1]], [6.0 * i, 0]) for i in range(3))))
    assert (entered[1].visibility[1, :, :6] == 0).all()
    assert (entered[1].flow[1, 0] == 6).all()


def test_a_field_s_own_visibility_decides_what_a_pixel_shows():
    field = mover(0, 10, 13)
    visibility = torch.ones(3, 12, 40)
    visibility[1:, :, 8:14] = 0  # it went behind
    _, step = to_neighbours(MotionField(field.flow, visibility))
    assert (step.flow[1] == 0).all()
    assert (step.visibility[1, :, 18:24] == 1).all()
    visibility[1, :, 8:14] = 1  # it goes behind in the last frame
    _, step = to_neighbours(MotionField(field.flow, visibility))
    assert (step.flow[1, 0, :, 18:24] == 3).all()
    assert (step.visibility[1, :, 18:24] == 0).all()


def test_points_that_leave_go_on_with_the_border_and_stay_hidden():
    step = torch.zeros(2, 4, 10)
    step[0] = torch.tensor([1.0, 1, 1, 1, 1, 1, 1, 1, 1, 3])
    field = still(1, (10, 4))
    for _ in range(3):
        field = advance(field, step)
    assert field.flow[:, 0, 0, 9].tolist() == [0, 3, 6, 9]
    assert field.visibility[:, 0, 9].tolist() == [1, 0, 0, 0]
    assert field.visibility[:, 0, 8].tolist() == [1, 1, 0, 0]
    back = advance(advance(still(1, (10, 4)), step), -step)
    assert back.visibility[:, 0, 9].tolist() == [1, 0, 0]


def test_nothing_left_in_the_picture_rests_and_is_hidden():
    field = MotionField(torch.arange(3.0).view(3, 1, 1, 1) * torch.full((3, 2, 5, 7), 40.0))
    _, step = to_neighbours(field)
    assert not step.flow.any()
    assert not step.visibility[1].any()


def test_accumulating_is_advancing_and_keeps_what_steps_hide():
    flows = [torch.rand(2, 6, 8) * 2 - 1 for _ in range(3)]
    steps = [MotionField(torch.stack([torch.zeros_like(n), n])) for n in flows]
    field = still(1, (8, 6))
    for n in flows:
        field = advance(field, n)
    whole = accumulated(steps)
    assert torch.equal(whole.flow, field.flow)
    assert torch.equal(whole.visibility, field.visibility)
    hidden = torch.ones(2, 6, 8)
    hidden[1, 2, 3] = 0
    steps = [MotionField(torch.zeros(2, 2, 6, 8), hidden), MotionField(torch.zeros(2, 2, 6, 8))]
    assert accumulated(steps).visibility[:, 2, 3].tolist() == [1, 0, 0]


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 2)])
def test_small_pictures_have_steps_too(size):
    flow = torch.zeros(3, 2, size[1], size[0])
    flow[1:, 0] = 0.25
    steps = to_neighbours(MotionField(flow))
    assert (steps[0].flow[1, 0] == 0.25).all()
    assert not steps[1].flow.any()
    assert (steps[1].visibility == 1).all()


def test_wild_fields_are_dealt_with():
    flow = (torch.rand(3, 2, 20, 30) - 0.5) * 200
    flow[0] = 0
    flow[2, 0, 3, 4] = 1e30
    for step in to_neighbours(MotionField(flow)):
        assert torch.isfinite(step.flow).all()
    collapsed = torch.stack([torch.zeros(2, 8, 8), 3 - grid((8, 8)).float(), torch.zeros(2, 8, 8)])
    assert len(to_neighbours(MotionField(collapsed))) == 2


def test_the_same_field_gives_the_same_steps_and_progress_is_told():
    field = mover(0, 2.3, 5.1, 9.7)
    told = []
    steps = to_neighbours(field, lambda *done: told.append(done))
    assert told == [(1, 3), (2, 3), (3, 3)]
    for first, second in zip(steps, to_neighbours(field), strict=True):
        assert torch.equal(first.flow, second.flow)
        assert torch.equal(first.visibility, second.visibility)


def not_finite():
    return torch.full((2, 4, 4), torch.nan)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: to_neighbours(still(1, (4, 4))), "1 frame has no steps"),
        (lambda: accumulated([]), "at least one"),
        (lambda: accumulated([still(3, (4, 4))]), "step 0 has 3 frames"),
        (lambda: accumulated([still(2, (4, 4)), still(1, (4, 4))]), "step 1 has 1 frames"),
        (lambda: accumulated([still(2, (4, 4)), still(2, (4, 5))]), "step 1 is of 4x5 px.*4x4"),
        (lambda: advance(still(2, (4, 5)), torch.zeros(2, 4, 5)), r"\[2, 4, 5\].*4x5 px"),
        (lambda: advance(still(2, (4, 4)), torch.zeros(1, 2, 4, 4)), r"\[1, 2, 4, 4\]"),
        (lambda: advance(still(2, (4, 4)), not_finite()), "NaN or infinite values .32 of 32"),
    ],
)
def test_what_makes_no_steps_is_an_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()
