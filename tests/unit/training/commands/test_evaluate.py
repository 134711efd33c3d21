"""The evaluation: what is drawn on scenes, what perfect and useless networks get, the command."""

import argparse
import json
import math

import pytest
import torch
from motion_i2v.models.types.motion_field import MotionField
from motion_i2v.training.commands import evaluate
from motion_i2v.training.data.clip import TrainingClip
from motion_i2v.training.judging import evaluation, judges, report, trials

from tests.tolerances import ACCUMULATED, RELATIVE, close

H, W, F = 48, 64, 4


def clip(*moves: tuple[float, float], camera: tuple[float, float] = (0, 0)) -> TrainingClip:
    """Squares of 16 px that end so far away, before a background that does, too."""
    objects = torch.zeros(H, W, dtype=torch.int64)
    flow = torch.zeros(F, 2, H, W)
    time = torch.linspace(0, 1, F).view(F, 1, 1, 1)
    flow += time * torch.tensor(camera, dtype=torch.float32).view(1, 2, 1, 1)
    for number, move in enumerate(moves, start=1):
        objects[16:32, 20 * number - 16 : 20 * number] = number
        where = (objects == number).expand(F, 2, H, W)
        shift = time * torch.tensor(move).view(1, 2, 1, 1)
        flow = torch.where(where, shift, flow)
    frames = torch.rand(F, 3, H, W, generator=torch.Generator().manual_seed(1))
    visible = torch.ones(F, H, W, dtype=torch.bool)
    strides = torch.linspace(0, 120, F)[1:]
    return TrainingClip(frames, flow, visible, objects, strides, "a square moves")


def test_points_are_drawn_on_what_moves_and_their_tracks_are_true():
    scene = clip((9.0, 3.0), (0.5, 0.0), (-6.0, 6.0))
    for seed in range(20):
        trial = trials.draw(scene, seed)
        assert trial is not None
        assert 2 <= trial.tracks.count <= 4
        starts = trial.tracks.points[0].long()
        owners = scene.objects[starts[:, 1], starts[:, 0]]
        assert {1, 3} <= set(owners.tolist()) <= {0, 1, 3}
        assert torch.equal(trial.driven, (scene.objects == 1) | (scene.objects == 3))
        true = scene.flow[:, :, starts[:, 1], starts[:, 0]]
        torch.testing.assert_close(trial.drawn, true)
        assert torch.equal(trial.leaving, owners > 0)
        apart = torch.pdist(starts.float())
        assert float(apart.min()) >= trials.APART


def test_a_resting_background_gets_pins_and_a_moving_one_does_not():
    pins = [trials.draw(clip((9.0, 3.0)), seed).leaving.tolist() for seed in range(20)]
    assert 4 < sum(False in each for each in pins) < 16
    panned = [trials.draw(clip((9.0, 3.0), camera=(1, 0)), seed) for seed in range(20)]
    assert all(bool(trial.leaving.all()) for trial in panned)


def test_scenes_without_motion_are_passed_over():
    assert trials.draw(clip((0.5, 0.0)), 0) is None
    seen = []

    def render(seed: int) -> TrainingClip:
        seen.append(seed)
        return clip((9.0, 0.0)) if seed % 2 else clip()

    assert len(trials.trials(render, 3)) == 3
    assert seen == [trials.HELD_OUT + i for i in range(6)]


def displacements(tracks):
    return (tracks.points - tracks.points[:1]).movedim(2, 1)


def test_a_stretched_drawing_goes_so_many_times_as_far():
    trial = trials.draw(clip((9.0, 3.0)), 0)
    drawn = trial.stretched(1.5)
    torch.testing.assert_close(drawn.points[0], trial.tracks.points[0])
    torch.testing.assert_close(displacements(drawn), 1.5 * trial.drawn)


