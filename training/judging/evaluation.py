"""Everything that the small model is judged by, on some trials, next to the baselines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...models.densify.densify import PathsOutside, densify
from ...models.picture.warp import warp_picture
from ...models.types.motion_field import MotionField, still
from ...scenes import metrics
from . import baselines, judges
from .judges import CEILING, DENSE, FACTORS, REPEATED, STILL, Rows, Scores, Tables
from .report import AIM, MUST, Judged, Wanted
from .trials import Trial

if TYPE_CHECKING:
    from .judged_networks import Networks

OURS = "small model"
RIGHT, ZERO, OTHER = f"{OURS}, right field", f"{OURS}, zero field", f"{OURS}, another clip's field"
CODEC, SPLATTED = "true field coded", "latent of frame 0 splatted"
WARPED = "picture warped, holes filled, through the VAE"
LINEAR = "8x8 blocks, 4 linear components"
CHAIN = f"{OURS}, both stages"
HALF = 0.5
"""Share of the trials for what takes stage 1 several times."""

IGNORE: PathsOutside = "ignore"
FREE, CONTROLLED, MULTIPLIED = "no brush", "brush as control", "brush as control, field multiplied"


LEAD = 1.5
"""By how many dB stage 2 has to be better."""
FARTHER = 0.1
"""By how much of the true length points have to go farther for an arrow longer by half of it."""
_AT_HALF, _AT_TRUE, _AT_LONGER = (f"at {factor:g}" for factor in FACTORS)
_OVER, _NEW = "PSNR all", "PSNR uncovered"
_POINTS, _DRIVEN = ("stage1", OURS, "points"), ("stage1", OURS, "driven")
WANTED = (
    Wanted(MUST, "image VAE on held-out crops, dB", "vae", OURS, "PSNR", lead=23.5),
    Wanted(MUST, "drawn points nearer than half of no motion's, px", *_POINTS, STILL, True, 0.5),
    Wanted(AIM, "driven objects nearer than Densify Tracks', px", *_DRIVEN, DENSE, True),
    *(
        Wanted(MUST, what, "arrows", OURS, longer, OURS, lead=FARTHER, other_column=shorter)
        for what, longer, shorter in (
            ("arrow of the true length farther than of half", _AT_TRUE, _AT_HALF),
            ("half as long again farther still", _AT_LONGER, _AT_TRUE),
        )
    ),
    *(
        Wanted(MUST, f"{what} + 1.5, dB", "stage2", RIGHT, _OVER, other, lead=LEAD)
        for what, other in (
            ("stage 2 over frame 0 repeated", REPEATED),
            ("right field over zero field", ZERO),
            ("right field over another clip's", OTHER),
        )
    ),
    Wanted(AIM, "stage 2 over the splatted latent, dB", "stage2", RIGHT, _OVER, SPLATTED),
    Wanted(AIM, "over hole filling on uncovered pixels, dB", "stage2", RIGHT, _NEW, WARPED),
)
JUDGED = Judged(WANTED)


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
            *(baselines.BlockCodec(samples.movedim(1, -1)) for samples in (pictures, flow01))
        )

    def coded(self, field: MotionField) -> MotionField:
        """A field, encoded and decoded."""
        latents = self.fields.encode(field.encoded().movedim(1, -1))
        return MotionField.from_encoded(self.fields.decode(latents).movedim(-1, 1))


@dataclass(frozen=True)
class Bench(judges.Workbench[Trial]):
    """What is judged, and on what.

    Args:
        scenes: held-out ones.
        crops: [B, 3, H, W], of held-out photographs.
        linear: codecs without training, which stand in for the VAEs where there are none.
        networks: None: baselines alone.
    """

    crops: Tensor
    linear: LinearCodecs
    networks: Networks | None = None

    @property
    def codec(self) -> baselines.Codec:
        """The VAE for pictures."""
        return self.networks.vae if self.networks else self.linear.pictures

    def coded(self, trial: Trial) -> MotionField:
        """The true field through the flow VAE."""
        return self.networks.coded(trial) if self.networks else self.linear.coded(trial.field)

    def run(
        self, network: Networks, trial: Trial, factor: float = 1.0, brush: bool = False
    ) -> Tensor:
        """Stage 1's field for a trial, its arrows so many times as long; kept once computed."""
        region = trial.brush if brush else None
        return self.once(
            ("field", trial.seed, factor, brush),
            lambda: network.field(trial, trial.stretched(factor), region).flow,
        )


