"""What MCDiff is judged by: F's flow, the paper's ablation, growth of errors, drift of looks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ...models.densify.densify import densify
from ...models.host.mcdiff_rollout import Rollout
from ...models.types.motion_field import MotionField
from ...scenes import metrics
from ...scenes.drift import QUANTITIES, drift
from ...scenes.video_distance import PatchFeatures, video_distance
from ..data.sparse_flow import MOVES
from . import baselines, judges
from .judges import CEILING, DENSE, INVERSE, REPEATED, STILL, Rows, Scores, Tables
from .report import AIM, MUST, Judged, Wanted
from .rollouts import Course, RolloutNetworks, frames_of

F_ONLY, DENSIFIED, WARPED = "F", "G on Densify Tracks", "picture warped by F, through the VAE"
ON_TRUE, ON_WARPED, IN_ROLLOUT = "F, on true frames", "F, on warped frames", "F, on G's frames"
FULL, TOLD, SPARSE = "full model: F, then G", "G on true flow", "G from sparse flow alone"
TOGETHER, APART = "end to end", "trained apart"


def _flow_goals(table: str, row: str, what: str) -> list[Wanted]:
    return [
        Wanted(kind, f"F, {what}: {said}, px", table, row, column, other, below=True)
        for kind, said, column, other in (
            (MUST, "driven objects nearer than Densify Tracks'", "driven", DENSE),
            (MUST, "driven objects nearer than no motion's", "driven", STILL),
            (MUST, "all pixels nearer than no motion's", "all", STILL),
            (AIM, "all pixels nearer than Densify Tracks'", "all", DENSE),
        )
    ]


_SPARSE = "full model over sparse flow alone"
WANTED = (
    *_flow_goals("flow", F_ONLY, "one step"),
    *_flow_goals("field", ON_WARPED, "joined steps, no true frames"),
    Wanted(AIM, "full model over frame 0 repeated, dB", "ablation", FULL, "PSNR", REPEATED),
    Wanted(MUST, f"{_SPARSE}, dB", "ablation", FULL, "PSNR", SPARSE),
    Wanted(MUST, f"{_SPARSE}, SSIM", "ablation", FULL, "SSIM", SPARSE),
    Wanted(MUST, "full nearer than sparse, videos", "ablation", FULL, "distance", SPARSE, True),
    Wanted(AIM, "end to end over apart, {}, dB", "drift", TOGETHER, "", APART),
)
JUDGED = Judged(WANTED)


@dataclass(frozen=True)
class StepBench(judges.Workbench[Course]):
    """What is judged, and on what.

    Args:
        scenes: for F and the ablation.
        long: the same or other scenes at a slower pace, for growth and drift.
        ours: the networks in question.
        sparse: G of the ablation; None: it is not there.
        apart: networks trained without end to end; None: they are not there.
    """

    long: list[Course]
    ours: RolloutNetworks
    sparse: RolloutNetworks | None = None
    apart: RolloutNetworks | None = None

    @property
    def codec(self) -> baselines.Codec:
        """The VAE for pictures."""
        return self.ours.vae

    def drawn(self, course: Course) -> Rollout:
        """The full model's rollout; kept once computed."""
        key = "drawn", course.seed, course.frames
        return self.once(key, lambda: self.ours.drawn(course))

    def on_warped(self, course: Course) -> MotionField:
        """F's joined field of one of `scenes`, without its true frames; kept once computed."""
        key = "warped", course.seed
        return self.once(key, lambda: self.ours.accumulated(course, warped=True))

    def videos(self, course: Course) -> dict[str, Callable[[], Tensor]]:
        """What makes videos [F, 3, H, W] of a course, with the networks that are there."""
        ours, sparse, apart, picture = self.ours, self.sparse, self.apart, course.picture
        made: dict[str, Callable[[], Tensor]] = {
            REPEATED: lambda: baselines.repeated(self.codec, picture, course.frames),
            CEILING: lambda: baselines.through(self.codec, course.steps.frames),
        }
        if ours.completer is not None:
            made[WARPED] = lambda: baselines.warped(self.codec, picture, self.on_warped(course))
        if sparse is not None:
            made[SPARSE] = lambda: frames_of(sparse.sparse(course))
        if ours.model is not None:
            made[DENSIFIED] = lambda: frames_of(ours.along(course, self.dense(course)))
            if ours.completer is not None:
                made[FULL] = lambda: frames_of(self.drawn(course))
            made[TOLD] = lambda: frames_of(ours.told(course))
        if apart is not None:
            made[APART] = lambda: frames_of(apart.drawn(course))
        return made

    @cached_property
    def long_videos(self) -> dict[str, list[Tensor]]:
        """The long videos [F, 3, H, W] of `growth` and `drift`, a list over scenes for each row."""
        kept: dict[str, list[Tensor]] = {}
        for course in self.over("long rollouts", self.long):
            makers = self.videos(course)
            for name in (REPEATED, CEILING, TOLD, FULL, APART):
                if name in makers:
                    kept.setdefault(name, []).append(makers[name]())
        return kept


