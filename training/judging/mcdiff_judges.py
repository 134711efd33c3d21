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
from ...models.types.motion_field import MotionField, still
from ...models.types.tracks import Tracks
from ...scenes import metrics
from ..data.sparse_flow import MOVES
from . import baselines
from .drift import QUANTITIES, drift
from .evaluation import DENSE, INVERSE
from .judges import Scores, Workbench, judge_field, judge_video, mean_rows, means
from .report import AIM, MUST, Judged, Rows, Tables, Wanted
from .rollouts import Course, RolloutNetworks, frames_of
from .video_distance import PatchFeatures, video_distance

F_ONLY, STILL = "F", "no motion"
ON_TRUE, ON_WARPED, IN_ROLLOUT = "F, on true frames", "F, on warped frames", "F, on G's frames"
FULL, TOLD, SPARSE = "full model: F, then G", "G on true flow", "G from sparse flow alone"
DENSIFIED = "G on Densify Tracks"
REPEATED, WARPED = "frame 0 repeated, through the VAE", "picture warped by F, through the VAE"
CEILING = "VAE ceiling"
TOGETHER, APART = "end to end", "trained apart"


@dataclass(frozen=True)
class StepBench(Workbench):
    """What is judged, and on what.

    Args:
        short: for F and the ablation.
        long: the same or other scenes at a slower pace, for growth and drift.
        ours: the networks in question.
        sparse: G of the ablation; None: it is not there.
        apart: networks trained without end to end; None: they are not there.
    """

    short: list[Course]
    long: list[Course]
    ours: RolloutNetworks
    sparse: RolloutNetworks | None = None
    apart: RolloutNetworks | None = None

    def drawn(self, course: Course) -> Rollout:
        """The full model's rollout of one of `short`."""
        return self.once(("drawn", course.trial.seed), lambda: self.ours.drawn(course))

    def on_warped(self, course: Course) -> MotionField:
        """F's joined field of one of `short`, without its true frames."""
        key = "warped", course.trial.seed
        return self.once(key, lambda: self.ours.accumulated(course, warped=True))

    def dense(self, course: Course) -> MotionField:
        """What Densify Tracks makes of the drawing of one of `short`."""
        trial, picture = course.trial, course.frame(0)[0]
        return self.once(("dense", trial.seed), lambda: densify(trial.tracks, trial.size, picture))

    @cached_property
    def long_videos(self) -> dict[str, list[Tensor]]:
        """The long videos [F, 3, H, W] of `growth` and `drift`, a list over scenes for each row."""
        ours, apart = self.ours, self.apart
        made: dict[str, list[Tensor]] = {}
        for course in self.over("long rollouts", self.long):
            videos = _baselines(ours, course)
            if ours.model is not None:
                videos[TOLD] = frames_of(ours.told(course))
            if ours.model is not None and ours.completer is not None:
                videos[FULL] = frames_of(ours.drawn(course))
            if apart is not None:
                videos[APART] = frames_of(apart.drawn(course))
            for name, video in videos.items():
                made.setdefault(name, []).append(video)
        return made


def judge_flow(bench: StepBench) -> Tables:
    """F's flow of single steps and of all of them, beside what needs no network."""
    steps: list[Rows] = []
    fields: list[Rows] = []
    for course in bench.over("F", bench.short):
        flows = step_flows(bench, course)
        steps.append({name: step_scores(flow, course) for name, flow in flows.items()})
        fields.append(_field_rows(bench, course))
    return {"flow": mean_rows(steps), "field": mean_rows(fields)}


def step_flows(bench: StepBench, course: Course) -> dict[str, Tensor]:
    """The flow [F - 1, 2, H, W] px of all steps, each from the true frame, by everything judged."""
    numbers = range(course.frames - 1)
    flows = {
        STILL: torch.zeros_like(course.steps.flow),
        INVERSE: torch.stack([_spread(course, i, baselines.inverse_distance) for i in numbers]),
        DENSE: torch.stack([_densified(course, i) for i in numbers]),
    }
    if bench.ours.completer is not None:
        flows[F_ONLY] = torch.stack([bench.ours.flow(course, i) for i in numbers])
    return flows


def _spread(course: Course, step: int, spread: Callable[[Tracks], MotionField]) -> Tensor:
    """A step's flow by a function of two-frame tracks; where no point is left, nothing moves."""
    tracks = course.momentary(step)
    return spread(tracks).flow[1] if tracks.count else torch.zeros_like(course.steps.flow[0])


def _densified(course: Course, step: int) -> Tensor:
    picture = course.frame(step)[0]
    return _spread(course, step, lambda tracks: densify(tracks, tracks.size, picture))


def step_scores(flow: Tensor, course: Course) -> Scores:
    """Errors of neighbour flow [F - 1, 2, H, W] in px, each a mean over pixels of all steps.

    "driven" are the objects with a moving point, "moving" and "resting" all pixels that move by
    more, or less, than MOVES; "points" those that are drawn to move, "pins" those that rest.
    """
    truth, trial = course.steps.flow, course.trial
    error = metrics.end_point_error(flow, truth)
    moving = torch.linalg.vector_norm(truth, dim=1) > MOVES
    points, drawn = trial.tracks.points, trial.tracks.points.diff(dim=0)
    read = [metrics.at_points(flow[i : i + 1], points[i]) for i in range(course.frames - 1)]
    said = torch.cat(read).movedim(1, 2)
    at_points = torch.linalg.vector_norm(said - drawn, dim=2)
    inside = course.inside(points[:-1])
    return {
        "all": _mean(error),
        "driven": _mean(error[course.driven]),
        "moving": _mean(error[moving]),
        "resting": _mean(error[~moving]),
        "points": _mean(at_points[inside & trial.leaving]),
        "pins": _mean(at_points[inside & ~trial.leaving]),
    }


