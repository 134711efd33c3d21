"""Densifying: exact where it is drawn, still where it must be, and stopped by edges."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from motion_i2v.models.densify import densify as module
from motion_i2v.models.densify.densify import densify
from motion_i2v.models.densify.edge_aware import Grid, spread
from motion_i2v.models.types.tracks import Tracks
from PIL import Image

from tests.tolerances import HUNDREDS, SOLVED, close

SIZE = (96, 64)
PHOTO = Path(__file__).resolve().parents[3] / "example_workflows" / "input" / "rocket.png"


def arrows(paths, size=SIZE, frames=5) -> Tracks:
    """Straight paths ((x0, y0), (x1, y1)) at constant speed; a pin is a single point."""
    time = torch.linspace(0, 1, frames)[:, None, None]
    start = torch.tensor([path[0] for path in paths], dtype=torch.float32)
    end = torch.tensor([path[-1] for path in paths], dtype=torch.float32)
    points = start + (end - start) * time
    return Tracks(points, torch.ones(points.shape[:2], dtype=torch.bool), size, drawn=True)


def measured(paths, size=SIZE, frames=5) -> Tracks:
    """The same as a tracker or a program gives them."""
    return replace(arrows(paths, size, frames), drawn=False)


def two_objects(size=SIZE) -> torch.Tensor:
    """A red and a blue square on a green ground."""
    picture = torch.zeros(size[1], size[0], 3)
    picture[..., 1] = 0.5
    picture[16:48, 12:40] = torch.tensor([0.9, 0.1, 0.1])
    picture[16:48, 56:84] = torch.tensor([0.1, 0.1, 0.9])
    return picture


def read(field, index, point):
    """The field [2] of a frame at a point between pixels (bilinear, pixels at whole numbers)."""
    x, y = point
    left, top = int(np.floor(x)), int(np.floor(y))
    part_x, part_y = x - left, y - top
    flow = field.flow[index]
    right, bottom = min(left + 1, flow.shape[2] - 1), min(top + 1, flow.shape[1] - 1)
    upper = flow[:, top, left] * (1 - part_x) + flow[:, top, right] * part_x
    lower = flow[:, bottom, left] * (1 - part_x) + flow[:, bottom, right] * part_x
    return upper * (1 - part_y) + lower * part_y


def test_shape_type_and_still_first_frame():
    field = densify(arrows([((20, 30), (30, 30))]), SIZE, two_objects())
    assert field.flow.shape == (5, 2, 64, 96)
    assert field.flow.dtype == torch.float32
    assert not field.flow[0].any()


def test_an_arrow_moves_its_object_and_nothing_else():
    field = densify(arrows([((26, 32), (36, 28))]), SIZE, two_objects())
    moved = field.flow[-1]
    inside = moved[:, 19:45, 15:37]
    close(inside, torch.tensor([10.0, -4.0]).view(2, 1, 1).expand_as(inside), HUNDREDS)
    assert moved[:, 16:48, 56:84].abs().max() < 0.5
    assert moved[:, :12].abs().max() < 0.5


def test_without_edges_motion_leaves_the_object():
    tracks = arrows([((26, 32), (36, 32))])
    spilled = densify(tracks, SIZE, two_objects(), edges=0.0).flow[-1, 0, 32, 46]
    stopped = densify(tracks, SIZE, two_objects(), edges=1.0).flow[-1, 0, 32, 46]
    assert spilled > 1
    assert stopped < 0.5


@pytest.fixture(scope="module")
def rocket() -> tuple[torch.Tensor, np.ndarray]:
    """The example photo [H, W, 3], and the brush that is painted over its rocket."""
    pixels = np.asarray(Image.open(PHOTO).convert("RGBA"))
    return torch.from_numpy(pixels[..., :3] / np.float32(255)), pixels[..., 3] < 128


def carried(picture: torch.Tensor, start, end, *pins) -> np.ndarray:
    """[H, W] how much of the arrow's motion each pixel makes; coordinates relative."""
    size = (picture.shape[1], picture.shape[0])
    paths = [tuple((x * size[0], y * size[1]) for x, y in path) for path in ((start, end), *pins)]
    tracks = arrows(paths, size, frames=2)
    move = tracks.points[-1, 0] - tracks.points[0, 0]
    moved = densify(tracks, size, picture).flow[-1]
    return (torch.einsum("chw,c->hw", moved, move) / move.square().sum()).numpy()


