"""Flow as a mixture of what was drawn, in float64."""

import pytest
import torch
from motion_i2v.models.networks.stroke_mixture import cells_of, mixed, spread
from torch import Tensor

from tests.tolerances import TOLERANCES, close

D, ROWS, COLUMNS = 4, 3, 5
FAR = torch.tensor([8.0], dtype=torch.float64).log()


def random(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def given(cells: dict[tuple[int, int], tuple[float, float]]) -> tuple[Tensor, Tensor]:
    """Flow and share of cells (row, column) that say something."""
    flow = torch.zeros(1, 2, ROWS, COLUMNS, dtype=torch.float64)
    share = torch.zeros(1, 1, ROWS, COLUMNS, dtype=torch.float64)
    for (row, column), motion in cells.items():
        flow[0, :, row, column] = torch.tensor(motion, dtype=torch.float64)
        share[0, 0, row, column] = 1
    return flow, share


def test_cells_say_the_mean_of_what_is_known_in_them():
    flow, known = torch.zeros(1, 2, 4, 8).double(), torch.zeros(1, 1, 4, 8).double()
    flow[0, :, 0, :3] = torch.tensor([[1.0, 2.0, 6.0], [0.0, 3.0, 0.0]]).double()
    known[0, 0, 0, :3] = 1
    flow[0, :, 3, 3] = 99  # not known
    cells, share = cells_of(flow, known, 4)
    assert cells.shape == (1, 2, 1, 2)
    torch.testing.assert_close(cells[0, :, 0, 0], torch.tensor([3.0, 1.0]).double())
    torch.testing.assert_close(share[0, 0, 0], torch.tensor([3 / 16, 0]).double())
    assert not cells[0, :, 0, 1].any()


def test_nothing_drawn_rests():
    flow, share = given({})
    out = mixed(
        random(1, D, ROWS, COLUMNS), random(1, D, ROWS, COLUMNS), random(D), FAR, flow, share
    )
    assert out.shape == (1, 2, ROWS, COLUMNS)
    assert not out.any()


def test_it_is_linear_in_what_was_drawn_and_never_beyond_it():
    asks = random(1, D, ROWS, COLUMNS), random(1, D, ROWS, COLUMNS), random(D), FAR
    flow, share = given({(0, 0): (2.0, -1.0), (2, 3): (-4.0, 0.5)})
    out = mixed(*asks, flow, share)
    torch.testing.assert_close(mixed(*asks, 3 * flow, share), 3 * out)
    assert float(out[0, 0].min()) >= -4
    assert float(out[0, 0].max()) <= 2


def test_a_cell_that_is_not_known_is_not_asked():
    asks = random(1, D, ROWS, COLUMNS), random(1, D, ROWS, COLUMNS), random(D), FAR
    flow, share = given({(1, 1): (2.0, 0.0)})
    other = flow.clone()
    other[0, :, 2, 2] = 50
    torch.testing.assert_close(mixed(*asks, flow, share), mixed(*asks, other, share))


def test_keys_decide_where_a_motion_goes():
    """What has the key of a stroke takes its motion; what has the key of rest, none."""
    flow, share = given({(1, 0): (2.0, 0.0)})
    keys = torch.zeros(1, D, ROWS, COLUMNS, dtype=torch.float64)
    keys[0, 0] = 1
    rest = torch.tensor([0.0, 1.0, 0.0, 0.0], dtype=torch.float64)
    queries = torch.zeros_like(keys)
    queries[0, 0, :, :2] = 60
    queries[0, 1, :, 2:] = 60
    out = mixed(queries, keys, rest, torch.full((1,), -20.0).double(), flow, share)
    torch.testing.assert_close(out[0, 0, :, :2], torch.full((ROWS, 2), 2.0).double())
    assert float(out[0, 0, :, 2:].abs().max()) < 1e-9


def test_the_nearer_stroke_counts_more_on_any_grid():
    """Distances are parts of the picture: a finer grid of it has the same mixture."""
    zero = torch.zeros(1, D, 3, 6, dtype=torch.float64)
    fine = torch.zeros(1, D, 9, 18, dtype=torch.float64)
    outs = []
    for grid, k in ((zero, 1), (fine, 3)):
        flow, share = torch.zeros_like(grid[:, :2]), torch.zeros_like(grid[:, :1])
        flow[0, 0, k // 2, k // 2], flow[0, 0, k // 2, -1 - k // 2] = 1, -1
        share[0, 0, k // 2, k // 2] = share[0, 0, k // 2, -1 - k // 2] = 1
        outs.append(mixed(grid, grid, zero[0, :, 0, 0], FAR, flow, share)[0, 0])
    torch.testing.assert_close(outs[0], outs[1][1::3, 1::3])
    assert bool((outs[0][:, 0] > outs[0][:, 2]).all())
    assert bool((outs[0][:, 2] > outs[0][:, 5]).all())


def test_pixels_take_convex_combinations_of_cells():
    flow = random(1, 2, ROWS, COLUMNS)
    fine = spread(flow, random(1, 9 * 16, ROWS, COLUMNS), 4)
    assert fine.shape == (1, 2, 4 * ROWS, 4 * COLUMNS)
    # The picture's rim mixes with zeros outside.
    assert float(fine.max()) <= max(0.0, float(flow.max()))
    assert float(fine.min()) >= min(0.0, float(flow.min()))
    one = torch.zeros(1, 9 * 16, ROWS, COLUMNS).double()
    one.view(1, 9, 16, ROWS, COLUMNS)[:, 4] = 1000
    nearest = flow.repeat_interleave(4, 2).repeat_interleave(4, 3)
    torch.testing.assert_close(spread(flow, one, 4), nearest)


def test_every_device_and_dtype_mixes_alike(device, dtype):
    grid = 1, D, ROWS, COLUMNS
    flow, share = given({(0, 0): (0.5, -1.0), (2, 3): (-1.0, 0.25)})
    asks = [x.to(dtype) for x in (random(*grid), random(*grid), random(D), FAR, flow, share)]
    weights = random(1, 9 * 16, ROWS, COLUMNS).to(dtype)
    there = spread(mixed(*(x.to(device) for x in asks)), weights.to(device), 4)
    exact = spread(mixed(*(x.double() for x in asks)), weights.double(), 4)
    close(there.cpu().double(), exact, TOLERANCES[dtype])


@pytest.mark.parametrize("known", [{}, {(0, 1): (1.0, 2.0), (2, 4): (0.0, -1.0)}])
def test_gradients(known):
    flow, share = given(known)
    inputs = (
        random(1, D, ROWS, COLUMNS).requires_grad_(),
        (2 * random(1, D, ROWS, COLUMNS)).requires_grad_(),
        random(D).requires_grad_(),
        FAR.clone().requires_grad_(),
        flow.requires_grad_(),
    )
    assert torch.autograd.gradcheck(lambda *x: mixed(*x, share), inputs)
    weights = random(1, 9 * 4, ROWS, COLUMNS).requires_grad_()
    assert torch.autograd.gradcheck(lambda f, w: spread(f, w, 2), (flow, weights))
