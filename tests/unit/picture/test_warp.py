"""Warp Preview's mathematics: what moves, what stays, what is uncovered, what covers what."""

import pytest
import torch
from motion_i2v.models.networks import splat_strips
from motion_i2v.models.picture.inpaint import spread
from motion_i2v.models.picture.warp import warp_picture
from motion_i2v.models.types import progress
from motion_i2v.models.types.motion_field import MotionField

from tests.tolerances import ACCUMULATED, FLOAT32, RELATIVE, Tolerance, close

WIDTH, HEIGHT = 96, 64
RED = torch.tensor([0.9, 0.1, 0.1])
GREEN = torch.tensor([0.1, 0.6, 0.2])


def grid() -> tuple[torch.Tensor, torch.Tensor]:
    rows, columns = torch.meshgrid(
        torch.arange(float(HEIGHT)), torch.arange(float(WIDTH)), indexing="ij"
    )
    return columns, rows


def box(left: int, top: int, right: int, bottom: int) -> torch.Tensor:
    mask = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
    mask[top:bottom, left:right] = True
    return mask


def clip(last: torch.Tensor, frames: int = 4) -> MotionField:
    """A field that grows evenly to `last` [2, H, W]."""
    return MotionField(torch.linspace(0, 1, frames).view(-1, 1, 1, 1) * last)


def moved(mask: torch.Tensor, dx: float, dy: float) -> torch.Tensor:
    return mask.float() * torch.tensor([dx, dy]).view(2, 1, 1)


