"""Recipes: trainings in a fixed order whose files are a model that ships with the pack.

Every part is an ordinary training of this room on synthetic clips; each is resumable, and the ones
that do not wait for one another may run side by side (`--part`).
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import torch

from ...models.files.atomic import whole
from ...models.files.safetensors_files import read_safetensors
from ...models.files.trained import Trained
from ...models.types.motion_field import encode
from ...scenes.photographs import Photographs
from ...scenes.scene_captions import VOCABULARY
from .. import checkpoint
from ..checkpoint import TrainingError
from ..data.batches import MakeBatch
from ..data.scene_batches import RandomTimes, make_clips, random_crops
from ..data.seeds import begin
from ..data.text_vectors import construct_text, encode_captions
from ..loop import LoopSettings, train
from ..objective import Objective
from ..objectives.denoising import Frozen
from ..objectives.linear_vae import Pca, blocks_of, decode_linear, encode_linear, fit_pca
from ..objectives.noise import Schedule
from .options import add_options

logger = logging.getLogger(__name__)

CONTEXT = 64
"""Width of the text."""
LICENCE = "Apache-2.0; trained on public-domain and CC0 photographs"
DATA = "synthetic clips of photographs, see training/data/scenes.py"
CODES = "codes.safetensors"
PART = "only this one (may be given again); by default all, and then the files are put together"
NO_NAMES: Mapping[str, str] = {}
COARSE = ((96, 96), (120, 72), (72, 120))
FINE = ((128, 128), (160, 96), (96, 160))
SETTINGS = LoopSettings(
    steps=1,
    learning_rate=8e-4,
    warmup=50,
    ema=0.995,
    precision="bf16",
    save_every=100,
    report_every=200,
    log_every=20,
    workers=1,
    threads=1,
)


Training = tuple[Objective, MakeBatch]


@dataclass(frozen=True)
class RecipePart:
    """One training of the recipe.

    Args:
        name: of its folder.
        files: what it gives to the small model, without their ending.
        needs: parts that must be there before it.
        seconds: what a step costs on one core of a CPU of 2024, about.
        steps: of the loop.
        make: (this, foundation, folder of all parts) -> its objective and its batches.
        rate, ema: the loop's learning rate, and the decay of its average.
    """

    name: str
    files: tuple[str, ...]
    needs: tuple[str, ...]
    seconds: float
    steps: int
    make: Callable[[RecipePart, Foundation, Path], Training]
    rate: float = SETTINGS.learning_rate
    ema: float = SETTINGS.ema

    @property
    def settings(self) -> LoopSettings:
        """Of the loop."""
        return replace(SETTINGS, steps=self.steps, learning_rate=self.rate, ema=self.ema)


@dataclass(frozen=True)
class Foundation:
    """What needs no training: the photographs, the linear encoders and the text encoder."""

    photographs: Photographs
    held_out: Photographs
    image: Pca
    flow: Pca
    text: dict[str, torch.Tensor]

    def frozen(self, at_end: float) -> Frozen:
        """What networks are fed from, and seen through; with v-prediction and zero terminal SNR,
        leaning towards noise, a share of the samples at pure noise."""
        image, flow = self.image, self.flow
        return Frozen(
            partial(encode_linear, image),
            partial(encode_linear, flow),
            partial(encode_captions, self.text),
            Schedule("v", zero_terminal_snr=True, at_end=at_end, late=0.5),
            partial(decode_linear, image),
            partial(decode_linear, flow),
        )


def foundation(folder: Path, seed: int) -> Foundation:
    """Fits the linear encoders, or reads them where that was done before."""
    photographs = Photographs("train")
    path = folder / CODES
    if not path.is_file():
        logger.info("fitting the linear encoders")
        pictures = random_crops(seed, 512, FINE[0], photographs) * 2 - 1
        clips = make_clips(seed, range(256), FINE[0], RandomTimes(5), photographs)
        fields = encode(torch.cat([clip.flow[1:] for clip in clips]))
        tensors: dict[str, torch.Tensor] = {}
        for name, pixels in (("image", pictures), ("flow", fields)):
            code = asdict(fit_pca(blocks_of(pixels), f"{name}_vae"))
            tensors |= {f"{name}.{key}": value.contiguous() for key, value in code.items()}
        checkpoint.write(path, tensors, {})
    read, parts = read_safetensors(path)[0], ("mean", "components", "scales")
    image, flow = (Pca(*(read[f"{name}.{key}"] for key in parts)) for name in ("image", "flow"))
    text = construct_text(VOCABULARY, CONTEXT)
    return Foundation(photographs, Photographs("held_out"), image, flow, text)


def told(part: str, recipe: str, trained: Trained) -> dict[str, str]:
    """What every file of a recipe says of itself."""
    return {
        **trained.metadata(),
        "motion_i2v.data": DATA,
        "motion_i2v.configuration": json.dumps({"recipe": recipe, "part": part}),
        "motion_i2v.licence": LICENCE,
    }


@dataclass(frozen=True)
class Recipe:
    """A model that ships with the pack.

    Args:
        parts: its trainings, in order.
        out: where they run by default.
        pack: (folder of all parts, target) puts the files together.
    """

    parts: tuple[RecipePart, ...]
    out: Path
    pack: Callable[[Path, Path], None]


def add_arguments(parser: argparse.ArgumentParser, recipe: Recipe) -> None:
    names = [part.name for part in recipe.parts]
    parser.add_argument("--out", type=Path, default=recipe.out, help="where the trainings run")
    parser.add_argument("--part", action="append", choices=names, help=PART)
    add_options(parser, LoopSettings, ("minutes", "threads"), minutes=0.0, threads=1)
    parser.add_argument("--steps", type=int, default=0, help="of each, instead of the recipe's")
    parser.add_argument(
        "--pack", type=Path, metavar="FOLDER", help="only put the files together, there"
    )


def run(args: argparse.Namespace, recipe: Recipe) -> int:
    """Trains the parts, one after another."""
    if args.pack:
        recipe.pack(args.out, args.pack)
        return 0
    parts = [part for part in recipe.parts if not args.part or part.name in args.part]
    for part in parts:
        minutes = part.steps * part.seconds / 60
        logger.info("%s: %d steps, about %.0f minutes", part.name, part.steps, minutes)
    # Threads of OpenCV do not survive the fork of a worker process, which would wait for them.
    cv2.setNumThreads(0)
    base = foundation(args.out, seed=0)
    for part in parts:
        _check_needs(part, args.out)
        steps = args.steps or part.steps
        settings = replace(part.settings, minutes=args.minutes, threads=args.threads, steps=steps)
        began = time.monotonic()
        begin(settings.seed)
        objective, data = part.make(part, base, args.out)
        reached = train(objective, data, settings, args.out / part.name)
        logger.info("%s: %.0f minutes", part.name, (time.monotonic() - began) / 60)
        if reached < settings.steps:
            logger.info("%s is at step %d; run the same command to go on", part.name, reached)
            return 0
    if not args.part:
        recipe.pack(args.out, args.out / "packed")
    return 0


def gather(
    parts: tuple[RecipePart, ...], folder: Path, target: Path, names: Mapping[str, str] = NO_NAMES
) -> None:
    """Copies the parts' files to where the model lies.

    Args:
        names: what a file is called there, where it is not its own name.

    Raises:
        TrainingError: where a part was not trained.
    """
    target.mkdir(parents=True, exist_ok=True)
    for part in parts:
        for file in part.files:
            source = folder / part.name / "files" / f"{file}.safetensors"
            if not source.is_file():
                raise TrainingError(f"{source} is not there: train the part '{part.name}' first")
            with whole(target / f"{names.get(file, file)}.safetensors") as copy:
                shutil.copyfile(source, copy)
    total = sum(path.stat().st_size for path in target.glob("*.safetensors"))
    logger.info("%s: %.1f MB", target, total / 1e6)


def _check_needs(part: RecipePart, folder: Path) -> None:
    for name in part.needs:
        if not (folder / name / "files").is_dir():
            message = f"'{part.name}' begins with what '{name}' learned: train that first"
            raise TrainingError(message)
