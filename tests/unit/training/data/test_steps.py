"""What MCDiff learns from: exact and annotated motion between neighbours, and strokes on it."""

import logging
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.tolerances import HUNDREDS, close

pytest.importorskip("accelerate", reason="pip install -r requirements-train.txt")
pytest.importorskip("skimage", reason="its photographs are used")

from motion_i2v.models.fields.neighbour_flow import advance
from motion_i2v.models.types.motion_field import MotionField
from motion_i2v.scenes.photographs import Photographs
from motion_i2v.training.data import field_cache, keypoint_flow
from motion_i2v.training.data.clip_plans import StepOptions
from motion_i2v.training.data.keypoint_flow import Correction, annotated, corrected, followed
from motion_i2v.training.data.scenes import render, render_steps
from motion_i2v.training.data.sparse_flow import Sampling, keypoints, sparse_flow
from motion_i2v.training.data.step_clips import SteadySteps, SyntheticSteps, step_clip
from motion_i2v.training.data.step_folder import (
    StepFields,
    StepFolder,
    steps_of,
)
from motion_i2v.training.data.video_fields import TrackerSettings
from motion_i2v.training.data.videos import VideoError, probe

from tests.video_files import sliding, write_video

SIZE = (64, 48)
TIMES = (0.0, 0.3, 0.5, 0.6)


@pytest.fixture(scope="module")
def photographs() -> Photographs:
    return Photographs("held_out")


@pytest.fixture(scope="module")
def slide(tmp_path_factory) -> Path:
    return write_video(tmp_path_factory.mktemp("slide") / "slide.mp4", sliding(16), crf="12")


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


def inner(objects: torch.Tensor, margin: int = 5) -> torch.Tensor:
    """Where all pixels around show the same thing."""
    labels, square = objects.numpy().astype(np.float32), np.ones((margin, margin))
    return torch.from_numpy(cv2.dilate(labels, square) == cv2.erode(labels, square))


class TestSteps:
    @pytest.mark.parametrize("seed", range(4))
    def test_the_flow_leads_to_what_a_frame_shows(self, photographs, seed):
        steps = render_steps(seed, (96, 96), TIMES, photographs)
        x, y = np.meshgrid(np.arange(96, dtype=np.float32), np.arange(96, dtype=np.float32))
        for i in range(2):
            u, v = steps.flow[i].numpy()
            to = (x + u, y + v)
            after = steps.frames[i + 1].permute(1, 2, 0).numpy()
            back = cv2.remap(after, *to, cv2.INTER_LINEAR)
            column, row = (np.rint(side).clip(0, 95).astype(int) for side in to)
            inside = (to[0] >= 0) & (to[0] <= 95) & (to[1] >= 0) & (to[1] <= 95)
            same = (
                inner(steps.objects[i + 1]).numpy()[row, column] & inner(steps.objects[i]).numpy()
            )
            same &= steps.objects[i + 1].numpy()[row, column] == steps.objects[i].numpy()
            error = np.abs(back - steps.frames[i].permute(1, 2, 0).numpy()).mean(axis=2)
            rest = np.abs(after - steps.frames[i].permute(1, 2, 0).numpy()).mean(axis=2)
            assert error[same & inside].mean() < max(0.012, 0.4 * rest[same & inside].mean())

    @pytest.mark.parametrize("seed", range(4))
    def test_neighbours_add_up_to_the_motion_from_the_first_frame(self, photographs, seed):
        clip = render(seed, SIZE, TIMES, photographs)
        steps = render_steps(seed, SIZE, TIMES, photographs)
        assert torch.equal(steps.frames, clip.frames)
        close(steps.flow[0], clip.flow[1], HUNDREDS)
        for i in (1, 2):
            known = MotionField(clip.flow[: i + 1], clip.visible[: i + 1].float())
            further = advance(known, steps.flow[i]).flow[i + 1]
            error = (further - clip.flow[i + 1]).norm(dim=0)
            # Between two layers a flow is that of neither.
            sure = clip.visible[i] & inner(clip.objects, 9)
            assert sure.float().mean() > 0.2
            assert error[sure].median() < 1e-4
            assert (error[sure] < 1e-3).float().mean() > 0.9

    def test_times_out_of_bounds_are_refused(self, photographs):
        for times in ((0.0,), (0.2, 0.1), (-0.1, 0.5), (0.5, 1.1)):
            with pytest.raises(ValueError, match=r"rise in 0\.\.1"):
                render_steps(0, SIZE, times, photographs)

    def test_a_pace_is_steady_and_within_its_bounds(self):
        steady = SteadySteps(4, (0.05, 0.9))
        for seed in range(20):
            times = steady(np.random.default_rng(seed))
            gaps = np.diff(times)
            assert np.allclose(gaps, gaps[0])
            assert 0.05 - 1e-9 <= gaps[0] <= 1 / 3 + 1e-9
            assert 0 <= times[0] < times[-1] <= 1

    def test_a_seed_and_a_step_alone_decide_a_batch(self, photographs):
        make = SyntheticSteps(photographs, 4, sizes=(SIZE, (48, 64)), frames=3, pictures=4)
        batch = make(7)
        assert batch["frames"].shape[:3] == (2, 3, 3)
        assert batch["flow"].shape[:3] == batch["drawn"].shape[:3] == (2, 2, 2)
        assert batch["known"].shape[:3] == (2, 2, 1)
        for other in (make(7), make(7, 0, 1)):
            assert all(torch.equal(batch[name], other[name]) for name in batch)
        for other in (make(8), make(7, 1, 2), replace(make, seed=5)(7)):
            assert not torch.equal(batch["frames"].flatten()[:99], other["frames"].flatten()[:99])
        where = batch["known"].bool().expand_as(batch["drawn"])
        assert where.any()
        assert not batch["drawn"][~where].any()