@pytest.mark.parametrize("start", [(0.5, 0.6), (0.5, 0.75), (0.505, 0.4)])
def test_one_arrow_moves_the_whole_rocket_and_no_tower(rocket, start):
    from scipy.ndimage import binary_dilation, binary_erosion

    picture, brush = rocket
    part = carried(picture, start, (start[0], start[1] - 0.35))
    assert (part[binary_erosion(brush, iterations=3)] >= 0.8).mean() > 0.9
    away = ~binary_dilation(brush, iterations=12)
    assert (np.abs(part[away]) > 0.2).mean() < 0.02
    assert np.abs(part[:, :250]).max() < 0.05
    assert np.abs(part[:, 400:]).max() < 0.05


def test_edges_inside_an_object_do_not_hold_its_parts_back():
    picture = torch.full((120, 160, 3), 0.35)
    picture[30:90, 40:120] = torch.tensor([0.7, 0.1, 0.1])
    picture[30:50, 40:120] = torch.tensor([0.95, 0.95, 0.9])
    part = carried(picture, (0.5, 0.6), (0.6, 0.6))
    assert part[34:86, 44:116].min() > 0.9
    assert np.abs(part[:24]).max() < 0.05
    pinned = carried(picture, (0.5, 0.6), (0.6, 0.6), ((0.5, 0.33),))
    assert np.abs(pinned[34:46, 44:116]).max() < 0.1


