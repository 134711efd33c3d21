"""`python -m training evaluate-mcdiff`: judges MCDiff on held-out scenes, beside baselines."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from ...models.host.sampling import Settings
from ..judging import mcdiff_judges as judges
from ..judging import mcdiff_report, report
from ..judging.evaluation import Rows
from ..judging.rollouts import RolloutNetworks, courses, load_networks, load_vae
from .evaluate import tell

PARTS: dict[str, Callable[[judges.StepBench], dict[str, Rows]]] = {
    "flow": judges.judge_flow,
    "ablation": judges.judge_ablation,
    "growth": judges.judge_growth,
    "drift": judges.judge_drift,
}
LONG = ("growth", "drift")
FILES = ("model", "sparse", "apart")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the sub-command."""
    small = Path(__file__).resolve().parents[2] / "small_model"
    parser.add_argument("--model", type=Path, default=small / "mcdiff.safetensors", help="F and G")
    parser.add_argument("--sparse", type=Path, metavar="FILE", help="G of the ablation: without F")
    parser.add_argument("--apart", type=Path, metavar="FILE", help="F and G without end to end")
    parser.add_argument(
        "--image-vae", type=Path, default=small / "image_vae.safetensors", help="that G paints in"
    )
    for part in PARTS:
        parser.add_argument(f"--{part}", action="store_true", help=f"judge {part} (default: all)")
    parser.add_argument("--scenes", type=int, default=16, help="held-out scenes to judge on")
    parser.add_argument("--size", type=int, nargs=2, default=(128, 128), metavar=("W", "H"))
    parser.add_argument("--frames", type=int, default=8, help="of a clip, with the reference")
    parser.add_argument("--long", type=int, default=32, help="frames for growth and drift")
    parser.add_argument("--steps", type=int, default=4, help="sampling steps of a frame")
    parser.add_argument("--cfg", type=float, default=1.0, help="guidance: 1 is none")
    parser.add_argument("--sampler", default="euler", help="one of ComfyUI's")
    parser.add_argument("--scheduler", default="sgm_uniform", help="one of ComfyUI's")
    parser.add_argument("--seed", type=int, default=0, help="of scenes and noise")
    parser.add_argument("--threads", type=int, default=0, help="torch's on a CPU; 0: its choice")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")


def run(args: argparse.Namespace) -> int:
    """Prints the tables, what was left out and the goals; returns 0.

    Raises:
        ValueError: for options that cannot be, or a file that is not there or damaged.
    """
    _check(args)
    if args.threads:
        torch.set_num_threads(args.threads)
    began = time.monotonic()
    with torch.inference_mode():
        bench = make_bench(args)
        tables = {key: rows for part in chosen(args) for key, rows in _judged(bench, part)}
    tell("")
    left_out, goals = list(missing(args, bench)), mcdiff_report.goals(tables)
    out = sys.stdout
    out.write(_heading(args, time.monotonic() - began) + "\n\n")
    out.writelines(f"Left out: {line}\n" for line in left_out)
    out.write("\n" if left_out else "")
    out.write("\n".join(report.lines(tables, mcdiff_report.TITLES, goals)) + "\n")
    if args.json is not None:
        options = ("scenes", "size", "frames", "long", "steps", "cfg", "seed")
        made = {
            "options": {name: getattr(args, name) for name in options},
            "left_out": left_out,
            **report.as_json(tables, goals),
        }
        args.json.write_text(json.dumps(made, indent=1) + "\n", "utf-8")
    return 0


def chosen(args: argparse.Namespace) -> list[str]:
    """The parts to judge."""
    return [part for part in PARTS if getattr(args, part)] or list(PARTS)


def make_bench(args: argparse.Namespace) -> judges.StepBench:
    """The held-out scenes and the networks of the options."""
    vae = load_vae(args.image_vae)
    settings = Settings(args.steps, args.cfg, args.seed, args.sampler, args.scheduler)
    files = {name: getattr(args, name) for name in FILES}
    loaded = {
        name: load_networks(path, vae, settings) for name, path in files.items() if path is not None
    }
    _check_halves(files, loaded)
    tell("rendering scenes")
    size = tuple(args.size)
    parts = chosen(args)
    short = [*courses(args.scenes, args.frames, size, args.seed)] if set(parts) - {*LONG} else []
    long = [*courses(args.scenes, args.long, size, args.seed)] if {*parts} & {*LONG} else []
    return judges.StepBench(
        short, long, loaded["model"], loaded.get("sparse"), loaded.get("apart"), tell
    )


def _judged(bench: judges.StepBench, part: str) -> Iterator[tuple[str, Rows]]:
    """A part's tables, without those in which there is nothing."""
    return ((key, rows) for key, rows in PARTS[part](bench).items() if rows)


def missing(args: argparse.Namespace, bench: judges.StepBench) -> Iterator[str]:
    """What the parts cannot tell of, and why, a line each."""
    parts = chosen(args)
    if bench.ours.completer is None:
        yield f"all of F and of the full model: {args.model} holds no flow completion"
    if bench.ours.model is None and parts != ["flow"]:
        yield f"all rollouts of the model: {args.model} holds no future frame"
    if bench.sparse is None and "ablation" in parts:
        yield f"'{judges.SPARSE}': name its file with --sparse"
    if bench.apart is None and "drift" in parts:
        yield f"'{judges.APART}': name its file with --apart"


def _check(args: argparse.Namespace) -> None:
    bounds = {"scenes": 1, "frames": 3, "long": 3, "steps": 1, "seed": 0, "threads": 0}
    for name, least in bounds.items():
        value = getattr(args, name)
        if value < least:
            raise ValueError(f"--{name} is {value}; give at least {least}")
    if any(side < 16 or side % 8 for side in args.size):
        raise ValueError(f"--size is {tuple(args.size)}; give multiples of 8, at least 16")
    for name in (*FILES, "image_vae"):
        path = getattr(args, name)
        if path is not None and not path.is_file():
            option = f"--{name.replace('_', '-')}"
            raise ValueError(f"there is no file {path}: name another with {option} (see --help)")


def _check_halves(files: dict[str, Path | None], loaded: dict[str, RolloutNetworks]) -> None:
    """Raises ValueError where a file lacks what it is there for."""
    ours, sparse, apart = (loaded.get(name) for name in FILES)
    if ours is not None and ours.completer is None and ours.model is None:
        raise ValueError(f"--model {files['model']} holds neither F nor G")
    if sparse is not None and sparse.model is None:
        raise ValueError(f"--sparse {files['sparse']} holds no future frame, which it is there for")
    if apart is not None and (apart.model is None or apart.completer is None):
        raise ValueError(f"--apart {files['apart']} holds not both, F and G; both are compared")


def _heading(args: argparse.Namespace, seconds: float) -> str:
    return (
        f"{args.model}: {args.scenes} held-out scenes of {args.frames} (long: {args.long}) frames "
        f"of {args.size[0]}x{args.size[1]}, seed {args.seed}; {args.steps} steps of {args.sampler} "
        f"({args.scheduler}), guidance {args.cfg:g}; {seconds:.0f} s"
    )