def painted(*parts: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    picture = GREEN.expand(HEIGHT, WIDTH, 3).clone()
    for mask, colour in parts:
        picture[mask] = colour
    return picture


def noise(seed: int = 0) -> torch.Tensor:
    return torch.rand(HEIGHT, WIDTH, 3, generator=torch.Generator().manual_seed(seed))


def smooth_picture() -> torch.Tensor:
    x, y = grid()
    channels = [x / WIDTH, y / HEIGHT, 0.5 + 0.4 * torch.sin(x / 6) * torch.cos(y / 5)]
    return torch.stack(channels, dim=-1)


def centroid(mask: torch.Tensor) -> torch.Tensor:
    x, y = grid()
    return torch.stack([(x * mask).sum(), (y * mask).sum()]) / mask.sum()


CHOICES = [("softmax", "background"), ("softmax", "none"), ("average", "background")]


@pytest.mark.parametrize(("splatting", "fill"), CHOICES)
def test_what_stays_is_bit_identical(splatting, fill):
    picture, square = noise(), box(20, 20, 40, 40)
    frames, filled = warp_picture(
        picture, clip(moved(square, 17.3, 5.8)), splatting=splatting, fill=fill
    )
    untouched = ~box(20, 20, 59, 47)
    assert torch.equal(frames[0], picture)
    for frame, hole in zip(frames, filled, strict=True):
        assert torch.equal(frame[untouched], picture[untouched])
        assert not hole[untouched].any()
    assert not torch.equal(frames[-1], picture)


def test_no_motion_gives_the_picture_in_every_frame():
    picture = noise()
    frames, filled = warp_picture(picture, MotionField(torch.zeros(5, 2, 20, 30)))
    assert torch.equal(frames, picture.expand(5, -1, -1, -1))
    assert not filled.any()


@pytest.mark.parametrize("splatting", ["softmax", "average"])
def test_a_drawn_object_follows_its_flow(splatting):
    square = box(15, 20, 35, 40)
    frames, _ = warp_picture(
        painted((square, RED)), clip(moved(square, 31.5, -8.25), 6), splatting=splatting
    )
    start = centroid(square.float())
    for i, frame in enumerate(frames):
        redness = ((frame[..., 0] - GREEN[0]) / (RED[0] - GREEN[0])).clamp(0, 1)
        expected = start + torch.tensor([31.5, -8.25]) * i / 5
        if splatting == "softmax":
            close(redness.sum(), 400, Tolerance(relative=0.03))
            close(centroid(redness), expected, Tolerance(0.15))
        else:
            assert (centroid(redness) - expected).norm() < 8


@pytest.mark.parametrize("fractional", [False, True])
def test_the_hole_shows_the_background_only(fractional):
    square = box(15, 20, 45, 50)
    step = 24.4 if fractional else 24
    frames, filled = warp_picture(painted((square, RED)), clip(moved(square, step, 0)))
    hole = box(15, 20, 15 + 22, 50)
    assert (filled[-1][hole] > 0.999).all()
    close(frames[-1][hole], GREEN.expand(int(hole.sum()), 3), ACCUMULATED)


def test_the_filled_mask_is_what_nothing_reached():
    square = box(15, 20, 45, 50)
    _, filled = warp_picture(painted((square, RED)), clip(moved(square, 12, 0), 3))
    assert not filled[0].any()
    for i, width in ((1, 6), (2, 12)):
        certain = box(15, 20, 15 + width - 3, 50)
        object_inside = box(15 + width + 2, 21, 45 + width, 49)
        assert (filled[i][certain] > 0.999).all()
        assert (filled[i][object_inside | ~box(15, 20, 45 + width, 50)] < 1e-5).all()
        close(float(filled[i].sum()), 30 * width, Tolerance(relative=0.1))


def test_without_filling_holes_are_black():
    square = box(15, 20, 45, 50)
    frames, filled = warp_picture(painted((square, RED)), clip(moved(square, 24, 0)), fill="none")
    assert (frames[-1][box(15, 20, 37, 50)] < 1e-3).all()
    assert (filled[-1][box(15, 20, 37, 50)] > 0.999).all()


def test_the_fill_does_not_flicker():
    picture = noise()
    square = box(15, 20, 45, 50)
    frames, filled = warp_picture(picture, clip(moved(square, 20, 0), 11))
    for i in range(2, 11):
        both = (filled[i] == 1) & (filled[i - 1] == 1)
        assert torch.equal(frames[i][both], frames[i - 1][both])


def test_the_fill_moves_with_a_moving_background():
    x, _ = grid()
    square = box(30, 20, 50, 44)
    picture = painted((square, RED))
    picture[..., 2] = x * 0.01  # a ramp along x tells how far the fill has come along
    picture[square] = RED
    flow = moved(~square, 6, 0) + moved(square, 26, 0)
    frames, filled = warp_picture(picture, clip(flow, 3))
    hole = (filled[-1] == 1) & box(40, 24, 50, 40)
    assert hole.any()
    expected = ((x - 6) * 0.01)[hole]
    assert (frames[-1][hole][:, 2] - expected).abs().max() < 0.06
    assert (frames[-1][hole][:, 0] < 0.3).all()


@pytest.mark.parametrize("zoom", [1.5, 2.2])
@pytest.mark.parametrize("splatting", ["softmax", "average"])
def test_a_zoom_leaves_no_cracks(zoom, splatting):
    x, y = grid()
    flow = torch.stack([(x - 48) * (zoom - 1), (y - 32) * (zoom - 1)])
    white = torch.ones(HEIGHT, WIDTH, 3)
    frames, filled = warp_picture(white, clip(flow), splatting=splatting, fill="none")
    if splatting == "softmax":
        close(frames, torch.ones_like(frames), ACCUMULATED)
    assert not (filled > 1e-5).any() or splatting == "average"
    if zoom < 2:
        assert frames.min() > 0.999


def test_a_zoomed_object_covers_what_is_behind_it_without_speckles():
    x, y = grid()
    square = box(36, 22, 60, 42)
    flow = torch.stack([(x - 48) * 0.6, (y - 32) * 0.6]) * square
    frames, filled = warp_picture(painted((square, RED)), clip(flow))
    inside = box(31, 18, 64, 45)
    close(frames[-1][inside], RED.expand(int(inside.sum()), 3), ACCUMULATED)
    assert (filled[-1][inside] < 1e-5).all()


def test_the_outline_of_a_zoomed_object_has_no_teeth():
    x, y = grid()
    disc = (x - 48) ** 2 + (y - 32) ** 2 < 15**2
    flow = torch.stack([(x - 48) * 0.6 + 4, (y - 32) * 0.6]) * disc
    frames, _ = warp_picture(painted((disc, RED)), clip(flow))
    redness = (frames[-1][..., 0] - GREEN[0]) / (RED[0] - GREEN[0])
    middle = 52
    assert (redness[8:56, :middle].diff(dim=1) > -0.05).all()
    assert (redness[8:56, middle + 1 :].diff(dim=1) < 0.05).all()
    radius = torch.hypot(x - 52, y - 32)
    assert (redness[radius < 15 * 1.6 - 4] > 0.99).all()
    assert (redness[radius > 15 * 1.6 + 2] < 0.01).all()


def test_a_smooth_motion_equals_the_backward_warp():
    x, y = grid()
    angle = 0.3
    dx, dy = x - 48, y - 32
    c, s = torch.cos(torch.tensor(angle)), torch.sin(torch.tensor(angle))
    flow = torch.stack([c * dx - s * dy - dx, s * dx + c * dy - dy])
    frames, _ = warp_picture(smooth_picture(), clip(flow, 2))
    qx, qy = c * dx + s * dy + 48, -s * dx + c * dy + 32
    inside = (qx > 2) & (qx < WIDTH - 3) & (qy > 2) & (qy < HEIGHT - 3)
    exact = torch.stack(
        [qx / WIDTH, qy / HEIGHT, 0.5 + 0.4 * torch.sin(qx / 6) * torch.cos(qy / 5)], dim=-1
    )
    close(frames[1][inside], exact[inside], Tolerance(5e-3))


def test_the_hub_of_a_turning_object_does_not_show_what_is_behind():
    x, y = grid()
    disc = (x - 48) ** 2 + (y - 32) ** 2 < 20**2
    dx, dy = x - 48, y - 32
    flow = torch.stack([-dy - dx, dx - dy]) * disc
    frames, filled = warp_picture(painted((disc, RED)), clip(flow, 2))
    core = (x - 48) ** 2 + (y - 32) ** 2 < 17**2
    close(frames[1][core], RED.expand(int(core.sum()), 3), ACCUMULATED)
    assert (filled[1][core] < 1e-5).all()


def crossing(order: str, depth: torch.Tensor | None) -> torch.Tensor:
    """A red square moves by 30 pixels onto a blue one that moves by 2: what is seen there?"""
    red, blue = box(10, 20, 30, 40), box(42, 16, 62, 44)
    picture = painted((red, RED), (blue, torch.tensor([0.1, 0.1, 0.9])))
    flow = moved(red, 34, 0) + moved(blue, 2, 0)
    frames, _ = warp_picture(picture, clip(flow), order=order, depth=depth)
    return frames[-1][30, 54]


def test_what_moves_further_is_in_front():
    close(crossing("motion", None), RED, ACCUMULATED)
    close(crossing("auto", None), RED, ACCUMULATED)


def test_depth_decides_where_it_is_given():
    blue_near = 0.8 * box(42, 16, 62, 44).float() + 0.4 * box(10, 20, 30, 40).float()
    for order in ("auto", "depth"):
        assert crossing(order, blue_near)[2] > 0.85
    close(crossing("motion", blue_near), RED, ACCUMULATED)


def test_order_none_mixes_both():
    seen = crossing("none", None)
    assert seen[0] > 0.3
    assert seen[2] > 0.3


def test_outside_the_region_the_picture_is_bit_identical():
    picture, square = noise(), box(20, 20, 40, 40)
    region = box(10, 10, 50, 50).float()
    region[:, 45:50] = 0.5
    plain, plain_filled = warp_picture(picture, clip(moved(square, 25, 3)))
    frames, filled = warp_picture(picture, clip(moved(square, 25, 3)), region=region)
    outside, inside = region == 0, region == 1
    for i in range(4):
        assert torch.equal(frames[i][outside], picture[outside])
        assert torch.equal(frames[i][inside], plain[i][inside])
    torch.testing.assert_close(frames[:, region == 0.5], (plain + picture)[:, region == 0.5] / 2)
    assert torch.equal(filled, plain_filled * region)


def test_an_empty_region_means_everything():
    field = clip(moved(box(20, 20, 40, 40), 20, 0))
    plain, _ = warp_picture(noise(), field)
    frames, _ = warp_picture(noise(), field, region=torch.zeros(8, 8))
    assert torch.equal(frames, plain)


def test_a_field_of_another_size_is_resized():
    x, y = grid()
    full = clip(torch.stack([0.1 * x + 3, 0.05 * y]))
    half = MotionField(
        torch.nn.functional.interpolate(full.flow / 2, scale_factor=0.5, mode="bilinear")
    )
    picture = smooth_picture()
    frames, _ = warp_picture(picture, full)
    frames_half, _ = warp_picture(picture, half)
    assert frames_half.shape == frames.shape == (4, HEIGHT, WIDTH, 3)
    close(frames_half[:, 4:-4, 8:-8], frames[:, 4:-4, 8:-8], ACCUMULATED)


def test_soft_motion_edges_leave_no_specks_in_the_gap():
    square = box(15, 20, 45, 50).float()
    soft = torch.nn.functional.avg_pool2d(square[None], 3, stride=1, padding=1)[0]
    flow = soft * torch.tensor([30.0, 0.0]).view(2, 1, 1)
    frames, _ = warp_picture(painted((square > 0, RED)), clip(flow))
    gap = box(17, 24, 40, 46)
    assert (frames[-1][gap] - GREEN).abs().max() < 0.02


def test_same_inputs_same_bits():
    x, y = grid()
    flow = torch.stack([8 * torch.sin(y / 5), 6 * torch.cos(x / 7)])
    flow += moved(box(20, 20, 50, 50), 20, 5)
    first = warp_picture(noise(), clip(flow))
    again = warp_picture(noise(), clip(flow))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])


