"""The sub-commands `flow-vae` and `image-vae`: an autoencoder from videos or synthetic clips."""

from __future__ import annotations

import argparse
import logging
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from ...models.files.checkpoints import read_checkpoint
from ...models.files.safetensors_files import read_safetensors
from ...scenes.photographs import Photographs
from ..checkpoint import write
from ..data.batches import MakeBatch
from ..data.seeds import begin
from ..data.vae_batches import ClipPixels, FieldPixels, PicturePixels
from ..loop import train
from ..objectives.linear_vae import Pca, blocks_of, fit_pca, linear_part
from ..objectives.vae_objective import KL, AutoencoderObjective, DecoderObjective
from .data_options import folder_arguments, folder_clips, told_of
from .options import loop_arguments, settings_of

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `flow-vae` and `image-vae` take."""
    folder_arguments(parser)
    loop_arguments(parser, steps=50_000)
    group = parser.add_argument_group("autoencoder")
    group.add_argument(
        "--encoder",
        choices=("learned", "linear"),
        default="learned",
        help="linear: the best 4 components of blocks, not trained; quick, and enough for small "
        "models",
    )
    group.add_argument("--widths", default="128,256,512,512", help="channels of the four levels")
    group.add_argument("--kl", type=float, default=KL, help="weight of the divergence")
    group.add_argument("--start", type=Path, metavar="FILE", help="an autoencoder to begin with")
    group.add_argument(
        "--batch", type=int, default=4, help="clips; of synthetic ones, 4 frames each"
    )


def run(args: argparse.Namespace) -> int:
    """Trains an autoencoder on a folder of videos, or on synthetic clips."""
    kind = args.command.replace("-", "_")
    settings = settings_of(args)
    make, trial, data = _data(kind, args)
    metadata = {"motion_i2v.data": data}
    start = read_checkpoint(args.start, kind) if args.start else None
    begin(settings.seed)
    widths = start.widths if start else tuple(int(width) for width in args.widths.split(","))
    objective: DecoderObjective | AutoencoderObjective
    if args.encoder == "linear":
        pca = linear_part(start.tensors) if start else _code(kind, make, args.out)
        objective = DecoderObjective(kind, widths, pca, metadata, trial)
    else:
        objective = AutoencoderObjective(kind, widths, metadata, trial, args.kl, start)
    return 0 if train(objective, make, settings, args.out) else 1


def _data(kind: str, args: argparse.Namespace) -> tuple[MakeBatch, Tensor, str]:
    """Batches, pixels for reports, and what to call them."""
    if args.videos:
        make = ClipPixels(kind, folder_clips(args, args.batch).make_batch)
        return make, make(-1, 0, 1)["pixels"][:8], told_of(synthetic=False)

    def pixels(photographs: Photographs) -> MakeBatch:
        if kind == "image_vae":
            return PicturePixels(photographs, args.seed, 4 * args.batch, (args.size,))
        return FieldPixels(photographs, args.seed, args.batch, 4, (args.size,))

    trial = pixels(Photographs("held_out"))(0, 0, 1)["pixels"][:8]
    return pixels(Photographs("train")), trial, told_of(synthetic=True)


def _code(kind: str, make: MakeBatch, folder: Path) -> Pca:
    """The linear code of the data: fitted to its first batches once, then read."""
    path = folder / "code.safetensors"
    if not path.is_file():
        logger.info("fitting the linear encoder")
        blocks = [blocks_of(make(step, 0, 1)["pixels"]) for step in range(16)]
        write(path, asdict(fit_pca(torch.cat(blocks), kind)), {})
    return Pca(**read_safetensors(path)[0])
