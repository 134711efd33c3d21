"""Noise that moves with a motion field: white in each frame, whatever the field."""

import math

import pytest
import torch
from motion_i2v.models.fields import warped_noise as module
from motion_i2v.models.fields.warped_noise import warped_noise
from motion_i2v.models.types.motion_field import MotionField, still

from tests.tolerances import Tolerance, close

SIZE, CELL = (24, 16), 8  # of the latents, and of each of their cells in pixels of the field


def turned(x, y, angle):
    cos, sin = math.cos(angle), math.sin(angle)
    return (cos - 1) * x - sin * y, sin * x + (cos - 1) * y


def chaos(x):
    way = torch.randn(2, *x.shape, generator=torch.Generator().manual_seed(1)) * x.max() / 4
    return way[0], way[1]


def disc(x, y):
    return (x**2 + y**2 < (y.max() / 2) ** 2).double()


# By the place from the middle, in pixels.
MOTIONS = {
    "still": lambda x, y: (0 * x, 0 * y),
    "pan by parts of a cell": lambda x, y: (0 * x + 13.3, 0 * y - 6.1),
    "far away": lambda x, y: (0 * x + 500.0, 0 * y),
    "object": lambda x, y: (0.5 * x.max() * disc(x, y), 0.2 * y.max() * disc(x, y)),
    "closer": lambda x, y: (1.7 * x, 1.7 * y),
    "much closer": lambda x, y: (5 * x, 5 * y),
    "away": lambda x, y: (-0.6 * x, -0.6 * y),
    "squeezed": lambda x, y: (-0.8 * x, 0.9 * y),
    "turned": lambda x, y: turned(x, y, 0.7),
    "turned over": lambda x, y: turned(x, y, 3.0),
    "folded": lambda x, y: (-2 * x.abs(), 20 * (y / 9).sin()),
    "chaos": lambda x, y: chaos(x),
}
every_motion = pytest.mark.parametrize("motion", MOTIONS.values(), ids=MOTIONS)


def field_of(motion, size=(SIZE[0] * CELL, SIZE[1] * CELL), frames=3):
    """A motion that grows evenly to the given one in the last frame."""
    columns, rows = (torch.arange(n).double() - (n - 1) / 2 for n in size)
    way = torch.stack(motion(columns.expand(size[1], -1), rows[:, None].expand(-1, size[0])))
    return MotionField((torch.linspace(0, 1, frames).view(-1, 1, 1, 1) * way).float())


def noise_of(field, channels=64, seed=0, size=SIZE, dtype=torch.float64):
    return warped_noise(field, channels, size, torch.Generator().manual_seed(seed), dtype)


def correlation(first, second):
    return float((first * second).mean())


@every_motion
def test_the_covariance_of_a_frame_is_the_identity(motion, monkeypatch):
    """Exactly, not by samples: each channel is what one of the drawn numbers does to all cells."""
    field = field_of(motion, (24, 16))
    canvas = module._canvas(field)
    samples, places = len(canvas.rank), 24 * 16
    every = torch.eye(samples + places, dtype=torch.float64)
    drawn = every[:, :samples].contiguous(), every[:, samples:].contiguous()
    monkeypatch.setattr(module, "_drawn", lambda *_: drawn)
    for frame in noise_of(field, samples + places, size=(6, 4)).flatten(2):
        torch.testing.assert_close(frame.T @ frame, torch.eye(24, dtype=torch.float64))


@every_motion
def test_every_frame_is_white_gaussian_noise(motion):
    for frame in noise_of(field_of(motion), channels=128):
        count = frame.numel()
        assert abs(float(frame.mean())) < 4 / count**0.5
        close(float(frame.var()), 1, Tolerance(4 * (2 / count) ** 0.5))
        close(float((frame**4).mean()), 3, Tolerance(4 * (96 / count) ** 0.5))
        for dim in (1, 2):
            shifted = frame.roll(1, dim)
            assert abs(correlation(frame, shifted)) < 4 / count**0.5
        assert abs(correlation(frame[:-1], frame[1:])) < 4 / count**0.5


@every_motion
def test_the_spectrum_is_flat(motion):
    noise = noise_of(field_of(motion), channels=256)
    power = torch.fft.fft2(noise, norm="ortho").abs().square().mean(1)
    # A mean over 256 channels, of numbers with mean and deviation 1 (sqrt(2) where they are real).
    assert float((power - 1).abs().max()) < 6 * (2 / 256) ** 0.5


def test_what_does_not_move_stays_to_the_bit():
    noise = noise_of(still(4, (96, 64)), dtype=torch.float32)
    assert torch.equal(noise, noise[:1].expand_as(noise))
    # Around an object that moves by 32 of 192 pixels, too.
    field = field_of(lambda x, y: (32 * (x.abs() < 16).double(), 0 * y))
    noise = noise_of(field, dtype=torch.float32)
    for columns in (slice(0, 9), slice(19, None)):
        assert torch.equal(noise[2][..., columns], noise[0][..., columns])


def test_whole_cells_carry_their_noise_to_the_bit():
    noise = noise_of(field_of(lambda x, y: (0 * x + 4 * CELL, 0 * y - 2 * CELL)))
    assert torch.equal(noise[2][:, :-2, 4:], noise[0][:, 2:, :-4])
    # What comes in moves along, too: frame 1 is half-way.
    assert torch.equal(noise[2][:, :-1, 2:], noise[1][:, 1:, :-2])