def test_the_outline_is_smooth_in_a_noisy_picture():
    import cv2

    y, x = torch.meshgrid(torch.arange(400.0), torch.arange(600.0), indexing="ij")
    disc = (x - 300).square() + (y - 200).square() < 100**2
    noise = torch.randn(400, 600, 3, generator=torch.Generator().manual_seed(0)) * 0.05
    base = torch.where(
        disc[..., None], torch.tensor([0.6, 0.4, 0.4]), torch.tensor([0.4, 0.5, 0.4])
    )
    part = carried((base + noise).clamp(0, 1), (0.5, 0.5), (0.6, 0.5))
    moved = (part > 0.5).astype(np.uint8)
    assert (moved != disc.numpy()).sum() < 0.03 * disc.sum()
    outlines, _ = cv2.findContours(moved, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    around = sum(cv2.arcLength(outline, True) for outline in outlines)
    assert around < 1.09 * 2 * np.pi * 100


def test_two_arrows_move_two_objects_apart():
    field = densify(arrows([((26, 32), (36, 32)), ((70, 32), (60, 32))]), SIZE, two_objects())
    assert field.flow[-1, 0, 20:44, 16:36].min() > 9
    assert field.flow[-1, 0, 20:44, 60:80].max() < -9


def test_without_a_picture_motion_fades_out_smoothly():
    flow = densify(arrows([((48, 32), (58, 32))]), SIZE).flow[-1, 0]
    assert flow[32, 48] == 10
    along = flow[32, 52:]
    assert (along[1:] <= along[:-1] + 1e-4).all()
    assert flow[0, 0].abs() < 0.5
    assert (flow[:, 1:] - flow[:, :-1]).abs().max() < 2


def test_reach_bounds_the_spread_where_nothing_stops_it():
    size = (300, 200)
    tracks = arrows([((150, 100), (160, 100))], size)
    near, far = (densify(tracks, size, reach=reach).flow[-1, 0, 100, 220] for reach in (0.1, 0.6))
    assert near < 0.2
    assert far > 2


def test_seeds_keep_their_values_before_the_starts_are_held():
    grid = Grid(None, np.ones((30, 40), dtype=bool), open_border=True)
    seeds = np.array([12 * 40 + 10, 12 * 40 + 14, 25 * 40 + 35])
    values = np.array([[1.0, 0.0], [-1.0, 3.0], [0.5, 0.5]])
    found = spread(grid, seeds, 0.35, 1.0)(values)
    close(found[seeds], values, SOLVED)


def test_two_arrows_blend_between_them():
    flow = densify(arrows([((30, 32), (30, 42)), ((66, 32), (66, 22))]), SIZE).flow[-1, 1, 32]
    assert flow[30] == 10
    assert flow[66] == -10
    middle = flow[36:61]
    assert (middle[1:] <= middle[:-1] + 1e-4).all()
    assert abs(float(flow[48])) < 1
    assert (middle[1:] - middle[:-1]).abs().max() < 3


@st.composite
def drawings(draw):
    """Up to 8 paths and pins whose starts are at least 5 px apart."""
    spot = st.tuples(st.integers(0, 8), st.integers(0, 5))
    spots = draw(st.lists(spot, min_size=1, max_size=8, unique=True))
    part = st.floats(0, 5, width=32)
    move = st.one_of(st.just(0.0), st.floats(-40, 40, width=32))
    paths = []
    for column, row in spots:
        x, y = column * 10 + 4 + draw(part), row * 10 + 4 + draw(part)
        paths.append(((x, y), (x + draw(move), y + draw(move))))
    return paths


@settings(deadline=None, max_examples=25)
@given(drawings(), st.booleans(), st.booleans())
def test_exact_at_every_start_and_zero_on_pins(paths, with_picture, with_region):
    picture = two_objects() if with_picture else None
    region = torch.ones(SIZE[1], SIZE[0]) if with_region else None
    tracks = arrows(paths)
    field = densify(tracks, SIZE, picture, region)
    drawn = tracks.points - tracks.points[:1]
    for number, path in enumerate(paths):
        for index in range(tracks.frames):
            found = read(field, index, path[0])
            close(found, drawn[index, number], HUNDREDS)
            if path[0] == path[1]:
                assert not found.any()


@settings(deadline=None, max_examples=10)
@given(drawings())
def test_never_longer_than_what_is_drawn(paths):
    tracks = arrows(paths)
    drawn = (tracks.points - tracks.points[:1]).abs().amax(1)
    field = densify(tracks, SIZE, two_objects())
    assert (field.flow.abs().amax((2, 3)) <= drawn + 1e-3).all()


def test_outside_the_region_is_exactly_zero_and_feather_multiplies():
    region = torch.zeros(SIZE[1], SIZE[0])
    region[10:50, 10:50] = 1
    region[10:50, 40:50] = 0.25
    field = densify(arrows([((26, 32), (36, 32))]), SIZE, None, region)
    assert not field.flow[:, :, region == 0].any()
    full = torch.full((40, 30), 10.0)
    close(field.flow[-1, 0, 10:50, 10:40], full, HUNDREDS)
    close(field.flow[-1, 0, 10:50, 40:50], full[:, :10] / 4, HUNDREDS)


def test_a_region_is_filled_past_edges():
    region = torch.zeros(SIZE[1], SIZE[0])
    region[10:56, 6:90] = 1
    field = densify(arrows([((26, 32), (36, 32))]), SIZE, two_objects(), region)
    assert field.flow[-1, 0, 10:56, 6:90].min() > 9.9


def test_parts_of_a_region_without_a_path_stay_still():
    region = torch.zeros(SIZE[1], SIZE[0])
    region[16:48, 12:40] = region[16:48, 56:84] = 1
    field = densify(arrows([((26, 32), (36, 32))]), SIZE, None, region)
    assert field.flow[-1, 0, 16:48, 12:40].min() > 9.9
    assert not field.flow[:, :, :, 56:84].any()


@pytest.mark.parametrize("region", [torch.zeros(64, 64), torch.zeros(1, 64, 64)])
def test_an_empty_region_frees_everything(region):
    tracks = arrows([((26, 32), (36, 32))])
    field = densify(tracks, SIZE, two_objects(), region)
    assert torch.equal(field.flow, densify(tracks, SIZE, two_objects()).flow)


def test_linear_in_the_displacements():
    one = arrows([((26, 32), (36, 32)), ((50, 20), (50, 21)), ((70, 32), (70, 33))])
    two = arrows([((26, 32), (20, 30)), ((50, 20), (52, 25)), ((70, 32), (60, 35))])
    points = one.points[:1] + 2 * (one.points - one.points[:1]) - (two.points - two.points[:1])
    both = Tracks(points, one.visibility, SIZE)
    a, b, c = (densify(t, SIZE, two_objects()).flow for t in (one, two, both))
    close(c, 2 * a - b, HUNDREDS)


def test_many_tracks_go_the_same_way_as_few(monkeypatch):
    tracks = arrows([((x, y), (x + y / 10, y - x / 10)) for x in (10, 40, 80) for y in (9, 50)])
    few = densify(tracks, SIZE, two_objects()).flow
    monkeypatch.setattr(module, "WEIGHT_MAPS", 0)
    many = densify(tracks, SIZE, two_objects()).flow
    close(many, few, HUNDREDS)


def test_a_grid_of_two_thousand_tracks_is_reproduced():
    spots = torch.stack(torch.meshgrid(torch.arange(50), torch.arange(40), indexing="xy"), -1)
    start = spots.reshape(-1, 2).float() * 6 + 3
    move = torch.stack([start[:, 1] / 20, -start[:, 0] / 30], 1)
    points = torch.stack([start, start + move])
    field = densify(Tracks(points, torch.ones(2, 2000, dtype=torch.bool), (300, 240)), (300, 240))
    y, x = torch.meshgrid(torch.arange(240), torch.arange(300), indexing="ij")
    truth = torch.stack([y / 20, -x / 30])
    assert (field.flow[1] - truth)[:, 10:-10, 10:-10].abs().max() < 0.5


def test_same_bits_twice():
    tracks = arrows([((26, 32), (36, 32)), ((70, 32), (60, 35)), ((50, 60),)])
    first = densify(tracks, SIZE, two_objects()).flow
    assert torch.equal(first, densify(tracks, SIZE, two_objects()).flow)


def test_tracks_picture_and_region_of_other_sizes_are_rescaled():
    double = (SIZE[0] * 2, SIZE[1] * 2)
    picture = two_objects().repeat_interleave(2, 0).repeat_interleave(2, 1)
    region = torch.ones(8, 12)
    field = densify(arrows([((26, 32), (36, 32))]), double, two_objects()[None], region)
    assert field.size == double
    assert field.flow[-1, 0, 64, 52] == 20
    field = densify(arrows([((52, 64), (72, 64))], double), SIZE, picture)
    assert field.flow[-1, 0, 32, 26] == 10


def test_pins_alone_and_ignored_paths_give_a_still_field():
    assert not densify(arrows([((26, 32),)]), SIZE, two_objects()).flow.any()
    away = arrows([((-5, 3), (10, 10)), ((200, 3), (10, 10))])
    assert not densify(away, SIZE, paths_outside="ignore").flow.any()


@pytest.mark.parametrize("size", [(1, 1), SIZE])
@pytest.mark.parametrize("with_region", [False, True])
def test_a_start_on_the_very_edge_is_inside(size, with_region):
    region = torch.ones(size[1], size[0]) if with_region else None
    for corner in ((0.0, 0.0), (float(size[0]), float(size[1])), (size[0] - 0.4, size[1] - 0.5)):
        move = (corner[0] + 5, corner[1] - 2)
        flow = densify(arrows([(corner, move)], size), size, None, region).flow
        x, y = (min(int(c), extent - 1) for c, extent in zip(corner, size, strict=True))
        torch.testing.assert_close(flow[-1, :, y, x], torch.tensor([5.0, -2.0]))


def test_one_frame_is_still():
    assert not densify(arrows([((26, 32), (40, 32))], frames=1), SIZE).flow.any()


def test_steps_are_told():
    steps = []
    densify(arrows([((26, 32), (36, 32))]), SIZE, on_step=lambda *s: steps.append(s))
    assert steps[-1] == (5, 5)
    steps = []
    densify(arrows([((26, 32),)]), SIZE, on_step=lambda *s: steps.append(s))
    assert steps[-1] == (5, 5)


LEFT_HALF = torch.cat([torch.ones(64, 48), torch.zeros(64, 48)], 1)
ARROW = [((20, 30), (30, 30))]


@pytest.mark.parametrize(
    ("paths", "options", "message"),
    [
        (
            [((20, 30), (30, 30)), ((70, 30), (80, 30))],
            {"region": LEFT_HALF},
            r"path 2 .*\(70.0, 30",
        ),
        ([((96.1, 30), (30, 30))], {}, r"path 1 .*outside the 96 x 64 picture"),
        ([((-9, 30), (30, 30))], {}, r"path 1 .*outside the 96 x 64 picture"),
        ([((20, 30), (30, 30)), ((20.3, 30), (20, 50))], {}, "paths 1 and 2 both start"),
        (ARROW, {"reach": 0.0}, "reach is 0.0"),
        (ARROW, {"reach": float("nan")}, "reach is nan"),
        (ARROW, {"edges": -1.0}, "edges is -1.0"),
        (ARROW, {"paths_outside": "skip"}, "paths_outside"),
        (ARROW, {"picture": torch.zeros(64, 96)}, r"picture is \[height, width, 3\]"),
        (ARROW, {"picture": torch.full((64, 96, 3), float("nan"))}, "not finite"),
        (ARROW, {"region": torch.ones(2, 64, 96)}, "batch of 2"),
        (ARROW, {"region": torch.full((64, 96), 255.0)}, "0..1"),
    ],
)
def test_errors_say_what_is_wrong(paths, options, message):
    with pytest.raises(ValueError, match=message):
        densify(arrows(paths), SIZE, **options)


def test_nothing_drawn_is_an_error():
    empty = Tracks(torch.zeros(4, 0, 2), torch.zeros(4, 0, dtype=torch.bool), SIZE)
    with pytest.raises(ValueError, match="nothing is drawn"):
        densify(empty, SIZE)


def test_measured_tracks_that_part_at_an_edge_count_as_their_mean():
    pair = [((20, 30), (40, 30)), ((20.2, 30), (20, 34))]
    field = densify(measured([*pair, ((70, 40), (74, 40))]), SIZE)
    middle = [(20 - 0.2) / 2, 4 / 2]
    close(read(field, -1, (20.1, 30)).tolist(), middle, HUNDREDS)
    close(read(field, -1, (70, 40)).tolist(), [4, 0], HUNDREDS)


def test_a_parting_pair_changes_nothing_where_the_others_are():
    others = [((20, 20), (24, 20)), ((70, 40), (70, 44)), ((70.4, 40), (70.4, 44))]
    alone = densify(measured(others), SIZE)
    drawn = densify(arrows(others), SIZE)
    assert torch.equal(alone.flow, drawn.flow)
    both = densify(measured([*others, ((50, 10), (60, 10)), ((50, 10.5), (40, 10.5))]), SIZE)
    close(read(both, -1, (20, 20)).tolist(), [4, 0], HUNDREDS)


@pytest.mark.parametrize("of", [arrows, measured])
def test_a_thousand_random_paths_are_no_mistake_of_a_person(of):
    random = np.random.default_rng(0)
    paths = [(tuple(a), tuple(b)) for a, b in random.uniform(0, 60, (1000, 2, 2))]
    field = densify(of(paths), SIZE, two_objects())
    assert bool(torch.isfinite(field.flow).all())
    assert float(field.flow.abs().max()) <= 61


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(*[st.floats(0, 63, width=16)] * 4), min_size=1, max_size=40))
def test_any_measured_tracks_become_a_finite_field(ends):
    field = densify(measured([((a, b), (c, d)) for a, b, c, d in ends], (64, 64)), (64, 64))
    assert bool(torch.isfinite(field.flow).all())