@pytest.mark.parametrize("splatting", ["softmax", "average"])
def test_any_motion_gives_finite_colours_in_range(splatting):
    generator = torch.Generator().manual_seed(3)
    for scale in (0.3, 5, 1e4):
        flow = scale * torch.randn(2, HEIGHT, WIDTH, generator=generator)
        frames, filled = warp_picture(noise(), clip(flow, 3), splatting=splatting)
        for values in (frames, filled):
            assert torch.isfinite(values).all()
            assert values.min() >= 0
            assert values.max() <= 1 + 1e-5


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 1), (2, 3)])
def test_tiny_pictures_work(shape):
    picture = torch.rand(*shape, 3)
    flow = torch.full((3, 2, *shape), 0.6)
    flow[0] = 0
    frames, filled = warp_picture(picture, MotionField(flow))
    assert frames.shape == (3, *shape, 3)
    assert torch.isfinite(frames).all()
    assert torch.isfinite(filled).all()


def test_progress_is_told_many_times_a_frame():
    seen = []
    field = clip(moved(box(20, 20, 40, 40), 17, 5), 5)
    warp_picture(noise(), field, on_step=lambda done, total: seen.append((done, total)))
    done = [step for step, _ in seen]
    assert len({total for _, total in seen}) == 1
    assert done == sorted(done)
    assert done[-1] == seen[-1][1]
    assert len(done) > 5 * 5