def _field_rows(bench: StepBench, course: Course) -> Rows:
    """Scores of fields over the reference: F's accumulated, and others of the whole tracks."""
    trial, ours = course.trial, bench.ours
    fields = {
        STILL: still(course.frames, trial.size),
        INVERSE: baselines.inverse_distance(trial.tracks),
        DENSE: bench.dense(course),
    }
    if ours.completer is not None:
        fields[ON_TRUE] = ours.accumulated(course)
        fields[ON_WARPED] = bench.on_warped(course)
        if ours.model is not None:
            fields[IN_ROLLOUT] = bench.drawn(course).field
    seen = trial.driven & trial.clip.visible
    rows = {}
    for name, made in fields.items():
        error = metrics.end_point_error(made.flow, trial.clip.flow)
        scores = judge_field(made.flow, trial)
        kept = {key: scores[key] for key in ("all", "driven", "points", "pins")}
        rows[name] = {**kept, "driven, visible": metrics.mean_where(error, seen)}
    return rows


def judge_ablation(bench: StepBench) -> Tables:
    """Rollouts with and without F, beside baselines: means over scenes, and the distance of all
    videos from the true ones (without the frame that is given)."""
    scores: list[Rows] = []
    videos: dict[str, list[Tensor]] = {}
    for course in bench.over("ablation", bench.short):
        made = _ablation_videos(bench, course)
        scores.append({name: _video_scores(video, course) for name, video in made.items()})
        for name, video in made.items():
            videos.setdefault(name, []).append(video[1:])
    rows = mean_rows(scores)
    truth = [course.steps.frames[1:] for course in bench.short]
    features = PatchFeatures(truth)
    for name, each in videos.items():
        rows[name]["distance"] = video_distance(each, truth, features)
    return {"ablation": rows}


def _ablation_videos(bench: StepBench, course: Course) -> dict[str, Tensor]:
    ours, trial = bench.ours, course.trial
    videos = _baselines(ours, course)
    if ours.completer is not None:
        videos[WARPED] = baselines.warped(ours.vae, trial.picture, bench.on_warped(course))
    if bench.sparse is not None:
        videos[SPARSE] = frames_of(bench.sparse.sparse(course))
    if ours.model is not None:
        videos[DENSIFIED] = frames_of(ours.along(course, bench.dense(course)))
        if ours.completer is not None:
            videos[FULL] = frames_of(bench.drawn(course))
        videos[TOLD] = frames_of(ours.told(course))
    return videos


def _baselines(networks: RolloutNetworks, course: Course) -> dict[str, Tensor]:
    frames = course.steps.frames
    return {
        REPEATED: baselines.repeated(networks.vae, frames[0], course.frames),
        CEILING: baselines.through(networks.vae, frames),
    }


def _video_scores(video: Tensor, course: Course) -> Scores:
    scores = judge_video(video, course.trial)
    # Over the driven objects, in the frames between the first and the last.
    error = (video - course.steps.frames).square().mean(1)[1:-1][course.driven[1:]]
    return {
        "PSNR": scores["PSNR all"],
        "PSNR driven": metrics.decibels(_mean(error)),
        "SSIM": scores["SSIM all"],
        "flicker": scores["flicker"],
    }


def judge_growth(bench: StepBench) -> Tables:
    """The PSNR of single frames of long rollouts."""
    return {"growth": _frame_rows(bench, (REPEATED, CEILING, TOLD, FULL))}


def judge_drift(bench: StepBench) -> Tables:
    """The same of networks trained end to end and apart, and what has become of the look."""
    looks = {
        name: [_look(video, bench.ours.vae) for video in bench.long_videos[name]]
        for name in (CEILING, FULL, APART)
        if name in bench.long_videos
    }
    tables = {"drift": _frame_rows(bench, (FULL, APART))}
    for quantity in QUANTITIES:
        tables[quantity] = {
            name: means([frame_scores(look[quantity]) for look in each])
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
        rows[name] = means(scores)
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


def _mean(values: Tensor) -> float:
    return float(values.double().mean()) if values.numel() else math.nan


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
    Wanted(
        *(MUST, "full nearer than sparse, videos", "ablation", FULL, "distance", SPARSE), below=True
    ),
    Wanted(AIM, "end to end over apart, {}, dB", "drift", TOGETHER, "", APART),
)
JUDGED = Judged(
    {
        "flow": (judge_flow,),
        "ablation": (judge_ablation,),
        "growth": (judge_growth,),
        "drift": (judge_drift,),
    },
    {
        "flow": "F, one step at a time: end-point error, px",
        "field": "F, the steps joined to a field: end-point error over the reference, px",
        "ablation": "The paper's ablation, rollouts: dB, SSIM, distance of the videos, change "
        "along true motion (of 255)",
        "growth": "Growth of errors over a long rollout: PSNR of single frames, dB",
        "drift": "With and without end to end, the same rollouts: PSNR of single frames, dB",
        "colour": "Drift of the mean colour from frame 0, of 255",
        "contrast": "Drift of the contrast from frame 0, percent",
        "sharpness": "Drift of the sharpness from frame 0, percent",
    },
    WANTED,
)
