"""The small model that ships with the pack, trained from nothing: `python -m training small`.

Every part is an ordinary training of this room on narrow networks and synthetic clips, in the order
of PARTS; each is resumable, and the ones that do not wait for one another may run side by side
(`--part`). Choices that differ from the released models, because nothing pretrained is at hand:
linear (PCA) encoders for both VAEs; v-prediction with zero terminal SNR; first single fields almost
only at pure noise, where stage 1 is a regression of what was drawn.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from safetensors.torch import load_file, save_file

from ..models.host.small_text import construct_text, encode_captions
from ..models.layout import UNetShape
from ..models.motion_field import encode
from ..models.trained import Trained
from . import networks, vae_objective
from .checkpoint import TrainingError
from .data import MakeBatch
from .linear_vae import Pca, blocks_of, decode_linear, encode_linear, fit_pca
from .loop import LoopSettings, Objective, train
from .noise import Schedule
from .photographs import Photographs
from .scene_batches import RandomTimes, make_clips, random_crops, shape_of, synthetic_batch
from .scene_captions import VOCABULARY
from .stage1 import Stage1Inputs, Stage1Objective
from .stage2 import ImageObjective, MotionObjective
from .strokes import Drawing
from .warp_start import look_at_warp

logger = logging.getLogger(__name__)

WIDTHS = (64, 64, 64, 64)
CONTEXT = 64
HEADS = 2
"""Of the attention over pixels."""
FRAMES = 16
"""The longest clips that are trained on, with the reference."""
LICENCE = "Apache-2.0; trained on public-domain and CC0 photographs"
SHIPPED = Path(__file__).resolve().parent.parent / "small_model"
CODES = "codes.safetensors"
COARSE = ((96, 96), (120, 72), (72, 120))
DRAWING = Drawing(blocks=0.15, strokes=0.55, brush=0.2, every=0.85)
FINE = ((128, 128), (160, 96), (96, 160))


@dataclass(frozen=True)
class Part:
    """One training of the recipe.

    Args:
        name: of its folder.
        files: what it gives to the small model.
        needs: parts that must be there before it.
        seconds: what a step costs on one core of a CPU of 2024, about.
        settings: of the loop.
        make: (foundation, folder of all parts) -> its objective and its batches.
    """

    name: str
    files: tuple[str, ...]
    needs: tuple[str, ...]
    seconds: float
    settings: LoopSettings
    make: Callable[[Foundation, Path], tuple[Objective, MakeBatch]]


@dataclass(frozen=True)
class Foundation:
    """What needs no training: the photographs, the linear encoders and the text encoder."""

    photographs: Photographs
    held_out: Photographs
    image: Pca
    flow: Pca
    text: dict[str, torch.Tensor]

    @property
    def encode_image(self) -> Callable[[torch.Tensor], torch.Tensor]:
        return partial(encode_linear, self.image)

    @property
    def encode_flow(self) -> Callable[[torch.Tensor], torch.Tensor]:
        return partial(encode_linear, self.flow)

    @property
    def encode_text(self) -> Callable[[list[str]], torch.Tensor]:
        return partial(encode_captions, self.text)


def foundation(folder: Path, seed: int) -> Foundation:
    """Fits the linear encoders, or reads them where that was done before."""
    photographs = Photographs("train")
    path = folder / CODES
    if not path.is_file():
        logger.info("fitting the linear encoders")
        pictures = random_crops(seed, 512, FINE[0], photographs) * 2 - 1
        clips = make_clips(seed, range(256), FINE[0], RandomTimes(5), photographs)
        fields = encode(torch.cat([clip.flow[1:] for clip in clips]))
        codes = {
            "image": fit_pca(blocks_of(pictures), "image_vae"),
            "flow": fit_pca(blocks_of(fields), "flow_vae"),
        }
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {
            f"{name}.{key}": value.contiguous()
            for name, pca in codes.items()
            for key, value in asdict(pca).items()
        }
        save_file(tensors, path)
    read = load_file(path)
    image, flow = (
        Pca(*(read[f"{name}.{key}"] for key in ("mean", "components", "scales")))
        for name in ("image", "flow")
    )
    return Foundation(
        photographs, Photographs("held_out"), image, flow, construct_text(VOCABULARY, CONTEXT)
    )


def schedule(at_end: float) -> Schedule:
    """v-prediction with zero terminal SNR, leaning towards noise."""
    return Schedule("v", zero_terminal_snr=True, at_end=at_end, late=0.5)


def metadata(part: str) -> dict[str, str]:
    """What every file of the small model says of itself."""
    return {
        **Trained("v", True, HEADS, FRAMES).metadata(),
        "motion_i2v.data": "synthetic clips of photographs, see training/scenes.py",
        "motion_i2v.configuration": f'{{"recipe": "training/small.py", "part": "{part}"}}',
        "motion_i2v.licence": LICENCE,
    }


def clip_batches(
    photographs: Photographs,
    seed: int,
    sizes: tuple[tuple[int, int], ...],
    frames: tuple[int, ...],
    pictures: int,
    times: Callable[[int], Any],
) -> MakeBatch:
    """Batches of synthetic clips whose size and length change from step to step."""

    def make(step: int, rank: int, world: int) -> dict[str, Any]:
        shape = shape_of(step, seed, sizes, frames, pictures)
        return synthetic_batch(step, rank, world, seed, shape, times(shape.frames), photographs)

    return make


@dataclass(frozen=True)
class SteadyTimes:
    """Even times up to a random end: most clips show the whole motion, some its beginning."""

    frames: int

    def __call__(self, random: np.random.Generator) -> list[float]:
        end = 1.0 if random.uniform() < 0.6 else random.uniform(0.3, 1.0)
        return [float(time) for time in np.linspace(0, end, self.frames)]


def picture_batches(photographs: Photographs, seed: int, count: int) -> MakeBatch:
    """Batches of single pictures without captions."""

    def make(step: int, rank: int, world: int) -> dict[str, Any]:
        state = np.random.SeedSequence((seed, step, rank)).generate_state(1)
        size = FINE[step % len(FINE)]
        pictures = random_crops(int(state[0]), count, size, photographs)
        return {"frames": pictures[:, None], "caption": [""] * count}

    return make


def _image_vae(base: Foundation, _: Path) -> tuple[Objective, MakeBatch]:
    objective = vae_objective.DecoderObjective(
        "image_vae", WIDTHS, base.image, metadata("image_vae")
    )
    return objective, vae_objective.image_batches(base.photographs, 1)


def _flow_vae(base: Foundation, _: Path) -> tuple[Objective, MakeBatch]:
    objective = vae_objective.DecoderObjective("flow_vae", WIDTHS, base.flow, metadata("flow_vae"))
    return objective, vae_objective.flow_batches(base.photographs, 2)


@dataclass(frozen=True)
class Fields:
    """A training of stage 1 with its ControlNet.

    Args:
        before: the part that it goes on from; "" for none.
        step: one of `stage1.STEPS`.
        at_end: share of the samples at pure noise.
        sizes, frames, pictures: of a batch, see `scene_batches.shape_of`.
        times: of a clip, by its frames.
    """

    before: str
    step: str
    at_end: float
    sizes: tuple[tuple[int, int], ...]
    frames: tuple[int, ...]
    pictures: int
    times: Callable[[int], Any]

    def __call__(self, base: Foundation, folder: Path) -> tuple[Objective, MakeBatch]:
        unet = networks.stage1_unet(UNetShape(WIDTHS, CONTEXT, 8), HEADS)
        control = networks.stage1_control(UNetShape(WIDTHS, CONTEXT, 8), HEADS)
        if self.before:
            _load(unet, "stage1_unet", folder / self.before)
            _load(control, "stage1_controlnet", folder / self.before)
        inputs = Stage1Inputs(
            base.encode_image,
            base.encode_flow,
            base.encode_text,
            schedule(self.at_end),
            partial(decode_linear, base.flow),
            DRAWING,
        )
        trial = self._batches(base.held_out, 7, self.sizes[:1], self.frames[:1])(0, 0, 1)
        objective = Stage1Objective(unet, control, inputs, self.step, metadata("stage1"), trial)
        return objective, self._batches(base.photographs, 3, self.sizes, self.frames)

    def _batches(self, photographs: Photographs, seed: int, sizes: Any, frames: Any) -> MakeBatch:
        return clip_batches(photographs, seed, sizes, frames, self.pictures, self.times)


def _image_unet(base: Foundation, _: Path) -> tuple[Objective, MakeBatch]:
    unet = networks.image_unet(UNetShape(WIDTHS, CONTEXT, 4), HEADS)
    objective = ImageObjective(
        unet, base.encode_image, base.encode_text, schedule(0.05), metadata("image_unet")
    )
    return objective, picture_batches(base.photographs, 5, 32)


def _motion(base: Foundation, folder: Path) -> tuple[Objective, MakeBatch]:
    unet = networks.image_unet(UNetShape(WIDTHS, CONTEXT, 4), HEADS)
    _load(unet, "sd15_unet", folder / "image_unet", "image_unet.safetensors")
    layers = networks.motion_layers(WIDTHS)
    look_at_warp(layers)
    trial = clip_batches(base.held_out, 8, FINE[:1], (8,), 32, SteadyTimes)(0, 0, 1)
    objective = MotionObjective(
        unet,
        layers,
        base.encode_image,
        base.encode_text,
        schedule(0.3),
        whole=True,
        metadata=metadata("motion"),
        decode=partial(decode_linear, base.image),
        trial=trial,
    )
    return objective, clip_batches(base.photographs, 6, FINE, (8, 8, 16), 32, SteadyTimes)


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
PARTS = (
    Part(
        "image_vae",
        ("image_vae.safetensors",),
        (),
        0.9,
        replace(SETTINGS, steps=420, learning_rate=1e-3),
        _image_vae,
    ),
    Part(
        "flow_vae",
        ("flow_vae.safetensors",),
        (),
        0.9,
        replace(SETTINGS, steps=400, learning_rate=1e-3),
        _flow_vae,
    ),
    Part("image_unet", (), (), 0.6, replace(SETTINGS, steps=500), _image_unet),
    Part(
        "field",
        (),
        (),
        1.3,
        replace(SETTINGS, steps=1000),
        Fields("", "field", 0.8, COARSE, (2,), 80, RandomTimes),
    ),
    Part(
        "fine",
        (),
        ("field",),
        1.3,
        replace(SETTINGS, steps=800, learning_rate=7e-4),
        Fields("field", "field", 0.6, FINE, (2,), 56, RandomTimes),
    ),
    Part(
        "whole",
        ("stage1_unet.safetensors", "stage1_controlnet.safetensors"),
        ("fine",),
        1.7,
        replace(SETTINGS, steps=640, learning_rate=5e-4),
        Fields("fine", "whole", 0.4, FINE, (8, 8, 16), 32, SteadyTimes),
    ),
    Part(
        "motion",
        ("image_unet.safetensors", "motion_module.safetensors"),
        ("image_unet",),
        1.7,
        replace(SETTINGS, steps=1920),
        _motion,
    ),
)
BY_NAME = {part.name: part for part in PARTS}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", type=Path, default=Path("output/small_model"), help="where the trainings run"
    )
    parser.add_argument(
        "--part",
        action="append",
        choices=list(BY_NAME),
        help="only this one (may be given again); by default all, and then the files are put "
        "together",
    )
    parser.add_argument(
        "--minutes", type=float, default=0.0, help="stop each part after so long; 0: no limit"
    )
    parser.add_argument(
        "--steps", type=int, default=0, help="of each part, instead of the recipe's"
    )
    parser.add_argument(
        "--threads", type=int, default=1, help="torch's threads on a CPU; 0: its own choice"
    )
    parser.add_argument(
        "--pack", type=Path, metavar="FOLDER", help="only put the files together, there"
    )


def run(args: argparse.Namespace) -> int:
    """Trains the parts, one after another."""
    if args.pack:
        pack(args.out, args.pack)
        return 0
    parts = [BY_NAME[name] for name in args.part or BY_NAME]
    for part in parts:
        minutes = part.settings.steps * part.seconds / 60
        logger.info("%s: %d steps, about %.0f minutes", part.name, part.settings.steps, minutes)
    # Threads of OpenCV do not survive the fork of a worker process, which would wait for them.
    cv2.setNumThreads(0)
    base = foundation(args.out, seed=0)
    for part in parts:
        _check_needs(part, args.out)
        settings = replace(
            part.settings,
            minutes=args.minutes,
            threads=args.threads,
            steps=args.steps or part.settings.steps,
        )
        began = time.monotonic()
        objective, data = part.make(base, args.out)
        reached = train(objective, data, settings, args.out / part.name)
        logger.info("%s: %.0f minutes", part.name, (time.monotonic() - began) / 60)
        if reached < settings.steps:
            logger.info("%s is at step %d; run the same command to go on", part.name, reached)
            return 0
    if not args.part:
        pack(args.out, args.out / "packed")
    return 0


def pack(folder: Path, target: Path) -> None:
    """Puts the parts' files together as 'Load Small Model' reads them.

    Raises:
        TrainingError: where a part was not trained.
    """
    target.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        for file in part.files:
            source = folder / part.name / "files" / file
            if not source.is_file():
                raise TrainingError(f"{source} is not there: train the part '{part.name}' first")
            shutil.copyfile(source, target / NAMES.get(file, file))
    text = {"motion_i2v.kind": "text", "motion_i2v.licence": LICENCE}
    save_file(construct_text(VOCABULARY, CONTEXT), target / "text.safetensors", metadata=text)
    total = sum(path.stat().st_size for path in target.glob("*.safetensors"))
    logger.info("%s: %.1f MB", target, total / 1e6)


NAMES = {"stage1_controlnet.safetensors": "controlnet.safetensors"}
"""What the loader calls files otherwise."""


def _check_needs(part: Part, folder: Path) -> None:
    for name in part.needs:
        if not (folder / name / "files").is_dir():
            raise TrainingError(
                f"'{part.name}' begins with what '{name}' learned: train that first"
            )


def _load(network: Any, kind: str, folder: Path, file: str = "") -> None:
    tensors = load_file(folder / "files" / (file or f"{kind}.safetensors"))
    floats = {name: tensor.float() for name, tensor in tensors.items()}
    networks.load_released(network, kind, floats, networks.entries(kind, WIDTHS, CONTEXT))
