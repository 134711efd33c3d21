"""The sub-commands `flow-vae` and `image-vae`: an autoencoder from videos or synthetic clips."""

from __future__ import annotations

import argparse
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ...models.files.checkpoints import read_checkpoint
from ...models.files.safetensors_files import read_safetensors
from ...scenes.photographs import Photographs
from ..checkpoint import write
from ..data.batches import Batch, MakeBatch
from ..data.scene_batches import ClipPixels, FieldPixels, PicturePixels
from ..data.seeds import begin
from ..loop import train
from ..objectives.linear_vae import Pca, blocks_of, fit_pca, linear_part
from ..objectives.vae_objective import KL, AutoencoderObjective, DecoderObjective
from .data_options import folder_arguments, folder_clips, told_of
from .options import add_options, loop_arguments, settings_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class AutoencoderOptions:
    """What is trained.

    Args:
        encoder: linear: the best 4 components of blocks, not trained; quick, and enough for small
            models.
        widths: channels of the four levels.
        kl: weight of the divergence.
        start: an autoencoder to begin with.
        batch: clips; of synthetic ones, 4 frames each.
    """

    encoder: str = "learned"
    widths: str = "128,256,512,512"
    kl: float = KL
    start: Path | None = None
    batch: int = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `flow-vae` and `image-vae` take."""
    folder_arguments(parser)
    loop_arguments(parser, steps=50_000)
    group = parser.add_argument_group("autoencoder")
    add_options(group, AutoencoderOptions)


def run(args: argparse.Namespace) -> int:
    """Trains an autoencoder on a folder of videos, or on synthetic clips."""
    kind = args.command.replace("-", "_")
    settings = settings_of(args)
    make, trial, data = _data(kind, args)
    told: Any = {"metadata": {"motion_i2v.data": data}, "trial": trial}
    start = read_checkpoint(args.start, kind) if args.start else None
    begin(settings.seed)
    widths = start.widths if start else tuple(int(width) for width in args.widths.split(","))
    objective: DecoderObjective | AutoencoderObjective
    if args.encoder == "linear":
        pca = linear_part(start.tensors) if start else _code(kind, make, args.out)
        objective = DecoderObjective(kind, widths, pca, **told)
    else:
        objective = AutoencoderObjective(kind, widths, args.kl, start, **told)
    return 0 if train(objective, make, settings, args.out) else 1


def _data(kind: str, args: argparse.Namespace) -> tuple[MakeBatch, Batch, str]:
    """Batches, one for reports, and what to call them."""
    if args.videos:
        make = ClipPixels(kind, folder_clips(args, args.batch).make_batch)
        return make, {"pixels": make(-1, 0, 1)["pixels"][:8]}, told_of(synthetic=False)

    def pixels(photographs: Photographs) -> MakeBatch:
        if kind == "image_vae":
            return PicturePixels(photographs, args.seed, 4 * args.batch, (args.size,))
        return FieldPixels(photographs, args.seed, args.batch, 4, (args.size,))

    trial = {"pixels": pixels(Photographs("held_out"))(0, 0, 1)["pixels"][:8]}
    return pixels(Photographs("train")), trial, told_of(synthetic=True)


def _code(kind: str, make: MakeBatch, folder: Path) -> Pca:
    """The linear code of the data: fitted to its first batches once, then read."""
    path = folder / "code.safetensors"
    if not path.is_file():
        logger.info("fitting the linear encoder")
        blocks = [blocks_of(make(step, 0, 1)["pixels"]) for step in range(16)]
        write(path, asdict(fit_pca(torch.cat(blocks), kind)), {})
    return Pca(**read_safetensors(path)[0])