@JUDGED.by_scene("flow", "F, single steps")
def judge_flow(bench: StepBench, course: Course) -> Rows:
    """F, one step at a time: end-point error, px."""
    flows = step_flows(bench, course)
    return {name: step_scores(flow, course) for name, flow in flows.items()}


def step_flows(bench: StepBench, course: Course) -> dict[str, Tensor]:
    """The flow [F - 1, 2, H, W] px of all steps, each from the true frame, by everything judged."""
    flows = {name: torch.zeros_like(course.steps.flow) for name in (STILL, INVERSE, DENSE)}
    for i in range(course.frames - 1):
        tracks = course.momentary(i)
        # Where no point is left, nothing moves.
        if tracks.count:
            flows[INVERSE][i] = baselines.inverse_distance(tracks).flow[1]
            flows[DENSE][i] = densify(tracks, tracks.size, course.frame(i)[0]).flow[1]
    if bench.ours.completer is not None:
        made = [bench.ours.flow(course, i) for i in range(course.frames - 1)]
        flows[F_ONLY] = torch.stack(made)
    return flows


def step_scores(flow: Tensor, course: Course) -> Scores:
    """Errors of neighbour flow [F - 1, 2, H, W] in px, each a mean over pixels of all steps.

    "driven" are the objects with a moving point, "moving" and "resting" all pixels that move by
    more, or less, than MOVES; "points" those that are drawn to move, "pins" those that rest.
    """
    truth = course.steps.flow
    error = metrics.end_point_error(flow, truth)
    moving = torch.linalg.vector_norm(truth, dim=1) > MOVES
    points, drawn = course.tracks.points, course.tracks.points.diff(dim=0)
    read = [metrics.at_points(flow[i : i + 1], points[i]) for i in range(course.frames - 1)]
    said = torch.cat(read).movedim(1, 2)
    at_points = torch.linalg.vector_norm(said - drawn, dim=2)
    inside = course.inside(points[:-1])
    return {
        "all": metrics.mean_of(error),
        "driven": metrics.mean_of(error[course.driven_steps]),
        "moving": metrics.mean_of(error[moving]),
        "resting": metrics.mean_of(error[~moving]),
        "points": metrics.mean_of(at_points[inside & course.leaving]),
        "pins": metrics.mean_of(at_points[inside & ~course.leaving]),
    }


@JUDGED.by_scene("flow", "F, joined steps", "field")
def judge_joined(bench: StepBench, course: Course) -> Rows:
    """F, the steps joined to a field: end-point error over the reference, px."""
    fields, ours = bench.fields(course), bench.ours
    if ours.completer is not None:
        fields[ON_TRUE] = ours.accumulated(course)
        fields[ON_WARPED] = bench.on_warped(course)
        if ours.model is not None:
            fields[IN_ROLLOUT] = bench.drawn(course).field
    seen = course.driven & course.clip.visible
    rows = {}
    for name, made in fields.items():
        error = metrics.end_point_error(made.flow, course.clip.flow)
        scores = judges.judge_field(made.flow, course)
        kept = {key: scores[key] for key in ("all", "driven", "points", "pins")}
        rows[name] = {**kept, "driven, visible": metrics.mean_where(error, seen)}
    return rows