class TestStrokes:
    HALVES = torch.stack([torch.ones(8, 16), torch.zeros(8, 16)])
    ONE = Sampling((1, 1), 0, each=0, anywhere=1, nothing=0, half_size=(0, 0))
    """One stroke of one pixel."""

    def draw(self, flow, sampling, count=200, corners=None, objects=None, seed=0):
        generator = torch.Generator().manual_seed(seed)
        corners = torch.empty(0, 2, dtype=torch.long) if corners is None else corners
        return [sparse_flow(flow, corners, generator, objects, sampling) for _ in range(count)]

    def test_what_moves_farther_is_drawn_more_often(self):
        flow = self.HALVES.clone()
        flow[0, :, 8:] = 6
        known = torch.cat([one.known for one in self.draw(flow, self.ONE, 400)]).mean(0)
        left, right = known[:, :8].sum(), known[:, 8:].sum()
        assert left + right == pytest.approx(1)
        assert 3.5 < right / left < 10

    def test_drawings_tell_the_flow_that_is_there(self):
        flow = torch.randn(2, 8, 16)
        for one in self.draw(flow, replace(self.ONE, strokes=(3, 5), background=2), 20):
            assert 1 <= one.known.sum() <= 7
            assert torch.equal(one.flow, flow * one.known)

    def test_keypoints_are_drawn_at_where_there_are_any(self):
        corners = torch.tensor([[3, 2], [9, 7]])
        known = torch.cat(
            [
                one.known
                for one in self.draw(self.HALVES, replace(self.ONE, anywhere=0), 30, corners)
            ]
        )
        assert set(map(tuple, known.sum(0).nonzero().tolist())) == {(2, 3), (7, 9)}
        (one,) = self.draw(self.HALVES, replace(self.ONE, anywhere=0), 1)
        assert one.known.sum() == 1

    def test_the_background_gets_some(self):
        flow = self.HALVES.clone()
        flow[0, :, :10] = 0
        drawn = self.draw(flow, replace(self.ONE, background=2), 60)
        resting = [int(one.known[0, :, :10].sum()) for one in drawn]
        assert set(resting) == {0, 1, 2}
        assert all(one.known[0, :, 10:].sum() <= 1 for one in drawn)

    def test_each_thing_that_moves_gets_one_where_things_are_known(self):
        objects = torch.zeros(8, 16, dtype=torch.long)
        objects[:, 4:8], objects[:, 8:] = 1, 2
        flow = torch.zeros(2, 8, 16)
        flow[1, objects == 1], flow[0, objects == 2] = 2, 1
        for one in self.draw(flow, replace(self.ONE, each=1), 20, objects=objects):
            known = one.known[0].bool()
            assert known[objects == 1].any()
            assert known[objects == 2].any()
        unknown = self.draw(flow, replace(self.ONE, each=1), 20, objects=torch.zeros_like(objects))
        assert all(one.known.sum() == 1 for one in unknown)

    def test_nothing_many_and_sizes_are_as_asked(self):
        (none,) = self.draw(self.HALVES, replace(self.ONE, nothing=1), 1)
        assert not none.known.any()
        most = max(
            int(one.known.sum()) for one in self.draw(self.HALVES, replace(self.ONE, many=1))
        )
        assert most > 25
        sizes = {
            int(one.known.sum())
            for one in self.draw(torch.ones(2, 40, 40), replace(self.ONE, half_size=(1, 2)), 40)
        }
        assert {9, 25} <= sizes

    def test_a_generator_decides(self):
        first, again = (self.draw(self.HALVES, Sampling(), 5, seed=3) for _ in range(2))
        assert all(torch.equal(a.known, b.known) for a, b in zip(first, again, strict=True))
        other = self.draw(self.HALVES, Sampling(), 5, seed=4)
        assert any(not torch.equal(a.known, b.known) for a, b in zip(first, other, strict=True))


