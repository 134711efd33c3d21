"""`python -m training evaluate`: judges the small model on held-out scenes, beside baselines."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ...models.types.motion_field import MotionField
from ..data.photographs import Photographs
from ..data.scenes import render
from ..judging import evaluation, report
from ..judging.trials import trials

if TYPE_CHECKING:
    from ..judging.judged_networks import Networks

PARTS: dict[str, tuple[Callable[[evaluation.Bench], evaluation.Rows], ...]] = {
    "vae": (evaluation.judge_vae, evaluation.judge_flow_vae),
    "stage1": (evaluation.judge_stage1, evaluation.judge_leakage, evaluation.judge_arrows),
    "stage2": (evaluation.judge_stage2,),
    "chain": (evaluation.judge_chain,),
}

FITTING = 64
"""Training scenes, and as many crops, that the linear stand-ins for the VAEs are fitted to."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the sub-command."""
    root = Path(__file__).resolve().parents[2]
    parser.add_argument("--model", type=Path, default=root / "small_model", help="its folder")
    parser.add_argument("--baselines-only", action="store_true", help="judge no network")
    for part in PARTS:
        parser.add_argument(f"--{part}", action="store_true", help=f"judge {part} (default: all)")
    parser.add_argument("--scenes", type=int, default=16, help="held-out scenes to judge on")
    parser.add_argument("--crops", type=int, default=64, help="held-out crops for the image VAE")
    parser.add_argument("--size", type=int, nargs=2, default=(128, 128), metavar=("W", "H"))
    parser.add_argument("--frames", type=int, default=8, help="of a clip, with the reference")
    parser.add_argument("--seed", type=int, default=0, help="of scenes, crops and noise")
    parser.add_argument("--field-steps", type=int, default=1, help="sampling steps of stage 1")
    parser.add_argument("--steps", type=int, default=2, help="sampling steps of stage 2")
    parser.add_argument("--cfg", type=float, default=1.0, help="guidance of both stages")
    parser.add_argument("--sampler", default="euler", help="one of ComfyUI's")
    parser.add_argument("--scheduler", default="sgm_uniform", help="one of ComfyUI's")
    parser.add_argument("--half-size", type=int, default=8, help="of a drawn point's square, px")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")


def run(args: argparse.Namespace) -> int:
    """Prints the tables and the goals; returns 0.

    Raises:
        ValueError: for options that cannot be, or a model that is not there.
    """
    _check(args)
    began = time.monotonic()
    with torch.inference_mode():
        bench = make_bench(args)
        tables = {
            judge.__name__.removeprefix("judge_"): judge(bench)
            for part in chosen(args)
            for judge in PARTS[part]
        }
    tell("")
    out = sys.stdout
    out.write(_heading(args, time.monotonic() - began) + "\n\n")
    out.write("\n".join(report.lines(tables)) + "\n")
    if args.json is not None:
        args.json.write_text(json.dumps(_as_json(args, tables), indent=1) + "\n", "utf-8")
    return 0


def chosen(args: argparse.Namespace) -> list[str]:
    """The parts to judge."""
    return [part for part in PARTS if getattr(args, part)] or list(PARTS)


def make_bench(args: argparse.Namespace) -> evaluation.Bench:
    """The held-out trials and crops, and the networks of the options."""
    size, held_out = tuple(args.size), Photographs("held_out")
    times = np.linspace(0, 1, args.frames).tolist()
    scene = partial(render, size=size, times=times, photographs=held_out)
    tell("rendering scenes")
    kept = trials(lambda seed: scene(seed), args.scenes, args.seed)
    judged = crops(held_out, args.crops, size, args.seed)
    seen = Photographs("train")
    clips = [render(seed, size, times, seen) for seed in range(FITTING)]
    linear = evaluation.LinearCodecs.fitted(
        crops(seen, FITTING, size, args.seed), [MotionField(clip.flow) for clip in clips]
    )
    networks = None if args.baselines_only else _networks(args)
    return evaluation.Bench(kept, judged, linear, networks, tell)


def _networks(args: argparse.Namespace) -> Networks:
    from ...models.host.sampling import Settings
    from ..judging.judged_networks import load_networks

    videos = Settings(args.steps, args.cfg, args.seed, args.sampler, args.scheduler)
    fields = replace(videos, steps=args.field_steps)
    return load_networks(args.model, chosen(args), fields, videos, args.half_size)


def crops(photographs: Photographs, count: int, size: tuple[int, int], seed: int) -> Tensor:
    """[count, 3, H, W] random pieces of photographs, in 0..1."""
    random = np.random.default_rng(seed)
    pieces = [torch.from_numpy(photographs.crop(random, size)) for _ in range(count)]
    return torch.stack(pieces).movedim(-1, 1)


def _check(args: argparse.Namespace) -> None:
    bounds = {"scenes": 1, "crops": 1, "frames": 2, "field_steps": 1, "steps": 1, "half_size": 1}
    for name, least in bounds.items():
        value = getattr(args, name)
        if value < least:
            raise ValueError(f"--{name.replace('_', '-')} is {value}; give at least {least}")
    if any(side < 16 or side % 8 for side in args.size):
        raise ValueError(f"--size is {args.size}; give multiples of 8, at least 16")
    if not args.baselines_only and not args.model.is_dir():
        raise ValueError(
            f"there is no small model in {args.model}: train one with 'python -m training small', "
            "name its folder with --model, or give --baselines-only"
        )


def _heading(args: argparse.Namespace, seconds: float) -> str:
    what = "baselines alone, linear 8x8 codecs for VAEs" if args.baselines_only else str(args.model)
    return (
        f"{what}: {args.scenes} held-out scenes of {args.frames} frames of "
        f"{args.size[0]}x{args.size[1]}, seed {args.seed}; {args.field_steps} and {args.steps} "
        f"steps of {args.sampler} ({args.scheduler}), guidance {args.cfg:g}; {seconds:.0f} s"
    )


def _as_json(args: argparse.Namespace, tables: report.Tables) -> dict:
    options = {
        name: getattr(args, name)
        for name in ("scenes", "frames", "seed", "field_steps", "steps", "cfg")
    }
    made = report.as_json(tables, report.reached(tables))
    return {"options": {**options, "size": list(args.size)}, **made}


def tell(line: str) -> None:
    """Progress on one line of the console."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{line}")
    elif line:
        sys.stderr.write(line + "\n")
    sys.stderr.flush()