@JUDGED.whole("vae")
def judge_vae(bench: Bench) -> Tables:
    """Image VAE: dB on crops of held-out photographs."""
    # Means over crops, and the PSNR of the mean error, which counts the finest textures most.
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
    return {"vae": {**rows, OURS: row(bench.networks.vae)} if bench.networks else rows}


@JUDGED.by_scene("vae", "flow VAE", "flow_vae")
def judge_flow_vae(bench: Bench, trial: Trial) -> Rows:
    """Flow VAE: error of true fields in px, and share of pixels (PCK) within so many px."""
    fields = {STILL: still(trial.frames, trial.size), LINEAR: bench.linear.coded(trial.field)}
    if bench.networks:
        fields[OURS] = bench.coded(trial)
    return {name: judges.judge_field(each.flow, trial) for name, each in fields.items()}


@JUDGED.by_scene("stage1", "stage 1")
def judge_stage1(bench: Bench, trial: Trial) -> Rows:
    """Stage 1: end-point error in px, and share of points (PCK) within so many px."""
    fields = {**bench.fields(trial), CODEC: bench.coded(trial)}
    flows = {name: field.flow for name, field in fields.items()}
    if bench.networks:
        flows[OURS] = bench.run(bench.networks, trial)
    return {name: judges.judge_field(flow, trial) for name, flow in flows.items()}


@JUDGED.by_scene("stage1", "brush", "leakage", HALF)
def judge_leakage(bench: Bench, trial: Trial) -> Rows:
    """Motion brush, half of the scenes: motion outside and inside it, driven error, px."""
    inside = densify(trial.tracks, trial.size, trial.pixels, trial.brush, paths_outside=IGNORE)
    flows = {
        "truth": trial.clip.flow,
        f"{DENSE}, {FREE}": bench.dense(trial).flow,
        f"{DENSE}, brush": inside.flow,
    }
    if bench.networks:
        controlled = bench.run(bench.networks, trial, brush=True)
        flows[f"{OURS}, {FREE}"] = bench.run(bench.networks, trial)
        flows[f"{OURS}, {CONTROLLED}"] = controlled
        flows[f"{OURS}, {MULTIPLIED}"] = controlled * trial.brush
    return {name: judges.judge_brush(flow, trial) for name, flow in flows.items()}


@JUDGED.by_scene("stage1", "arrows", "arrows", HALF)
def judge_arrows(bench: Bench, trial: Trial) -> Rows:
    """Longer arrows, half of the scenes: how far points go, in parts of the true length."""
    flows = {DENSE: {f: densify(trial.stretched(f), trial.size).flow for f in FACTORS}}
    if bench.networks:
        networks = bench.networks
        flows[OURS] = {f: bench.run(networks, trial, f) for f in FACTORS}
    return {name: judges.judge_lengths(each, trial) for name, each in flows.items()}


@JUDGED.by_scene("stage2", "stage 2")
def judge_stage2(bench: Bench, trial: Trial) -> Rows:
    """Stage 2 along the true field: dB, SSIM, and change along true motion (of 255)."""
    codec, picture = bench.codec, trial.picture
    videos = {
        REPEATED: bench.repeated(trial),
        SPLATTED: baselines.splatted(codec, picture, trial.field),
        WARPED: baselines.warped(codec, picture, trial.field),
        CEILING: baselines.through(codec, trial.clip.frames),
    }
    if bench.networks:
        paint = bench.networks.video
        videos[RIGHT] = paint(trial, trial.field)
        videos[ZERO] = paint(trial, still(trial.frames, trial.size))
        other = bench.scenes[(bench.scenes.index(trial) + 1) % len(bench.scenes)]
        videos[OTHER] = paint(trial, other.field)
    videos["truth"] = trial.clip.frames
    return {name: judges.judge_video(video, trial) for name, video in videos.items()}


@JUDGED.by_scene("chain", "whole chain")
def judge_chain(bench: Bench, trial: Trial) -> Rows:
    """Whole chain, from drawn points: the same."""
    dense = bench.dense(trial)
    frames, _ = warp_picture(trial.pixels, dense)
    warped = baselines.warped(bench.codec, trial.picture, dense)
    videos = {
        REPEATED: bench.repeated(trial),
        f"{DENSE} and warp, through the VAE": warped,
        f"{DENSE} and warp": frames.movedim(-1, 1),
    }
    if bench.networks:
        made = MotionField(bench.run(bench.networks, trial))
        videos[CHAIN] = bench.networks.video(trial, made)
    return {name: judges.judge_video(video, trial) for name, video in videos.items()}