def test_an_interrupt_goes_through_within_a_frame():
    field = clip(moved(box(20, 20, 40, 40), 17, 5), 3)
    seen = []
    warp_picture(noise(), field, on_step=lambda done, _: seen.append(done))
    for last in range(1, len(seen) + 1):
        calls = []

        def stop(done: int, total: int, calls=calls, last=last) -> None:
            calls.append(done)
            if len(calls) == last:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            warp_picture(noise(), field, on_step=stop)
        assert len(calls) == last


def test_a_clip_without_motion_tells_its_end():
    seen = []
    warp_picture(noise(), clip(torch.zeros(2, 4, 4)), on_step=lambda *step: seen.append(step))
    assert seen[-1][0] == seen[-1][1]


def test_what_is_too_slow_to_be_seen_stays_bit_identical():
    picture, square = noise(), box(20, 20, 40, 40)
    flow = moved(square, 17.3, 5.8)
    frames, _ = warp_picture(picture, clip(flow + moved(~square, 0.02, 0.01)))
    for frame in frames:
        assert torch.equal(frame[:, 70:], picture[:, 70:])
    torch.testing.assert_close(frames, warp_picture(picture, clip(flow))[0])


def test_a_thing_may_travel_far_beyond_where_it_was():
    square = box(2, 2, 12, 12)
    for dx, dy in ((80, 48), (80, 0), (0, 48)):
        frames, _ = warp_picture(painted((square, RED)), clip(moved(square, dx, dy)))
        there = box(4 + dx, 4 + dy, 10 + dx, 10 + dy)
        assert (frames[-1][there] - RED).abs().max() < 1e-4


@pytest.mark.parametrize(
    "options",
    [{}, {"fill": "none"}, {"splatting": "average"}, {"splatting": "average", "fill": "none"}],
)
@pytest.mark.parametrize("around", [0.0, 5.3])
def test_a_large_picture_is_drawn_in_parts_that_do_not_show(options, around, monkeypatch):
    square = torch.nn.functional.avg_pool2d(box(20, 20, 40, 40).float()[None], 3, 1, 1)[0]
    field = clip(moved(square, 17.3, 5.8) + around * (1 - square))
    whole = warp_picture(noise(), field, **options)
    monkeypatch.setattr(splat_strips, "BOUND", 5 * WIDTH)
    monkeypatch.setattr(progress, "LONG", 1)
    for part, expected in zip(warp_picture(noise(), field, **options), whole, strict=True):
        close(part, expected, FLOAT32)


