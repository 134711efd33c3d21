"""MCDiff's evaluation: the distance of videos, drift, what perfect and narrow networks get."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from motion_i2v.models.types.tracks import Tracks
from motion_i2v.scenes import drift
from motion_i2v.scenes import video_distance as vd
from motion_i2v.scenes.photographs import Photographs
from motion_i2v.training.commands import command
from motion_i2v.training.data.scenes import render
from motion_i2v.training.judging import report
from scipy import linalg

from tests.tolerances import DECOMPOSED, FLOAT32, HUNDREDS, RELATIVE, RELATIVE64, SOLVED, close

SIZE = (64, 48)


def videos(count: int = 4, frames: int = 5) -> list[torch.Tensor]:
    photographs, times = Photographs("held_out"), np.linspace(0, 1, frames).tolist()
    return [render(10**9 + i, SIZE, times, photographs).frames for i in range(count)]


@pytest.fixture(scope="module")
def truth() -> list[torch.Tensor]:
    return videos()


def random_gaussian(seed: int, dims: int = 5) -> vd.Gaussian:
    random = np.random.default_rng(seed)
    root = random.normal(size=(dims, dims))
    return vd.Gaussian(torch.tensor(random.normal(size=dims)), torch.tensor(root @ root.T))


def test_the_distance_of_gaussians_is_the_published_one():
    for seed in range(3):
        a, b = random_gaussian(seed), random_gaussian(10 + seed)
        both = linalg.sqrtm(a.covariance.numpy() @ b.covariance.numpy()).real
        expected = float((a.mean - b.mean).square().sum()) + np.trace(
            a.covariance.numpy() + b.covariance.numpy() - 2 * both
        )
        close(vd.frechet(a, b), expected, RELATIVE64)
        close(vd.frechet(b, a), expected, RELATIVE64)
        close(vd.frechet(a, a), 0, DECOMPOSED)


def test_the_distance_of_independent_components_is_that_of_their_deviations():
    a = vd.Gaussian(torch.zeros(3).double(), torch.diag(torch.tensor([1.0, 4.0, 0.0]).double()))
    b = vd.Gaussian(torch.ones(3).double(), torch.diag(torch.tensor([9.0, 4.0, 1.0]).double()))
    assert vd.frechet(a, b) == pytest.approx(3 + (1 - 3) ** 2 + 0 + 1)


def test_a_gaussian_is_fitted_to_features():
    random = np.random.default_rng(0)
    features = torch.tensor(random.normal(size=(500, 3)) @ random.normal(size=(3, 3)) + 5)
    made = vd.gaussian(features)
    torch.testing.assert_close(made.mean, features.mean(0))
    torch.testing.assert_close(made.covariance, torch.cov(features.T, correction=0))


def test_patches_are_all_pieces_of_space_and_time():
    video = torch.arange(6 * 3 * 16 * 12).view(6, 3, 16, 12).float()
    made = vd.patches(video)
    assert made.shape == (2 * 3 * 2, 3 * vd.DEPTH * vd.SIDE**2)
    pieces = {tuple(piece.tolist()) for piece in made}
    for start, top, left in ((0, 0, 0), (2, 8, 4), (2, 4, 0)):
        piece = video[start : start + 4, :, top : top + 8, left : left + 8]
        assert tuple(piece.movedim(1, 0).flatten().tolist()) in pieces
    assert vd.patches(video[:2]).shape == (1 * 3 * 2, 3 * 2 * vd.SIDE**2)
    with pytest.raises(ValueError, match="8 x 8 pixels; this video has 6 of 4 x 16"):
        vd.patches(video[..., :4])


def test_equal_sets_have_no_distance_and_their_order_does_not_count(truth):
    close(vd.video_distance(truth, truth), 0, DECOMPOSED)
    noisy = [video + 0.1 * torch.rand(video.shape) for video in truth]
    there, back = vd.video_distance(noisy, truth), vd.video_distance(noisy[::-1], truth[::-1])
    close(there, back, RELATIVE)
    close(vd.video_distance(truth[::-1], truth), 0, DECOMPOSED)


def test_features_of_the_true_videos_are_independent_and_of_one_size(truth):
    features = vd.PatchFeatures(truth, components=8)
    own = features.of(truth)
    close(own.mean, torch.zeros(8).double(), DECOMPOSED)
    close(own.covariance, torch.eye(8).double(), FLOAT32)


def blurred(video: torch.Tensor, times: int) -> torch.Tensor:
    for _ in range(times):
        padded = torch.nn.functional.pad(video, (1, 1, 1, 1), mode="replicate")
        video = torch.nn.functional.avg_pool2d(padded, 3, stride=1)
    return video


def test_the_distance_grows_with_blur_noise_and_slowness(truth):
    def distances(sets):
        features = vd.PatchFeatures(truth)
        return [vd.video_distance(each, truth, features) for each in sets]

    generator = torch.Generator().manual_seed(0)
    noises = [torch.randn(video.shape, generator=generator) for video in truth]
    series = [
        [[blurred(video, times) for video in truth] for times in (0, 1, 2, 4)],
        [
            [video + size * noise for video, noise in zip(truth, noises, strict=True)]
            for size in (0, 0.05, 0.1, 0.2)
        ],
        [
            [video[indices] for video in truth]
            for indices in ([0, 1, 2, 3, 4], [0, 1, 1, 2, 2], [0, 0, 0, 0, 0])
        ],
    ]
    for sets in series:
        made = distances(sets)
        assert made == sorted(made)
        assert made[0] < 1e-6 < 0.01 < made[1] < made[-1] / 2


def test_videos_that_cannot_be_compared(truth):
    with pytest.raises(ValueError, match=r"one number of frames are compared, not of \[4, 5\]"):
        vd.video_distance([video[1:] for video in truth], truth)
    with pytest.raises(ValueError, match="at least one video"):
        vd.PatchFeatures([])
    with pytest.raises(ValueError, match="without any contrast"):
        vd.PatchFeatures([torch.ones(3, 3, 16, 16)])


def test_drift_tells_colour_contrast_and_sharpness_apart(truth):
    first = truth[0][0] * 0.5 + 0.2
    none, brighter, flatter, softer = range(4)
    middle = first.mean((1, 2), keepdim=True)
    frames = [first, first + 0.1, middle + 0.5 * (first - middle), blurred(first[None], 2)[0]]
    made = drift.drift(torch.stack(frames))
    assert made["colour"][none] == made["contrast"][none] == made["sharpness"][none] == 0
    close(float(made["colour"][brighter]), 25.5, RELATIVE)
    close(float(made["contrast"][brighter]), 0, SOLVED)
    close(float(made["colour"][flatter]), 0, SOLVED)
    close(float(made["contrast"][flatter]), -50, SOLVED)
    close(float(made["sharpness"][flatter]), -50, SOLVED)
    assert float(made["sharpness"][softer]) < -30 < float(made["contrast"][softer])
    assert bool(drift.drift(torch.ones(2, 3, 8, 8))["contrast"].isnan().all())


def test_frames_of_a_table_double_and_end_with_the_last(host_env):
    from motion_i2v.training.judging import mcdiff_judges as judges

    assert judges.listed(32) == [1, 2, 4, 8, 16, 31]
    assert judges.listed(33) == [1, 2, 4, 8, 16, 32]
    assert judges.listed(3) == [1, 2]
    assert judges.listed(2) == [1]
    falling = judges.frame_scores(
        torch.tensor([math.inf] + [30 - math.log2(i) for i in range(1, 8)])
    )
    assert list(falling) == ["frame 1", "frame 2", "frame 4", "frame 7"]
    assert judges.per_doubling(falling) == pytest.approx(-1)


def course(frames: int = 4):
    from motion_i2v.training.judging import rollouts

    return rollouts.courses(1, frames, SIZE, 0)[0]


def test_a_course_is_one_scene_in_both_views(host_env):
    made = course()
    clip = made.clip
    torch.testing.assert_close(made.steps.frames, clip.frames)
    close(made.steps.flow[0], clip.flow[1], HUNDREDS)
    assert torch.equal(made.driven_steps[0], made.driven)
    assert made.driven_steps.shape == made.steps.objects.shape
    assert made.frame(2).shape == (1, 48, 64, 3)


def test_points_outside_or_on_top_of_others_are_not_given_to_densify(host_env):

    made = course(3)
    moves = torch.tensor([[0.0, 0.0], [3.0, 0.0], [6.0, 0.0]])[:, None]
    starts = torch.tensor([[10.0, 10.0], [10.5, 10.0], [-3.0, 5.0], [63.0, 40.0]])
    tracks = Tracks(starts + moves, torch.ones(3, 4, dtype=torch.bool), SIZE)
    there = replace(made, tracks=tracks)
    torch.testing.assert_close(there.momentary(0).points[0], starts[[0, 3]])
    torch.testing.assert_close(there.momentary(1).points[0], starts[[0, 2]] + moves[1])
    assert there.momentary(1).frames == 2


def test_scores_of_true_flow_and_of_none(host_env):
    from motion_i2v.training.judging.mcdiff_judges import step_scores

    made = course()
    best = step_scores(made.steps.flow, made)
    assert best["all"] == best["driven"] == best["moving"] == best["resting"] == 0
    none = step_scores(torch.zeros_like(made.steps.flow), made)
    length = torch.linalg.vector_norm(made.steps.flow, dim=1)
    close(none["driven"], float(length[made.driven_steps].mean()), RELATIVE)
    assert none["moving"] > 0.25 >= none["resting"]
    drawn = made.tracks.points.diff(dim=0).norm(dim=2)[:, made.leaving]
    close(none["points"], float(drawn.mean()), RELATIVE)


def run(*words: str) -> int:
    args, module = command.parse(["evaluate-mcdiff", *words])
    return module.run(args)


@pytest.fixture
def files(host_env, tmp_path):
    """Narrow MCDiff files and a narrow image VAE."""
    from tests.narrow_mcdiff import write_mcdiff
    from tests.small_files import write_part

    (tmp_path / "vae").mkdir()
    return {
        "model": write_mcdiff(tmp_path / "model.safetensors"),
        "sparse": write_mcdiff(tmp_path / "sparse.safetensors", seed=2, halves=("future_frame",)),
        "apart": write_mcdiff(tmp_path / "apart.safetensors", seed=4),
        "completion": write_mcdiff(tmp_path / "f.safetensors", halves=("flow_completion",)),
        "vae": write_part(tmp_path / "vae", "image_vae"),
    }


TINY = ("--scenes", "1", "--size", "64", "48", "--frames", "3", "--long", "4", "--steps", "1")


def test_all_parts_are_judged_the_same_each_time(files, tmp_path, capsys):
    json_file, results = tmp_path / "figures.json", []
    given = [f"--{name}={files[name]}" for name in ("model", "sparse", "apart")]
    words = (*given, f"--image-vae={files['vae']}", *TINY, f"--json={json_file}")
    for _ in range(2):
        assert run(*words) == 0
        results.append(json_file.read_bytes())
    assert results[0] == results[1]
    made = json.loads(results[0])
    assert made["left_out"] == []
    tables = made["tables"]
    assert list(tables) == [
        *("flow", "field", "ablation", "growth", "drift", "colour", "contrast", "sharpness")
    ]
    assert {"F", "no motion", "inverse distance", "Densify Tracks"} == tables["flow"].keys()
    rows = tables["ablation"]
    different = {rows[name]["PSNR"] for name in rows}
    assert len(rows) == len(different) == 7
    assert all(row["distance"] >= 0 for row in rows.values())
    assert tables["growth"].keys() >= {"full model: F, then G", "G on true flow", "VAE ceiling"}
    assert list(tables["growth"]["VAE ceiling"]) == [
        *("frame 1", "frame 2", "frame 3", "dB per doubling")
    ]
    assert tables["drift"]["end to end"] != tables["drift"]["trained apart"]
    assert len(made["goals"]) == 13
    printed = capsys.readouterr().out
    assert "Left out" not in printed
    assert "| G from sparse flow alone" in printed


def test_what_is_not_there_is_left_out_and_said_so(files, capsys):
    words = (f"--model={files['completion']}", f"--image-vae={files['vae']}", *TINY)
    assert run(*words) == 0
    printed = capsys.readouterr().out
    assert f"{files['completion']} holds no future frame" in printed
    assert "--sparse" in printed
    assert "--apart" in printed
    assert "| F, on warped frames" in printed
    assert "| full model" not in printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--scenes", "0"), "--scenes is 0; give at least 1"),
        (("--long", "2"), "--long is 2; give at least 3"),
        (("--size", "100", "64"), "multiples of 8"),
        (("--model", "/nowhere"), "no file /nowhere: name another with --model"),
        (("--image-vae", "/nowhere"), "no file /nowhere: name another with --image-vae"),
    ],
)
def test_options_that_cannot_be(host_env, tmp_path, words, message):
    model = tmp_path / "model.safetensors"
    model.write_bytes(b"")
    with pytest.raises(ValueError, match=message):
        run("--model", str(model), *words)


def test_files_that_lack_what_they_are_there_for(files):
    given = (f"--image-vae={files['vae']}", *TINY)
    whole = f"--model={files['model']}"
    with pytest.raises(ValueError, match="holds no future frame, which it is there for"):
        run(whole, f"--sparse={files['completion']}", *given)
    with pytest.raises(ValueError, match="holds not both"):
        run(whole, f"--apart={files['sparse']}", *given)


def test_goals_are_those_of_the_issue(host_env):
    from motion_i2v.training.judging import mcdiff_judges as judges

    def rows(*names: str, **scores: float):
        return {name: dict(scores) for name in names}

    names = ("F", "no motion", "Densify Tracks")
    tables = {"flow": rows(*names, driven=2.0, all=1.0)}
    tables["flow"]["F"]["driven"] = 1.0
    made = {goal.what: goal.reached for goal in judges.JUDGED.goals(tables)}
    assert made == {
        "F, one step: driven objects nearer than Densify Tracks', px": True,
        "F, one step: driven objects nearer than no motion's, px": True,
        "F, one step: all pixels nearer than no motion's, px": False,
        "F, one step: all pixels nearer than Densify Tracks', px": False,
    }
    ablation = rows(judges.FULL, judges.SPARSE, judges.REPEATED, PSNR=18.0, SSIM=0.5, distance=3.0)
    ablation[judges.FULL] = {"PSNR": 19.5, "SSIM": 0.6, "distance": 2.0}
    goals = judges.JUDGED.goals({"ablation": ablation})
    assert [goal.kind for goal in goals] == [report.MUST] * 3 + [report.AIM]
    assert all(goal.reached for goal in goals)
