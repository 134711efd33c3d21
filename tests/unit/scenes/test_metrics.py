"""Metrics on cases that can be worked out by hand."""

import math

import pytest
import torch
from motion_i2v.models.types.motion_field import still
from motion_i2v.models.types.tracks import Tracks
from motion_i2v.scenes import metrics
from motion_i2v.training.judging import baselines

from tests.tolerances import FLOAT64, HUNDREDS, close

D = torch.float64


def field(frames: int, x: float, y: float, height: int = 16, width: int = 24) -> torch.Tensor:
    """Everything moves by (x, y) a frame."""
    step = torch.tensor([x, y], dtype=D).view(1, 2, 1, 1)
    time = torch.arange(frames, dtype=D).view(-1, 1, 1, 1)
    return (step * time).expand(frames, 2, height, width).clone()


def test_the_end_point_error_is_a_distance_and_frame_0_does_not_count():
    error = metrics.end_point_error(field(3, 3, 4), field(3, 0, 0))
    assert error.shape == (3, 16, 24)
    assert metrics.mean_where(error) == pytest.approx((5 + 10) / 2)


def test_a_mean_takes_a_mask_of_all_frames_or_of_each():
    values = torch.arange(12, dtype=D).view(3, 2, 2)  # frames 1 and 2: 4..7 and 8..11
    left = torch.tensor([[True, False], [True, False]])
    assert metrics.mean_where(values, left) == (4 + 6 + 8 + 10) / 4
    single = torch.zeros(3, 2, 2, dtype=torch.bool)
    single[0] = True
    single[2, 1, 1] = True
    assert metrics.mean_where(values, single) == 11
    assert math.isnan(metrics.mean_where(values, torch.zeros(2, 2, dtype=torch.bool)))


def test_a_mean_over_clips_leaves_out_what_is_not_known():
    assert metrics.mean([1.0, math.nan, 3.0]) == 2
    assert math.isnan(metrics.mean([math.nan]))


def test_correct_within_counts_the_border():
    error = torch.tensor([[9.0, 9.0], [0.5, 1.0], [1.5, 4.0]], dtype=D)
    assert metrics.correct_within(error, 1) == 0.5
    assert metrics.correct_within(error, 4) == 1
    assert metrics.correct_within(error, 1, torch.tensor([True, False])) == 0.5


def test_motion_is_the_mean_length():
    flow = field(2, 0, 0)
    flow[1, :, :8] = torch.tensor([3.0, 4.0], dtype=D).view(2, 1, 1)
    assert metrics.motion(flow) == 2.5
    outside = torch.ones(16, 24, dtype=torch.bool)
    outside[:8] = False
    assert metrics.motion(flow, outside) == 0


def test_a_field_is_read_between_pixels_and_goes_on_outside():
    flow = torch.zeros(2, 2, 4, 5, dtype=D)
    flow[1, 0] = torch.arange(5, dtype=D)
    flow[1, 1] = 10 * torch.arange(4, dtype=D)[:, None]
    points = torch.tensor([[0, 0], [2, 3], [1.25, 0.5], [-3, 9]], dtype=D)
    read = metrics.at_points(flow, points)
    assert read.shape == (2, 2, 4)
    expected = torch.tensor([[0, 2, 1.25, 0], [0, 30, 5, 30]], dtype=D)
    torch.testing.assert_close(read[1], expected)


def test_along_is_the_part_of_the_drawn_length():
    drawn = torch.zeros(2, 2, 3, dtype=D)
    drawn[1] = torch.tensor([[10, 0, 0.5], [0, 20, 0]], dtype=D)
    moved = torch.zeros_like(drawn)
    moved[1] = torch.tensor([[5, 7, 9], [99, 20, 9]], dtype=D)
    assert metrics.along(moved, drawn) == pytest.approx((0.5 + 1) / 2)
    assert math.isnan(metrics.along(moved, torch.zeros_like(drawn)))


def test_slope():
    assert metrics.slope([0.5, 1, 1.5], [2.0, 3.0, 4.0]) == pytest.approx(2)
    assert metrics.slope([0.5, 1, 1.5], [1.0, 1.0, 1.0]) == 0
    assert metrics.slope([0, 1, 2], [0, 2, 1]) == pytest.approx(0.5)


def test_psnr_of_a_tenth_is_20_dB_and_masks_choose():
    truth = torch.full((3, 3, 8, 8), 0.5, dtype=D)
    frames = truth.clone()
    frames[0] = 0
    frames[1:, :, :4] += 0.1
    frames[1:, :, 4:] -= 0.01
    top = torch.zeros(8, 8, dtype=torch.bool)
    top[:4] = True
    assert metrics.psnr(frames, truth, top) == pytest.approx(20)
    assert metrics.psnr(frames, truth, ~top) == pytest.approx(40)
    assert metrics.psnr(frames, truth) == pytest.approx(-10 * math.log10((0.01 + 0.0001) / 2))
    assert metrics.psnr(truth, truth) == math.inf
    assert math.isnan(metrics.psnr(frames, truth, torch.zeros(8, 8, dtype=torch.bool)))


def test_ssim_of_two_plain_pictures_is_the_luminance_term():
    a, b = torch.full((1, 3, 16, 16), 0.4, dtype=D), torch.full((1, 3, 16, 16), 0.6, dtype=D)
    expected = (2 * 0.4 * 0.6 + 0.01**2) / (0.4**2 + 0.6**2 + 0.01**2)
    similarity = metrics.ssim_map(a, b)
    assert similarity.shape == (1, 16, 16)
    torch.testing.assert_close(similarity, torch.full_like(similarity, expected))
    torch.testing.assert_close(metrics.ssim_map(a, a), torch.ones(1, 16, 16, dtype=D))