def test_half_a_cell_shares_half_of_each_neighbour():
    noise = noise_of(field_of(lambda x, y: (0 * x + CELL / 2, 0 * y)))
    first, last = noise[0], noise[2]
    close(correlation(last, first), 0.5, Tolerance(0.03))
    close(correlation(last[..., 1:], first[..., :-1]), 0.5, Tolerance(0.03))


def seen_from_frame_0(motion, samples):
    """[C, cells in y, cells in x] the samples of frame 0 summed over where each cell's content was
    then, for a motion that is linear in the place; and which cells' content was all inside."""
    many = 24  # places looked at in each cell, along x and y
    points = torch.stack(torch.meshgrid(
        *((torch.arange(n * many).double() + 0.5) / many - n / 2 for n in SIZE), indexing="xy"
    ))  # fmt: skip
    x, y = torch.eye(2, dtype=torch.float64)
    there = torch.eye(2, dtype=torch.float64) + torch.stack(motion(x, y))
    back = torch.einsum("ij,jhw->ihw", there.inverse(), points)
    extent = torch.tensor(SIZE).view(2, 1, 1)
    place = ((back + extent / 2) * 4).floor().long()
    inside = ((place >= 0) & (place < 4 * extent)).all(0)
    index = torch.where(inside, place[1] * SIZE[0] * 4 + place[0], 0)
    whole = inside.unflatten(1, (SIZE[0], many)).unflatten(0, (SIZE[1], many)).all(3).all(1)
    carried = samples.flatten(1)[:, index]
    cells = carried.unflatten(2, (SIZE[0], many)).unflatten(1, (SIZE[1], many)).sum((2, 4))
    return cells, whole


@pytest.mark.parametrize(
    ("name", "least"),
    [("closer", 0.7), ("away", 0.95), ("turned", 0.9), ("much closer", 0.5)],
)
def test_cells_hold_the_noise_of_what_they_show(name, least):
    """As far as frame 0 tells it: what has grown has noise of its own besides."""
    motion = MOTIONS[name]
    noise = noise_of(field_of(motion), channels=64)[2]
    generator = torch.Generator().manual_seed(0)
    samples = torch.randn(64, SIZE[1] * 4, SIZE[0] * 4, generator=generator, dtype=torch.float64)
    expected, whole = seen_from_frame_0(motion, samples)
    assert whole.sum() > 20
    found = torch.nn.functional.cosine_similarity(expected[:, whole], noise[:, whole], dim=0)
    assert float(found.mean()) > least


def test_what_moves_covers_what_is_behind():
    box = field_of(lambda x, y: (48 * ((x.abs() < 16) & (y.abs() < 16)).double(), 0 * y))
    noise = noise_of(box)
    cells, there = (slice(6, 10), slice(10, 14)), (slice(6, 10), slice(16, 20))
    assert torch.equal(noise[2][..., there[0], there[1]], noise[0][..., cells[0], cells[1]])
    # And where it was: noise that is neither its own nor that of what it covers.
    left = noise[2][..., cells[0], cells[1]]
    for rows, columns in (cells, there):
        assert abs(correlation(left, noise[0][..., rows, columns])) < 0.1


def test_what_is_uncovered_is_the_same_from_then_on():
    field = field_of(lambda x, y: (96 * ((x.abs() < 16) & (y.abs() < 16)).double(), 0 * y))
    noise = noise_of(field)
    assert torch.equal(noise[1][:, 6:10, 10:14], noise[2][:, 6:10, 10:14])


def test_hidden_samples_are_not_seen():
    seen = torch.ones(2, 128, 192)
    seen[1, 48:80, 80:112] = 0
    noise = noise_of(MotionField(still(2, (192, 128)).flow, seen))
    hidden = (slice(None), slice(6, 10), slice(10, 14))
    assert abs(correlation(noise[0][hidden], noise[1][hidden])) < 0.1
    outside = torch.ones(16, 24, dtype=torch.bool)
    outside[6:10, 10:14] = False
    assert torch.equal(noise[0][:, outside], noise[1][:, outside])


def test_a_seed_gives_the_same_noise_and_another_seed_other():
    field = field_of(MOTIONS["closer"])
    assert torch.equal(noise_of(field, seed=3), noise_of(field, seed=3))
    assert abs(correlation(noise_of(field, seed=3), noise_of(field, seed=4))) < 0.02


def test_frame_0_does_not_depend_on_the_field():
    first = noise_of(field_of(MOTIONS["closer"]))[0]
    assert torch.equal(first, noise_of(field_of(MOTIONS["far away"], frames=7))[0])
    assert torch.equal(first, noise_of(still(1, (96, 64)))[0])


def test_any_size_and_a_single_cell():
    for size in ((1, 1), (7, 3), (60, 104)):
        noise = noise_of(field_of(MOTIONS["turned"], (50, 31)), channels=3, size=size)
        assert noise.shape == (3, 3, size[1], size[0])
        assert bool(torch.isfinite(noise).all())


def test_no_channels_are_refused():
    with pytest.raises(ValueError, match="at least 1 channel, not 0"):
        noise_of(still(2, (8, 8)), channels=0)
