"""`python -m training evaluate`: judges the small model on held-out scenes, beside baselines."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ...models.files.atomic import whole
from ...models.types.motion_field import MotionField
from ...scenes.photographs import Photographs
from ..data.ranges import Folder
from ..data.scenes import render
from ..data.seeds import numpy_of
from ..judging import evaluation, report
from ..judging.trials import trials
from .options import add_options

if TYPE_CHECKING:
    from ...models.host.sampling import Settings
    from ..judging.judged_networks import Networks

SMALL = Path(__file__).resolve().parents[2] / "small_model"
FITTING = 64
"""Training scenes, and as many crops, that the linear stand-ins for the VAEs are fitted to."""


@dataclass(frozen=True)
class Sampled:
    """On what networks are judged, and how they are sampled.

    Args:
        scenes: held-out scenes to judge on.
        frames: of a clip, with the reference.
        steps: sampling steps of a frame.
        cfg: guidance: 1 is none.
        sampler, scheduler: one of ComfyUI's.
        seed: of scenes, crops and noise.
        json: the figures go there, too.
    """

    scenes: int = 16
    frames: int = 8
    steps: int = 4
    cfg: float = 1.0
    sampler: str = "euler"
    scheduler: str = "sgm_uniform"
    seed: int = 0
    json: Path | None = None


class Evaluation:
    """A sub-command that judges networks.

    Args:
        judged: its parts and their tables.
        own: the options of this one alone.
        least: the bounds of its options.
        steps: the default of `--steps`.
        told: the options that its JSON tells.
    """

    judged: report.Judged
    own: type
    least: dict[str, int]
    steps: int
    told: tuple[str, ...]

    def check(self, args: argparse.Namespace) -> None:
        """Raises ValueError for what it cannot judge."""
        raise NotImplementedError

    def bench(self, args: argparse.Namespace) -> Any:
        """What is judged, and on what."""
        raise NotImplementedError

    def heading(self, args: argparse.Namespace) -> str:
        """What was judged, in words."""
        raise NotImplementedError

    def left_out(self, args: argparse.Namespace, bench: Any) -> Iterator[str]:
        """What the parts cannot tell of, and why, a line each."""
        yield from ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """The options of the sub-command."""
        add_options(parser, self.own)
        for part in self.judged.parts:
            text = f"judge {part} (default: all)"
            parser.add_argument(f"--{part}", action="store_true", help=text)
        add_options(parser, Sampled, steps=self.steps)
        size: Any = {"type": int, "nargs": 2, "default": (128, 128), "metavar": ("W", "H")}
        parser.add_argument("--size", **size, help="of a clip, px")

    def run(self, args: argparse.Namespace) -> int:
        """Prints the tables, what was left out and the goals; returns 0.

        Raises:
            ValueError: for options that cannot be, or files that are not there or damaged.
        """
        for name, least in self.least.items():
            if getattr(args, name) < least:
                option = f"--{name.replace('_', '-')}"
                raise ValueError(f"{option} is {getattr(args, name)}; give at least {least}")
        if any(side < 16 or side % 8 for side in args.size):
            raise ValueError(f"--size is {tuple(args.size)}; give multiples of 8, at least 16")
        self.check(args)
        began = time.monotonic()
        with torch.inference_mode():
            bench = self.bench(args)
            tables = self.judged.tables(bench, self.chosen(args))
        tell("")
        left_out, goals = list(self.left_out(args, bench)), self.judged.goals(tables)
        sys.stdout.write(f"{self.heading(args)}; {time.monotonic() - began:.0f} s\n\n")
        sys.stdout.writelines(f"Left out: {line}\n" for line in left_out)
        sys.stdout.write("\n" if left_out else "")
        sys.stdout.write("\n".join(report.lines(tables, self.judged.titles, goals)) + "\n")
        if args.json is not None:
            options = {name: getattr(args, name) for name in self.told}
            made = {"options": options, "left_out": left_out, **report.as_json(tables, goals)}
            with whole(args.json) as part:
                part.write_text(json.dumps(made, indent=1) + "\n", "utf-8")
        return 0

    def chosen(self, args: argparse.Namespace) -> list[str]:
        """The parts to judge."""
        parts = self.judged.parts
        return [part for part in parts if getattr(args, part)] or list(parts)


def sampled_by(args: argparse.Namespace) -> Settings:
    """How networks are sampled."""
    from ...models.host.sampling import Settings

    return Settings(args.steps, args.cfg, args.seed, args.sampler, args.scheduler)


@dataclass(frozen=True)
class SmallOptions:
    """What is judged.

    Args:
        model: its folder.
        baselines_only: judge no network.
        crops: held-out crops for the image VAE.
        field_steps: sampling steps of stage 1.
        half_size: of a drawn point's square, px.
    """

    model: Folder = SMALL
    baselines_only: bool = False
    crops: int = 64
    field_steps: int = 1
    half_size: int = 8


class SmallEvaluation(Evaluation):
    """Of both stages."""

    judged = evaluation.JUDGED
    own = SmallOptions
    least = {"scenes": 1, "crops": 1, "frames": 2, "field_steps": 1, "steps": 1, "half_size": 1}
    steps = 2
    told = ("scenes", "frames", "seed", "field_steps", "steps", "cfg", "size")

    def check(self, args: argparse.Namespace) -> None:
        if not args.baselines_only and not args.model.is_dir():
            raise ValueError(
                f"there is no small model in {args.model}: train one with 'python -m training "
                "small', name its folder with --model, or give --baselines-only"
            )

    def bench(self, args: argparse.Namespace) -> evaluation.Bench:
        """The held-out trials and crops, and the networks of the options."""
        size, seen, held_out = tuple(args.size), Photographs("train"), Photographs("held_out")
        times = np.linspace(0, 1, args.frames).tolist()
        tell("rendering scenes")
        scene = partial(render, size=size, times=times, photographs=held_out)
        kept = trials(scene, args.scenes, args.seed)
        judged = crops(held_out, args.crops, size, args.seed)
        clips = [render(seed, size, times, seen) for seed in range(FITTING)]
        fields = [MotionField(clip.flow) for clip in clips]
        linear = evaluation.LinearCodecs.fitted(crops(seen, FITTING, size, args.seed), fields)
        networks = None if args.baselines_only else self._networks(args)
        return evaluation.Bench(kept, judged, linear, networks, tell=tell)

    def _networks(self, args: argparse.Namespace) -> Networks:
        from ..judging.judged_networks import Networks

        videos = sampled_by(args)
        fields = replace(videos, steps=args.field_steps)
        return Networks.load(args.model, self.chosen(args), fields, videos, args.half_size)

    def heading(self, args: argparse.Namespace) -> str:
        what = str(args.model)
        if args.baselines_only:
            what = "baselines alone, linear 8x8 codecs for VAEs"
        return (
            f"{what}: {args.scenes} held-out scenes of {args.frames} frames of {args.size[0]}x"
            f"{args.size[1]}, seed {args.seed}; {args.field_steps} and {args.steps} steps of "
            f"{args.sampler} ({args.scheduler}), guidance {args.cfg:g}"
        )


def crops(photographs: Photographs, count: int, size: tuple[int, int], seed: int) -> Tensor:
    """[count, 3, H, W] random pieces of photographs, in 0..1."""
    random = numpy_of(seed)
    pieces = [torch.from_numpy(photographs.crop(random, size)) for _ in range(count)]
    return torch.stack(pieces).movedim(-1, 1)


def tell(line: str) -> None:
    """Progress on one line of the console."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{line}")
    elif line:
        sys.stderr.write(line + "\n")
    sys.stderr.flush()


COMMAND = SmallEvaluation()
add_arguments, run = COMMAND.add_arguments, COMMAND.run