def test_what_a_pan_uncovers():
    flow = field(3, 4, 0)
    column = torch.arange(24)
    visible = torch.stack([column + 4 * f < 24 for f in range(3)])[:, None].expand(3, 16, 24)
    new = metrics.newly_uncovered(flow, visible)
    for frame in range(3):
        assert bool((new[frame] == (column < 4 * frame)).all())


def test_covered_pixels_uncover_their_place_even_where_something_hidden_would_land():
    flow = field(2, 0, 0)
    visible = torch.ones(2, 16, 24, dtype=torch.bool)
    visible[1, 4:6, 7:9] = False
    new = metrics.newly_uncovered(flow, visible)
    assert torch.equal(new[1], ~visible[1])
    assert not bool(new[0].any())


def test_a_stretch_by_less_than_half_uncovers_nothing_inside():
    flow = torch.zeros(2, 2, 16, 24, dtype=D)
    flow[1, 0] = 0.45 * (torch.arange(24) - 11.5)
    flow[1, 1] = 0.45 * (torch.arange(16)[:, None] - 7.5)
    new = metrics.newly_uncovered(flow, torch.ones(2, 16, 24, dtype=torch.bool))
    assert not bool(new.any())


def test_followed_reads_where_pixels_have_gone():
    frames = torch.arange(24, dtype=D).expand(2, 1, 16, 24)
    seen = metrics.followed(frames, field(2, 2.5, 0))
    torch.testing.assert_close(seen[1, 0, :, :20], frames[1, 0, :, :20] + 2.5)
    torch.testing.assert_close(seen[0], frames[0])


def test_a_video_that_moves_as_the_field_says_does_not_flicker_and_a_still_one_does():
    ramp = torch.arange(24, dtype=D) / 32
    moving = torch.stack([(ramp - 2 * f / 32).expand(3, 16, 24) for f in range(3)])
    still_one = ramp.expand(3, 3, 16, 24)
    flow = field(3, 2, 0)
    visible = torch.stack([torch.arange(24) + 2 * f < 24 for f in range(3)])
    visible = visible[:, None].expand(3, 16, 24)
    close(metrics.flicker(moving, flow, visible), 0, FLOAT64)
    assert metrics.flicker(still_one, flow, visible) == pytest.approx(2 / 32)


def test_the_block_codec_is_exact_where_its_components_suffice():
    random = torch.Generator().manual_seed(3)
    patterns = torch.rand(3, 8, 8, 2, generator=random)
    weights = torch.rand(2, 2, 3, 3, generator=random)  # clip, row, column of blocks, pattern
    pictures = torch.einsum("brck,kyxd->brycxd", weights, patterns).reshape(2, 16, 24, 2)
    codec = baselines.BlockCodec(pictures, components=3)
    latents = codec.encode(pictures)
    assert latents.shape == (2, 3, 2, 3)
    torch.testing.assert_close(codec.decode(latents), pictures)


def drawn(*displacements: tuple[float, float]) -> Tracks:
    starts = torch.tensor([[4.0, 4.0], [19.0, 11.0]])[: len(displacements)]
    points = torch.stack([starts, starts + torch.tensor(displacements)])
    return Tracks(points, torch.ones(points.shape[:2], dtype=torch.bool), (24, 16))


def test_inverse_distance_is_exact_at_starts_and_constant_for_one_point():
    flow = baselines.inverse_distance(drawn((3, 0), (0, -5))).flow
    close(flow[1, :, 4, 4], torch.tensor([3.0, 0.0]), HUNDREDS)
    close(flow[1, :, 11, 19], torch.tensor([0.0, -5.0]), HUNDREDS)
    alone = baselines.inverse_distance(drawn((3, 1))).flow
    torch.testing.assert_close(alone[1], torch.tensor([3.0, 1]).view(2, 1, 1).expand(2, 16, 24))


class Nothing:
    """A codec of 8 x 8 cells that keeps everything."""

    def encode(self, pictures):
        return torch.nn.functional.pixel_unshuffle(pictures.movedim(-1, 1), 8)

    def decode(self, latents):
        return torch.nn.functional.pixel_shuffle(latents, 8).movedim(1, -1)


def test_videos_without_motion_repeat_the_picture():
    picture = torch.rand(3, 32, 40, generator=torch.Generator().manual_seed(1))
    expected = picture.expand(3, 3, 32, 40)
    for video in (
        baselines.repeated(Nothing(), picture, 3),
        baselines.splatted(Nothing(), picture, still(3, (40, 32))),
        baselines.warped(Nothing(), picture, still(3, (40, 32))),
    ):
        torch.testing.assert_close(video, expected)


def test_a_latent_moves_by_whole_cells_and_its_holes_keep_the_picture():
    picture = torch.rand(3, 16, 32, generator=torch.Generator().manual_seed(1))
    motion = still(2, (32, 16))
    motion.flow[1, 0] = 8.0
    video = baselines.splatted(Nothing(), picture, motion)
    torch.testing.assert_close(video[1, :, :, 8:], picture[:, :, :-8])
    torch.testing.assert_close(video[1, :, :, :8], picture[:, :, :8])