def patch_moves(shift=(3.25, -1.5), side=(96, 80)) -> tuple[np.ndarray, np.ndarray, torch.Tensor]:
    """Two uint8 pictures in which a textured patch moves before a resting one, and the flow."""
    random = np.random.default_rng(0)

    def texture():
        noise = cv2.GaussianBlur(random.integers(0, 256, (*side[::-1], 3), np.uint8), (0, 0), 1.5)
        return cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX)

    back, front = texture(), texture()
    cover = np.zeros(side[::-1], np.float32)
    cover[25:55, 30:65] = 1
    matrix = np.float32([[1, 0, shift[0]], [0, 1, shift[1]]])
    moved, moved_cover = (cv2.warpAffine(part, matrix, side) for part in (front, cover))
    before = np.where(cover[..., None] > 0, front, back)
    after = np.rint(moved * moved_cover[..., None] + back * (1 - moved_cover[..., None]))
    flow = torch.from_numpy(cover) * torch.tensor(shift).view(2, 1, 1)
    return before, after.astype(np.uint8), flow


class TestKeypoints:
    def test_they_mend_flow_near_them_where_it_moves(self):
        before, after, truth = patch_moves()
        dense = 0.6 * truth
        flow, points = annotated(before, after, dense)
        changed = (flow != dense).any(dim=0)
        moving = truth.norm(dim=0) > 0
        assert not changed[~moving].any()
        assert torch.equal(flow[:, ~changed], dense[:, ~changed])
        assert 0.1 < changed[moving].float().mean() < 1
        error, worse = ((made - truth).norm(dim=0)[changed].mean() for made in (flow, dense))
        assert error < 0.15
        assert worse > 1
        assert len(points) > 20
        on_patch = moving[points[:, 1], points[:, 0]]
        assert changed[points[on_patch, 1], points[on_patch, 0]].float().mean() > 0.9

    def test_they_may_be_followed_in_larger_pictures(self):
        before, after, truth = patch_moves((6.5, -3), (192, 160))
        truth = truth[:, ::2, ::2] / 2
        flow, points = annotated(before, after, 0.6 * truth)
        assert points[:, 0].max() < 96
        changed = (flow != 0.6 * truth).any(dim=0)
        assert changed.any()
        assert (flow - truth).norm(dim=0)[changed].mean() < 0.15

    def test_without_any_nothing_changes(self):
        grey = np.full((40, 56, 3), 90, np.uint8)
        dense = torch.randn(2, 40, 56)
        flow, points = annotated(grey, grey, dense)
        assert torch.equal(flow, dense)
        assert points.shape == (0, 2)
        assert keypoints(torch.full((3, 40, 56), 0.5)).shape == (0, 2)

    def test_those_that_are_lost_are_left_out(self):
        before, after, _ = patch_moves()
        other, _, _ = patch_moves(side=(96, 80))
        points = keypoints(torch.from_numpy(before).permute(2, 0, 1) / 255).float()
        _, good = followed(before, after, points)
        assert good.float().mean() > 0.7
        _, good = followed(before, np.ascontiguousarray(other[::-1, ::-1]), points)
        assert good.float().mean() < 0.3

    def test_the_nearest_counts_and_one_that_rests_does_not(self):
        dense = torch.ones(2, 9, 16)
        dense[:, :3] = 0
        points = torch.tensor([[4, 4], [7, 4], [13, 4], [12, 8]])
        moved = torch.tensor([[2.0, 0], [0, 2], [0.1, 0], [5, 5]])
        flow = corrected(dense, points, moved, Correction(radius=2, contradiction=1))
        assert flow[:, 4, 2:10].T.tolist() == [[2, 0]] * 4 + [[0, 2]] * 4
        # A disc, and no pixel that rests.
        assert flow[:, 3, 5].tolist() == [2, 0]
        assert flow[:, 2, 4].tolist() == [0, 0]
        assert flow[:, 3, 2].tolist() == [1, 1]
        assert flow[:, 4, 13].tolist() == [1, 1]
        assert flow[:, 8, 12].tolist() == [5, 5]

    def test_one_that_contradicts_the_flow_is_left_out(self):
        dense, points = torch.full((2, 5, 9), 2.0), torch.tensor([[2, 2], [6, 2]])
        flow = corrected(dense, points, torch.tensor([[3.0, 3], [-2, 2]]))
        assert flow[:, 2, 2].tolist() == [3, 3]
        assert flow[:, 2, 6].tolist() == [2, 2]

    @pytest.mark.parametrize("bad", [float("nan"), float("inf")])
    def test_what_is_no_number_is_refused(self, bad):
        dense, points, moved = torch.ones(2, 5, 5), torch.tensor([[2, 2]]), torch.ones(1, 2)
        with pytest.raises(ValueError, match="motion of the keypoints holds"):
            corrected(dense, points, moved * bad)
        with pytest.raises(ValueError, match="dense flow holds"):
            corrected(dense * bad, points, moved)
        with pytest.raises(ValueError, match="radius is at least 0, not"):
            Correction(radius=-1)
        with pytest.raises(ValueError, match="moving is at least 0, not nan"):
            Correction(moving=float("nan"))

    def test_scenes_know_theirs(self, photographs):
        clip = step_clip(1, SIZE, TIMES, photographs)
        assert len(clip.keypoints) == 3
        assert all(len(points) for points in clip.keypoints)


