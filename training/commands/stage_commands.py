"""The sub-commands `stage1`, `controlnet`, `image-unet` and `motion-module`."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from ..data.seeds import begin
from ..loop import train
from ..objective import Objective
from ..objectives import networks
from ..objectives.pretrained import Pretrained, load_file_into, load_pretrained, start_stage1
from ..objectives.stage1 import STEPS, Stage1Objective
from ..objectives.stage2 import ImageObjective, MotionObjective
from ..objectives.warp_start import look_at_warp
from .data_options import SourceOptions, batches_of, folder_arguments, told_of
from .options import Group, add_options, loop_arguments, settings_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the four take."""
    command = parser.get_default("command")
    folder_arguments(parser)
    add_options(parser, SourceOptions)
    given = parser.add_argument_group("what is given")
    _file(given, "--checkpoint", "a whole SD 1.5 checkpoint; the small model without it")
    _file(given, "--flow-vae", "the VAE of fields; the small model's without")
    loop_arguments(parser, steps=30_000)
    group = parser.add_argument_group(command)
    if command == "stage1":
        group.add_argument(
            "--step",
            choices=STEPS,
            required=True,
            help="field: single fields (--frames 2, strides up to 120), the spatial layers; "
            "temporal: whole clips, the temporal layers; whole: everything",
        )
        _file(group, "--start", "a stage-1 UNet to go on from: that of the step before")
        _file(group, "--motion", "temporal layers to begin with: AnimateDiff v2's")
    elif command == "controlnet":
        _file(group, "--stage1", "the trained stage-1 UNet, which stays frozen", required=True)
        _file(group, "--start", "a ControlNet to go on from; otherwise a copy of the encoder")
    elif command == "motion-module":
        _file(group, "--start", "motion modules to begin with: AnimateDiff v2's; else from nothing")


def run(args: argparse.Namespace) -> int:
    """Trains one part."""
    if args.command == "stage1":
        _check_step(args)
    settings = settings_of(args)
    make = batches_of(args)
    base = load_pretrained(args.checkpoint, args.flow_vae)
    trial = make(0, 0, 1) if settings.report_every else None
    making = {
        "stage1": _stage1,
        "controlnet": _controlnet,
        "image-unet": _image_unet,
        "motion-module": _motion_module,
    }
    begin(settings.seed)
    told = {"metadata": base.metadata(told_of(args.synthetic)), "trial": trial}
    objective = making[args.command](args, base, told)
    return 0 if train(objective, make, settings, args.out) else 1


def _check_step(args: argparse.Namespace) -> None:
    if args.step == "field" and args.frames != 2:
        raise ValueError("step 'field' is about single fields at random strides: give --frames 2")
    if args.step != "field" and not args.start:
        raise ValueError(f"step '{args.step}' goes on from an earlier one: name its file (--start)")


def _stage1(args: argparse.Namespace, base: Pretrained, told: Any) -> Objective:
    unet: Any = start_stage1(base)
    if args.motion:
        load_file_into(unet.motion_modules, args.motion, "motion_modules")
    if args.start:
        load_file_into(unet, args.start, "stage1_unet")
    return Stage1Objective(unet, None, base.frozen(), args.step, **told)


def _controlnet(args: argparse.Namespace, base: Pretrained, told: Any) -> Objective:
    unet: Any = start_stage1(base)
    load_file_into(unet, args.stage1, "stage1_unet")
    control = networks.stage1_control(replace(base.shape, kind="stage1_controlnet"))
    networks.copy_encoder(control, unet)
    if args.start:
        load_file_into(control, args.start, "stage1_controlnet")
    return Stage1Objective(unet, control, base.frozen(), "control", **told)


def _image_unet(_: argparse.Namespace, base: Pretrained, told: Any) -> Objective:
    return ImageObjective(_painter(base), base.frozen(), metadata=told["metadata"])


def _motion_module(args: argparse.Namespace, base: Pretrained, told: Any) -> Objective:
    layers = networks.motion_layers(base.shape.widths)
    look_at_warp(layers)
    if args.start:
        load_file_into(layers, args.start, "motion_modules")
    return MotionObjective(_painter(base), base.frozen(), layers, **told)


def _painter(base: Pretrained) -> nn.Module:
    unet = networks.image_unet(base.shape)
    unet.load_state_dict(base.unet)
    return unet


def _file(group: Group, name: str, text: str, required: bool = False) -> None:
    group.add_argument(name, type=Path, metavar="FILE", required=required, help=text)