def test_spread_keeps_what_is_known_and_continues_it():
    x, y = grid()
    values = torch.stack([x, y])
    known = ~box(30, 20, 50, 40)
    found = spread(torch.where(known, values, 1e6), known.float())
    assert torch.equal(found[:, known], values[:, known])
    assert (found - values).abs().max() < 12


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"picture": torch.zeros(1, 8, 8, 3)}, r"\(1, 8, 8, 3\).*\[height, width, 3\]"),
        ({"picture": torch.zeros(8, 8, 4)}, r"\(8, 8, 4\)"),
        ({"picture": torch.full((8, 8, 3), torch.nan)}, "picture holds NaN"),
        ({"order": "up"}, "order is 'up'.*auto, motion, depth, none"),
        ({"splatting": "max"}, "splatting is 'max'.*softmax, average"),
        ({"fill": "red"}, "fill is 'red'.*background, none"),
        ({"order": "depth"}, "no depth is connected"),
        ({"depth": torch.zeros(2, 8, 8)}, r"depth is one mask.*\[2, 8, 8\]"),
        ({"depth": torch.full((8, 8), 7.0)}, "depth lies in 0.*7"),
        ({"depth": torch.full((8, 8), torch.nan)}, "depth lies in 0.*nan"),
        ({"region": torch.zeros(3, 8, 8)}, "batch of 3"),
        ({"region": torch.full((8, 8), torch.nan)}, "region's values lie in 0..1"),
    ],
)
def test_errors_say_what_was_wrong(changes, message):
    arguments = {"picture": torch.zeros(8, 8, 3), "field": clip(torch.zeros(2, 8, 8))} | changes
    with pytest.raises(ValueError, match=message):
        warp_picture(**arguments)


@pytest.fixture
def warp_node(host_env):
    from motion_i2v.nodes.warp_preview import MotionI2VWarpPreview

    return MotionI2VWarpPreview


CHOSEN = {"order": "auto", "invert_depth": False, "splatting": "softmax", "fill": "background"}


def test_the_node_gives_the_models_result(warp_node):
    picture, square = noise(), box(20, 20, 40, 40)
    field = clip(moved(square, 20, 3))
    depth = square.float()
    frames, filled, _, new = warp_node.execute(
        picture[None], field, **(CHOSEN | {"invert_depth": True}), depth=1 - depth[None]
    ).result
    expected = warp_picture(picture, field, depth=depth)
    assert torch.equal(frames, expected[0])
    assert torch.equal(filled, expected[1])
    assert torch.equal(new, filled)


def test_the_node_follows_what_is_directed(warp_node):
    picture, square = noise(), box(20, 20, 40, 40)
    field = clip(moved(square, 20, 3), 5)
    options = {**CHOSEN, "temporal_factor": 4}
    whole = warp_node.execute(picture[None], field, **CHOSEN).result
    _, filled, followed, new = warp_node.execute(picture[None], field, **options).result
    assert torch.equal(filled, whole[1])
    for all_frames, latent_frames in ((whole[2], followed), (whole[3], new)):
        assert torch.equal(all_frames[[0, 2]], latent_frames)
    # Without a mask: what the field moves. With one: that part of it.
    torch.testing.assert_close(whole[2][0], square.float())
    directed = square.float()
    directed[:, 30:] = 0
    part = warp_node.execute(picture[None], field, **CHOSEN, directed=directed[None]).result[2]
    assert torch.equal(part[0], directed)
    close(float(part[-1].sum()), float(directed.sum()), RELATIVE)


def test_what_may_not_change_is_not_followed_there(warp_node):
    square = box(20, 20, 40, 40)
    field = clip(moved(square, 20, 3), 3)
    region = torch.ones(1, *square.shape)
    region[..., 45:] = 0
    options = {**CHOSEN, "region": region, "even_size": False}
    followed = warp_node.execute(noise()[None], field, **options).result[2]
    assert not followed[:, :, 45:].any()


def test_latent_frames_need_a_fitting_clip(warp_node):
    with pytest.raises(ValueError, match="4n \\+ 1 of them, but the field has 4"):
        warp_node.execute(noise()[None], clip(torch.zeros(2, 8, 8), 4), **CHOSEN, temporal_factor=4)


def test_the_node_makes_sizes_even_for_video_files(warp_node):
    picture = noise()[:61, :79]
    field = clip(torch.zeros(2, 61, 79), 2)
    frames, filled, *_ = warp_node.execute(picture[None], field, **CHOSEN).result
    assert frames.shape == (2, 60, 78, 3)
    assert filled.shape == (2, 60, 78)
    assert torch.equal(frames[0], picture[:60, :78])
    frames, filled, *_ = warp_node.execute(picture[None], field, **CHOSEN, even_size=False).result
    assert frames.shape == (2, 61, 79, 3)
    assert filled.shape == (2, 61, 79)