class TestFolder:
    OPTIONS = StepOptions(SIZE, 3, (1, 3))

    def folder(self, slide, cache, **changes) -> StepFolder:
        fields = StepFields(cache, TrackerSettings("fast"))
        return StepFolder([slide], fields, self.OPTIONS, clips_per_video=2, batch=2, **changes)

    def test_clips_follow_the_video(self, slide, cache):
        folder = self.folder(slide, cache)
        plans = [self.OPTIONS.plan(probe(slide), number) for number in range(2)]
        for index in range(4):
            clip = folder[index]
            assert clip.frames.shape == (3, 3, 48, 64)
            assert clip.flow.shape == (2, 2, 48, 64)
            assert clip.objects.shape == (2, 48, 64)
            # 96x64 is cropped to 85x64 and shrunk to 64x48: 2 px a frame become 1.5.
            paces = [1.5 * plan.strides[0] for plan in plans]
            for flow, points in zip(clip.flow, clip.keypoints, strict=True):
                middle = flow[:, 12:36, 12:44].flatten(1).median(dim=1).values.tolist()
                assert min(abs(middle[0] - pace) for pace in paces) < 0.2
                assert abs(middle[1]) < 0.2
                assert len(points) > 5

    def test_batches_have_strokes_and_a_step_decides_them(self, slide, cache):
        make = self.folder(slide, cache).make_batch
        batch, again = make(3, 0, 1), make(3, 0, 1)
        assert batch["frames"].shape == (2, 3, 3, 48, 64)
        assert batch["known"].any()
        assert all(torch.equal(batch[name], again[name]) for name in batch)
        assert not torch.equal(batch["known"], make(4, 0, 1)["known"])

    def test_each_step_is_tracked_once_and_a_damaged_file_is_told(
        self, slide, cache, monkeypatch, caplog
    ):
        video = probe(slide)
        plan, kept = StepFields(cache, TrackerSettings("fast")).usable(video, 0, self.OPTIONS)
        monkeypatch.setattr(field_cache, "extract", None)
        fields = StepFields(cache, TrackerSettings("fast"))
        _, again = fields.usable(video, 0, self.OPTIONS)
        assert torch.equal(kept.flow, again.flow)
        monkeypatch.undo()
        path = fields.store.path(fields.key(video, steps_of(plan)[1]))
        path.write_bytes(path.read_bytes()[:-50])
        with caplog.at_level(logging.WARNING):
            _, mended = fields.usable(video, 0, self.OPTIONS)
        assert f"{path} is damaged and is made again" in caplog.text
        assert torch.equal(kept.flow, mended.flow)

    def test_steps_join_up(self, slide):
        plan = self.OPTIONS.plan(probe(slide), 1)
        first, second = steps_of(plan)
        assert (first.start, first.strides) == (plan.start, plan.strides[:1])
        assert second.start == plan.start + plan.strides[0]
        assert second.start + second.strides[0] == plan.start + plan.strides[1]

    def test_plans_lie_in_the_video_at_any_pace(self, slide):
        video = probe(slide)
        options = StepOptions(SIZE, 4, (1, 12))
        plans = [options.plan(video, number) for number in range(30)]
        assert all(plan.start + plan.strides[-1] < 16 for plan in plans)
        assert {plan.strides[0] for plan in plans} == {1, 2, 3, 4, 5}
        later = [options.plan(video, 3, attempt).strides[0] for attempt in range(8)]
        assert sorted(later, reverse=True) == later
        assert later[-1] == 1
        with pytest.raises(VideoError, match="16 frames, but 19 are needed"):
            StepOptions(SIZE, 4, (6, 9)).plan(video, 0)

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"paces": (0, 3)}, "not 0 to 3"),
            ({"paces": (4, 3)}, "not 4 to 3"),
            ({"frames": 1}, "2 frames at least, not 1"),
            ({"size": (60, 64)}, "60x64"),
        ],
    )
    def test_impossible_options_are_refused(self, given, said):
        with pytest.raises(ValueError, match=said):
            StepOptions(**{"size": SIZE, **given})

    def test_broken_videos_are_told_or_left_out(self, slide, cache, tmp_path, caplog):
        broken = tmp_path / "broken.mp4"
        broken.write_bytes(b"no video")
        folder = self.folder(slide, cache)
        folder.videos = [broken]
        with pytest.raises(VideoError, match=r"broken\.mp4.*--skip-broken"):
            folder[0]
        folder = self.folder(slide, cache, skip_broken=True)
        folder.videos = [broken, slide]
        assert all(folder[index].flow.any() for index in range(4))
        assert caplog.text.count("skipped") == 1


def test_correction_is_what_the_folder_uses():
    assert StepFolder([], None, None).correction == keypoint_flow.USUAL