def test_the_brush_covers_driven_objects_and_a_little_more():
    trial = trials.draw(clip((9.0, 3.0)), 0)
    assert bool((trial.brush[trial.driven] == 1).all())
    rows, columns = torch.nonzero(trial.brush).unbind(1)
    assert (int(rows.min()), int(rows.max())) == (16 - trials.BRUSH, 31 + trials.BRUSH)
    assert int(columns.max()) == 19 + trials.BRUSH


def test_scores_of_the_true_field_and_of_none():
    trial = trials.draw(clip((8.0, 6.0)), 1)
    best = judges.judge_field(trial.clip.flow, trial)
    assert best["all"] == best["driven"] == 0
    close(best["points"], 0, ACCUMULATED)
    assert best["points PCK 1"] == best["driven PCK 8"] == 1
    none = judges.judge_field(torch.zeros_like(trial.clip.flow), trial)
    # 10 px at the end, so 10/3, 20/3 and 10 px in the three frames.
    close(none["driven"], 20 / 3, RELATIVE)
    close(none["points"], 20 / 3, RELATIVE)
    assert none["points PCK 4"] == pytest.approx(1 / 3)
    close(none["all"], 20 / 3 * 256 / (H * W), RELATIVE)


def test_motion_outside_the_brush_is_counted_there_only():
    trial = trials.draw(clip((9.0, 0.0)), 1)
    flow = trial.clip.flow.clone()
    flow[1:, 0, -1] = 4
    outside = int((trial.brush == 0).sum())
    scores = judges.judge_brush(flow, trial)
    assert scores["outside"] == pytest.approx(4 * W / outside)
    assert scores["inside"] == pytest.approx(6)


def test_a_video_with_too_few_uncovered_pixels_has_no_figure_on_them():
    trial = trials.draw(clip((9.0, 0.0)), 1)
    scores = judges.judge_video(trial.clip.frames, trial)
    assert scores["PSNR all"] == scores["PSNR uncovered"] == math.inf
    assert scores["SSIM all"] == 1
    trial = trials.draw(clip((0.0, 2.0), (9.0, 0.0)), 1)
    trial.uncovered[:] = False
    trial.uncovered[1, 0, : judges.ENOUGH - 1] = True
    scores = judges.judge_video(1 - trial.clip.frames, trial)
    assert math.isnan(scores["PSNR uncovered"])
    assert scores["PSNR visible"] == scores["PSNR all"]


class Codec:
    """Keeps everything."""

    def encode(self, pictures):
        return torch.nn.functional.pixel_unshuffle(pictures.movedim(-1, 1), 8)

    def decode(self, latents):
        return torch.nn.functional.pixel_shuffle(latents, 8).movedim(1, -1)


class Networks:
    """Does everything right, or never moves anything and paints noise."""

    def __init__(self, right: bool) -> None:
        self.right, self.vae = right, Codec()

    def coded(self, trial):
        return trial.field

    def field(self, trial, tracks=None, region=None):
        if not self.right:
            return MotionField(torch.zeros_like(trial.clip.flow))
        longer = displacements(tracks)[-1].norm() / trial.drawn[-1].norm()
        return MotionField(longer * trial.clip.flow)

    def video(self, trial, field):
        if self.right and torch.equal(field.flow, trial.clip.flow):
            return trial.clip.frames
        return 1 - trial.clip.frames


def tables(networks) -> report.Tables:
    scenes = [trials.draw(clip((9.0, 0.0)), 1), trials.draw(clip((0.0, -9.0)), 2)]
    fields = [trial.field for trial in scenes]
    pictures = torch.cat([trial.clip.frames for trial in scenes])
    linear = evaluation.LinearCodecs.fitted(pictures, fields)
    bench = evaluation.Bench(scenes, pictures, linear, networks)
    return evaluation.JUDGED.tables(bench, list(evaluation.JUDGED.parts))


