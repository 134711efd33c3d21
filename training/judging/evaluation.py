"""Everything that the small model is judged by, on some trials, next to the baselines."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...models.densify.densify import PathsOutside, densify
from ...models.picture.warp import warp_picture
from ...models.types.motion_field import MotionField, still
from . import baselines, metrics
from .judges import FACTORS, Scores, judge_brush, judge_field, judge_lengths, judge_video, means
from .trials import Trial

if TYPE_CHECKING:
    from .judged_networks import Networks

Rows = dict[str, Scores]

OURS = "small model"
RIGHT, ZERO, OTHER = f"{OURS}, right field", f"{OURS}, zero field", f"{OURS}, another clip's field"
STILL, INVERSE, DENSE, CODEC = "no motion", "inverse distance", "Densify Tracks", "true field coded"
REPEATED, SPLATTED, WARPED, CEILING = (
    "frame 0 repeated, through the VAE",
    "latent of frame 0 splatted",
    "picture warped, holes filled, through the VAE",
    "VAE ceiling",
)
LINEAR = "8x8 blocks, 4 linear components"
CHAIN = f"{OURS}, both stages"
HALF = 0.5
"""Share of the trials for what takes stage 1 several times."""

IGNORE: PathsOutside = "ignore"
FREE, CONTROLLED, MULTIPLIED = "no brush", "brush as control", "brush as control, field multiplied"


@dataclass(frozen=True)
class LinearCodecs:
    """What 4 numbers for each 8x8 block can carry.

    Args:
        pictures: for [B, H, W, 3].
        fields: for the networks' range of fields, [B, H, W, 2].
    """

    pictures: baselines.BlockCodec
    fields: baselines.BlockCodec

    @staticmethod
    def fitted(pictures: Tensor, fields: list[MotionField]) -> LinearCodecs:
        """To training pictures [B, 3, H, W] and fields."""
        flow01 = torch.cat([each.encoded() for each in fields])
        return LinearCodecs(
            baselines.BlockCodec(pictures.movedim(1, -1)),
            baselines.BlockCodec(flow01.movedim(1, -1)),
        )

    def coded(self, field: MotionField) -> MotionField:
        """A field, encoded and decoded."""
        latents = self.fields.encode(field.encoded().movedim(1, -1))
        return MotionField.from_encoded(self.fields.decode(latents).movedim(-1, 1))


@dataclass(frozen=True)
class Bench:
    """What is judged, and on what.

    Args:
        trials: held-out scenes.
        crops: [B, 3, H, W], of held-out photographs.
        linear: codecs without training, which stand in for the VAEs where there are none.
        networks: None: baselines alone.
        tell: told of progress, a line at a time.
    """

    trials: list[Trial]
    crops: Tensor
    linear: LinearCodecs
    networks: Networks | None = None
    tell: Callable[[str], None] = lambda line: None
    _fields: dict[tuple[int, float, bool], Tensor] = field(default_factory=dict)
    _dense: dict[int, MotionField] = field(default_factory=dict)
    _repeated: dict[int, Tensor] = field(default_factory=dict)

    @property
    def codec(self) -> baselines.Codec:
        """The VAE for pictures."""
        return self.networks.vae if self.networks else self.linear.pictures

    def coded(self, trial: Trial) -> MotionField:
        """The true field through the flow VAE."""
        return self.networks.coded(trial) if self.networks else self.linear.coded(trial.field)

    def dense(self, number: int) -> MotionField:
        """Densify Tracks, as its node does it; kept once computed."""
        if number not in self._dense:
            trial = self.trials[number]
            self._dense[number] = densify(trial.tracks, trial.size, pixels(trial))
        return self._dense[number]

    def run(
        self, network: Networks, number: int, factor: float = 1.0, brush: bool = False
    ) -> Tensor:
        """Stage 1's field for a trial, its arrows so many times as long; kept once computed."""
        key = (number, factor, brush)
        if key not in self._fields:
            trial = self.trials[number]
            region = trial.brush if brush else None
            self._fields[key] = network.field(trial, trial.stretched(factor), region).flow
        return self._fields[key]

    def repeated(self, number: int) -> Tensor:
        """A trial's picture through the VAE, as a still video; kept once computed."""
        if number not in self._repeated:
            trial = self.trials[number]
            made = baselines.repeated(self.codec, trial.picture, trial.frames)
            self._repeated[number] = made
        return self._repeated[number]

    def over_trials(
        self, what: str, rows: Callable[[int, Trial], Rows], share: float = 1.0
    ) -> Rows:
        """The means over trials, or the first share of them, of the rows that are made of each."""
        collected: dict[str, list[Scores]] = {}
        kept = self.trials[: math.ceil(share * len(self.trials))]
        for number, trial in enumerate(kept):
            self.tell(f"{what}: {number + 1} of {len(kept)} scenes")
            for name, scores in rows(number, trial).items():
                collected.setdefault(name, []).append(scores)
        return {name: means(scores) for name, scores in collected.items()}