@JUDGED.whole("ablation")
def judge_ablation(bench: StepBench) -> Tables:
    """The paper's ablation, rollouts: dB, SSIM, distance of the videos, change along true motion
    (of 255)."""
    # The distance is that of all videos from the true ones, without the frame that is given.
    made = [
        {name: make() for name, make in bench.videos(course).items() if name != APART}
        for course in bench.over("ablation", bench.scenes)
    ]
    rows = judges.mean_rows(
        [
            {name: _video_scores(video, course) for name, video in videos.items()}
            for videos, course in zip(made, bench.scenes, strict=True)
        ]
    )
    truth = [course.steps.frames[1:] for course in bench.scenes]
    features = PatchFeatures(truth)
    for name, scores in rows.items():
        given = [videos[name][1:] for videos in made]
        scores["distance"] = video_distance(given, truth, features)
    return {"ablation": rows}


def _video_scores(video: Tensor, course: Course) -> Scores:
    scores = judges.judge_video(video, course)
    # Over the driven objects, in the frames between the first and the last.
    error = (video - course.steps.frames).square().mean(1)[1:-1][course.driven_steps[1:]]
    return {
        "PSNR": scores["PSNR all"],
        "PSNR driven": metrics.decibels(metrics.mean_of(error)),
        "SSIM": scores["SSIM all"],
        "flicker": scores["flicker"],
    }


@JUDGED.whole("growth")
def judge_growth(bench: StepBench) -> Tables:
    """Growth of errors over a long rollout: PSNR of single frames, dB."""
    return {"growth": _frame_rows(bench, (REPEATED, CEILING, TOLD, FULL))}


@JUDGED.whole(
    "drift",
    colour="Drift of the mean colour from frame 0, of 255",
    contrast="Drift of the contrast from frame 0, percent",
    sharpness="Drift of the sharpness from frame 0, percent",
)
def judge_drift(bench: StepBench) -> Tables:
    """With and without end to end, the same rollouts: PSNR of single frames, dB."""
    looks = {
        name: [_look(video, bench.ours.vae) for video in bench.long_videos[name]]
        for name in (CEILING, FULL, APART)
        if name in bench.long_videos
    }
    tables = {"drift": _frame_rows(bench, (FULL, APART))}
    for quantity in QUANTITIES:
        tables[quantity] = {
            name: judges.means([frame_scores(look[quantity]) for look in each])
            for name, each in looks.items()
        }
    renamed = {FULL: TOGETHER, CEILING: f"truth, {CEILING}"}
    return {
        key: {renamed.get(name, name): scores for name, scores in rows.items()}
        for key, rows in tables.items()
    }


def _look(video: Tensor, vae: baselines.Codec) -> dict[str, Tensor]:
    """The drift from frame 0 as the VAE shows it: its loss is not the rollout's."""
    return drift(torch.cat([baselines.through(vae, video[:1]), video[1:]]))


def _frame_rows(bench: StepBench, names: tuple[str, ...]) -> Rows:
    rows: Rows = {}
    for name in names:
        if name not in bench.long_videos:
            continue
        scores = []
        for video, course in zip(bench.long_videos[name], bench.long, strict=True):
            error = (video - course.steps.frames).square().mean((1, 2, 3)).tolist()
            scores.append(frame_scores(torch.tensor([metrics.decibels(each) for each in error])))
        rows[name] = judges.means(scores)
        rows[name]["dB per doubling"] = per_doubling(rows[name])
    return rows


def listed(frames: int) -> list[int]:
    """The frames that tables tell of: 1, 2, 4 and so on, and the last."""
    return [2**k for k in range(frames.bit_length()) if 2**k < frames - 1] + [frames - 1]


def frame_scores(values: Tensor) -> Scores:
    """Values [F] of single frames, of the listed ones."""
    return {f"frame {number}": float(values[number]) for number in listed(len(values))}


def per_doubling(scores: Scores) -> float:
    """The slope of `frame_scores` over the logarithm of the frame, for each doubling of it."""
    numbers = [int(name.removeprefix("frame ")) for name in scores]
    if len(numbers) < 2:
        return math.nan
    return metrics.slope([math.log2(number) for number in numbers], list(scores.values()))
