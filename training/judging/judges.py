"""What benches share, scores of one trial's field or video, and their means over trials."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from ...models.densify.densify import densify
from ...models.types.motion_field import MotionField, still
from ...scenes import metrics
from . import baselines
from .trials import Trial

Scores = dict[str, float]
Rows = dict[str, Scores]
Tables = dict[str, Rows]
Scene = TypeVar("Scene", bound=Trial)
Made = TypeVar("Made")

STILL, INVERSE, DENSE = "no motion", "inverse distance", "Densify Tracks"
REPEATED, CEILING = "frame 0 repeated, through the VAE", "VAE ceiling"

WITHIN = (1, 2, 4, 8)
"""Pixels of PCK."""

FACTORS = (0.5, 1.0, 1.5)
"""Lengths of arrows, as parts of the true ones."""

ENOUGH = 64
"""Uncovered pixels that a clip must have for its figure on them to count."""


@dataclass(frozen=True)
class Workbench(Generic[Scene]):
    """What is judged, and on what.

    Args:
        scenes: held-out ones.
        tell: told of progress, a line at a time.
    """

    scenes: list[Scene]
    tell: Callable[[str], None] = field(default=lambda line: None, kw_only=True)
    _kept: dict[Hashable, Any] = field(default_factory=dict, kw_only=True)

    @property
    def codec(self) -> baselines.Codec:
        """The VAE for pictures."""
        raise NotImplementedError

    def dense(self, trial: Trial) -> MotionField:
        """Densify Tracks, as its node does it; kept once computed."""
        key = "dense", trial.seed
        return self.once(key, lambda: densify(trial.tracks, trial.size, trial.pixels))

    def fields(self, trial: Trial) -> dict[str, MotionField]:
        """The fields that need no network."""
        return {
            STILL: still(trial.frames, trial.size),
            INVERSE: baselines.inverse_distance(trial.tracks),
            DENSE: self.dense(trial),
        }

    def repeated(self, trial: Trial) -> Tensor:
        """A trial's picture through the VAE, as a still video; kept once computed."""
        key = "repeated", trial.seed
        make = baselines.repeated
        return self.once(key, lambda: make(self.codec, trial.picture, trial.frames))

    def over(self, what: str, scenes: Sequence[Scene]) -> Iterator[Scene]:
        """The scenes, telling of each."""
        for number, scene in enumerate(scenes, start=1):
            self.tell(f"{what}: {number} of {len(scenes)} scenes")
            yield scene

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What several parts of the evaluation need, kept once made."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]


def mean_rows(scenes: Sequence[Rows]) -> Rows:
    """The means over scenes of tables with the same rows."""
    return {name: means([rows[name] for rows in scenes]) for name in scenes[0]}


def means(scores: list[Scores]) -> Scores:
    """The mean of each score over trials, without those where it is not known."""
    names = dict.fromkeys(name for each in scores for name in each)
    return {name: metrics.mean(each[name] for each in scores if name in each) for name in names}


def judge_field(flow: Tensor, trial: Trial) -> Scores:
    """Errors of a field [F, 2, H, W] over the trial's picture, px, and PCK.

    "points" are those that are drawn to move, "pins" those that rest.
    """
    error = metrics.end_point_error(flow, trial.clip.flow)
    at_points = metrics.end_point_error(
        metrics.at_points(flow, trial.tracks.points[0]), trial.drawn
    )
    scores = {
        "all": metrics.mean_where(error),
        "driven": metrics.mean_where(error, trial.driven),
        "points": metrics.mean_where(at_points, trial.leaving),
        "pins": metrics.mean_where(at_points, ~trial.leaving),
    }
    for name, each, where in (
        ("points", at_points, trial.leaving),
        ("driven", error, trial.driven),
    ):
        for pixels in WITHIN:
            scores[f"{name} PCK {pixels}"] = metrics.correct_within(each, pixels, where)
    return scores


def judge_brush(flow: Tensor, trial: Trial) -> Scores:
    """How far a field moves outside the brush, and whether it still moves inside, px."""
    error = metrics.end_point_error(flow, trial.clip.flow)
    return {
        "outside": metrics.motion(flow, trial.brush == 0),
        "inside": metrics.motion(flow, trial.driven),
        "driven": metrics.mean_where(error, trial.driven),
    }


def judge_lengths(flows: dict[float, Tensor], trial: Trial) -> Scores:
    """How far points go when their arrows are some factors as long, as parts of the true length."""
    start = trial.tracks.points[0]
    parts = {
        factor: metrics.along(metrics.at_points(flow, start), trial.drawn)
        for factor, flow in flows.items()
    }
    scores = {f"at {factor:g}": part for factor, part in parts.items()}
    return {**scores, "slope": metrics.slope(list(parts), list(parts.values()))}


def judge_video(frames: Tensor, trial: Trial) -> Scores:
    """PSNR in dB and SSIM of frames [F, 3, H, W], and how much they flicker."""
    clip, new = trial.clip, trial.uncovered
    if int(new.sum()) < ENOUGH:
        new = torch.zeros_like(new)
    similarity = metrics.ssim_map(frames, clip.frames)
    parts: dict[str, Tensor | None] = {"all": None, "visible": ~new, "uncovered": new}
    scores = {}
    for name, where in parts.items():
        scores[f"PSNR {name}"] = metrics.psnr(frames, clip.frames, where)
    for name, where in parts.items():
        scores[f"SSIM {name}"] = metrics.mean_where(similarity, where)
    scores["flicker"] = 255 * metrics.flicker(frames, clip.flow, clip.visible)
    return scores