def judge_vae(bench: Bench) -> Rows:
    """The image VAE on held-out crops: means over crops, and the PSNR of the mean error, which
    counts the finest textures most."""
    bench.tell("image VAE")

    def row(codec: baselines.Codec) -> Scores:
        back = baselines.through(codec, bench.crops)
        errors = (back - bench.crops).square().mean((1, 2, 3))
        return {
            "PSNR": metrics.mean(metrics.decibels(error) for error in errors.tolist()),
            "PSNR of the mean error": metrics.decibels(float(errors.mean())),
            "SSIM": float(metrics.ssim_map(back, bench.crops).mean()),
        }

    rows = {LINEAR: row(bench.linear.pictures)}
    return {**rows, OURS: row(bench.networks.vae)} if bench.networks else rows


def judge_flow_vae(bench: Bench) -> Rows:
    """True fields through the flow VAE."""

    def rows(number: int, trial: Trial) -> Rows:
        fields = {STILL: still(trial.frames, trial.size), LINEAR: bench.linear.coded(trial.field)}
        if bench.networks:
            fields[OURS] = bench.coded(trial)
        return {name: judge_field(each.flow, trial) for name, each in fields.items()}

    return bench.over_trials("flow VAE", rows)


def judge_stage1(bench: Bench) -> Rows:
    """Fields from drawn points."""

    def rows(number: int, trial: Trial) -> Rows:
        tracks, size = trial.tracks, trial.size
        flows = {
            STILL: still(trial.frames, size).flow,
            INVERSE: baselines.inverse_distance(tracks).flow,
            DENSE: bench.dense(number).flow,
            CODEC: bench.coded(trial).flow,
        }
        if bench.networks:
            flows[OURS] = bench.run(bench.networks, number)
        return {name: judge_field(flow, trial) for name, flow in flows.items()}

    return bench.over_trials("stage 1", rows)


def judge_leakage(bench: Bench) -> Rows:
    """Motion outside a brush about the driven objects, with and without it."""

    def rows(number: int, trial: Trial) -> Rows:
        inside = densify(
            trial.tracks, trial.size, pixels(trial), trial.brush, paths_outside="ignore"
        )
        flows = {
            "truth": trial.clip.flow,
            f"{DENSE}, {FREE}": bench.dense(number).flow,
            f"{DENSE}, brush": inside.flow,
        }
        if bench.networks:
            controlled = bench.run(bench.networks, number, brush=True)
            flows[f"{OURS}, {FREE}"] = bench.run(bench.networks, number)
            flows[f"{OURS}, {CONTROLLED}"] = controlled
            flows[f"{OURS}, {MULTIPLIED}"] = controlled * trial.brush
        return {name: judge_brush(flow, trial) for name, flow in flows.items()}

    return bench.over_trials("brush", rows, HALF)


def judge_arrows(bench: Bench) -> Rows:
    """How far points go for arrows of several lengths."""

    def rows(number: int, trial: Trial) -> Rows:
        flows = {
            DENSE: {f: densify(trial.stretched(f), trial.size).flow for f in FACTORS},
        }
        if bench.networks:
            networks = bench.networks
            flows[OURS] = {f: bench.run(networks, number, f) for f in FACTORS}
        return {name: judge_lengths(each, trial) for name, each in flows.items()}

    return bench.over_trials("arrows", rows, HALF)


def judge_stage2(bench: Bench) -> Rows:
    """Videos along the true field, a still one and another clip's."""

    def rows(number: int, trial: Trial) -> Rows:
        codec, picture = bench.codec, trial.picture
        videos = {
            REPEATED: bench.repeated(number),
            SPLATTED: baselines.splatted(codec, picture, trial.field),
            WARPED: baselines.warped(codec, picture, trial.field),
            CEILING: baselines.through(codec, trial.clip.frames),
        }
        if bench.networks:
            paint = bench.networks.video
            videos[RIGHT] = paint(trial, trial.field)
            videos[ZERO] = paint(trial, still(trial.frames, trial.size))
            other = bench.trials[(number + 1) % len(bench.trials)]
            videos[OTHER] = paint(trial, other.field)
        videos["truth"] = trial.clip.frames
        return {name: judge_video(video, trial) for name, video in videos.items()}

    return bench.over_trials("stage 2", rows)


def judge_chain(bench: Bench) -> Rows:
    """From drawn points to frames, beside Densify Tracks with a warp."""

    def rows(number: int, trial: Trial) -> Rows:
        picture = trial.picture
        dense = bench.dense(number)
        frames, _ = warp_picture(pixels(trial), dense)
        videos = {
            REPEATED: bench.repeated(number),
            f"{DENSE} and warp, through the VAE": baselines.warped(bench.codec, picture, dense),
            f"{DENSE} and warp": frames.movedim(-1, 1),
        }
        if bench.networks:
            made = MotionField(bench.run(bench.networks, number))
            videos[CHAIN] = bench.networks.video(trial, made)
        return {name: judge_video(video, trial) for name, video in videos.items()}

    return bench.over_trials("whole chain", rows)


def pixels(trial: Trial) -> Tensor:
    """A trial's picture [H, W, 3], as nodes take it."""
    return trial.picture.movedim(0, -1)