def test_perfect_networks_reach_every_goal_and_useless_ones_none_but_the_vae():
    goals = evaluation.JUDGED.goals(tables(Networks(right=True)))
    assert len(goals) == 10
    # On these clips of noise nothing can be filled, so both are endlessly good or bad.
    assert [goal.what for goal in goals if not goal.reached] == []
    bad = evaluation.JUDGED.goals(tables(Networks(right=False)))
    reached = [goal.what for goal in bad if goal.reached]
    assert len(bad) == 10
    assert len(reached) == 1
    assert "image VAE" in reached[0]


def test_without_networks_there_are_tables_and_no_goals():
    made = tables(None)
    assert evaluation.JUDGED.goals(made) == []
    text = "\n".join(report.lines(made, evaluation.JUDGED.titles, []))
    assert "small model" not in text
    assert "Densify Tracks" in text


def test_a_goal_that_cannot_be_told_is_not_reached():
    goal = report.Goal(report.MUST, "something", math.nan, 1.0)
    assert not goal.reached
    assert goal.line().endswith("not known |")


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    return parser.parse_args(words)


def test_the_command_prints_tables_and_writes_json(tmp_path, capsys):
    file = tmp_path / "figures.json"
    words = ("--baselines-only", "--stage1", "--vae", "--scenes", "1", "--crops", "2")
    small = ("--size", "64", "48", "--frames", "3", "--json", str(file))
    assert evaluate.run(arguments(*words, *small)) == 0
    printed = capsys.readouterr().out
    assert "| Densify Tracks" in printed
    assert "frame 0 repeated" not in printed
    figures = json.loads(file.read_text())
    assert figures["tables"]["stage1"]["Densify Tracks"]["points"] < 0.01
    assert figures["goals"] == []
    first = file.read_bytes()
    assert evaluate.run(arguments(*words, *small)) == 0
    assert file.read_bytes() == first


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--scenes", "0"), "--scenes is 0; give at least 1"),
        (("--size", "100", "64"), "multiples of 8"),
        (("--frames", "1"), "at least 2"),
        (("--model", "/nowhere"), "no small model in /nowhere"),
    ],
)
def test_options_that_cannot_be(words, message):
    rest = () if "--scenes" in words else ("--scenes", "1")
    with pytest.raises(ValueError, match=message):
        evaluate.run(arguments(*words, *rest, "--crops", "1"))


TINY = ("--scenes", "1", "--crops", "1", "--size", "64", "48", "--frames", "3", "--steps", "1")


def test_a_whole_small_model_is_judged(host_env, tmp_path, capsys):
    from tests.small_files import write_small_model

    folder, file = write_small_model(tmp_path / "small"), tmp_path / "figures.json"
    assert evaluate.run(arguments("--model", str(folder), *TINY, "--json", str(file))) == 0
    figures = json.loads(file.read_bytes())
    assert len(figures["goals"]) == 10
    rows = figures["tables"]["stage2"]
    assert rows["small model, right field"] != rows["small model, zero field"]
    assert "small model, both stages" in figures["tables"]["chain"]


def test_what_a_training_has_written_so_far_is_judged_the_same_each_time(
    host_env, tmp_path, capsys
):
    from tests.small_files import FILES, write_part

    for kind in ("image_vae", "flow_vae", "stage1_unet", "stage1_controlnet"):
        files = tmp_path / ("whole" if kind.startswith("stage1") else kind) / "files"
        files.mkdir(parents=True, exist_ok=True)
        write_part(files, kind).rename(files / f"{kind}.safetensors")
    file, results = tmp_path / "figures.json", []
    here = ("--model", str(tmp_path), "--json", str(file))
    for _ in range(2):
        assert evaluate.run(arguments(*here, *TINY, "--stage1")) == 0
        results.append(file.read_bytes())
    assert results[0] == results[1]
    assert "| small model" in capsys.readouterr().out
    with pytest.raises(ValueError, match=f"no {FILES['sd15_unet']}"):
        evaluate.run(arguments(*here, *TINY, "--stage2"))
