"""`python -m training evaluate-mcdiff`: judges MCDiff on held-out scenes, beside baselines."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from ...models.files.checkpoints import read_checkpoint
from ...models.host.small_networks import load_image_vae
from ..judging import mcdiff_judges as judges
from ..judging.rollouts import RolloutNetworks, courses
from .evaluate import SMALL, Evaluation, sampled_by, tell

LONG = {"growth", "drift"}
FILES = ("model", "sparse", "apart")


@dataclass(frozen=True)
class RolloutOptions:
    """What is judged.

    Args:
        model: F and G.
        sparse: G of the ablation: without F.
        apart: F and G without end to end.
        image_vae: that G paints in.
        long: frames for growth and drift.
        threads: torch's on a CPU; 0: its choice.
    """

    model: Path = SMALL / "mcdiff.safetensors"
    sparse: Path | None = None
    apart: Path | None = None
    image_vae: Path = SMALL / "image_vae.safetensors"
    long: int = 32
    threads: int = 0


class McdiffEvaluation(Evaluation):
    """Of MCDiff: F's flow, rollouts, their drift."""

    judged = judges.JUDGED
    own = RolloutOptions
    least = {"scenes": 1, "frames": 3, "long": 3, "steps": 1, "seed": 0, "threads": 0}
    steps = 4
    told = ("scenes", "size", "frames", "long", "steps", "cfg", "seed")

    def check(self, args: argparse.Namespace) -> None:
        for name in (*FILES, "image_vae"):
            path = getattr(args, name)
            if path is not None and not path.is_file():
                option = f"--{name.replace('_', '-')}"
                raise ValueError(
                    f"there is no file {path}: name another with {option} (see --help)"
                )

    def bench(self, args: argparse.Namespace) -> judges.StepBench:
        """The held-out scenes and the networks of the options."""
        if args.threads:
            torch.set_num_threads(args.threads)
        vae = load_image_vae(read_checkpoint(args.image_vae, "image_vae"))
        files = {name: getattr(args, name) for name in FILES}
        ours, sparse, apart = (
            RolloutNetworks.load(path, vae, sampled_by(args)) if path else None
            for path in files.values()
        )
        assert ours is not None
        if ours.completer is None and ours.model is None:
            raise ValueError(f"--model {args.model} holds neither F nor G")
        if sparse is not None and sparse.model is None:
            message = f"--sparse {args.sparse} holds no future frame, which it is there for"
            raise ValueError(message)
        if apart is not None and (apart.model is None or apart.completer is None):
            raise ValueError(f"--apart {args.apart} holds not both, F and G; both are compared")
        tell("rendering scenes")
        parts, size = {*self.chosen(args)}, tuple(args.size)
        short = courses(args.scenes, args.frames, size, args.seed) if parts - LONG else []
        long = courses(args.scenes, args.long, size, args.seed) if parts & LONG else []
        return judges.StepBench(short, long, ours, sparse, apart, tell=tell)

    def left_out(self, args: argparse.Namespace, bench: judges.StepBench) -> Iterator[str]:
        parts = self.chosen(args)
        if bench.ours.completer is None:
            yield f"all of F and of the full model: {args.model} holds no flow completion"
        if bench.ours.model is None and parts != ["flow"]:
            yield f"all rollouts of the model: {args.model} holds no future frame"
        if bench.sparse is None and "ablation" in parts:
            yield f"'{judges.SPARSE}': name its file with --sparse"
        if bench.apart is None and "drift" in parts:
            yield f"'{judges.APART}': name its file with --apart"

    def heading(self, args: argparse.Namespace) -> str:
        return (
            f"{args.model}: {args.scenes} held-out scenes of {args.frames} (long: {args.long}) "
            f"frames of {args.size[0]}x{args.size[1]}, seed {args.seed}; {args.steps} steps of "
            f"{args.sampler} ({args.scheduler}), guidance {args.cfg:g}"
        )


COMMAND = McdiffEvaluation()
add_arguments, run = COMMAND.add_arguments, COMMAND.run
