"""The options of the sub-command `mcdiff`, and what of them does not go together."""

from __future__ import annotations

import argparse
from pathlib import Path

from ...models.files.trained import EPS, PREDICTIONS
from ...models.host.mcdiff_file import STROKES
from ...models.networks.mcdiff_shapes import CompletionShape, FrameShape
from ..data.keypoint_flow import Correction
from ..data.sparse_flow import USUAL, Sampling
from ..data.step_folder import PACES
from ..objectives.mcdiff import FLOW, STEPS, TOGETHER, McdiffInputs
from ..objectives.noise import Schedule
from .data_options import check_source, source_arguments, video_arguments
from .options import TYPES, add_options, bounded, loop_arguments, read_with, whole_numbers

FLOW_SHAPE = CompletionShape(64, (1, 2, 3, 4))
FRAME_SHAPE = FrameShape(192, (1, 2, 4), 2)
"""Of new networks, unless the options say otherwise."""
SYNTHETIC_PACES = (4, 30)
WIDTH_UNIT = 32


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `mcdiff` takes."""
    video_arguments(parser, required=False, size=(160, 96), frames=3)
    parser.add_argument(
        "--pace",
        type=TYPES["Range"],
        metavar="LOW-HIGH",
        help="frames of the video from one frame of a clip to the next; default: {}-{}; of "
        "--synthetic, in 120ths of a scene's motion, default {}-{}".format(
            *PACES, *SYNTHETIC_PACES
        ),
    )
    source_arguments(parser, batch=8)
    keypoints = parser.add_argument_group("keypoints, which correct the flow of videos")
    add_options(keypoints, Correction, prefix="keypoint_")
    _network_arguments(parser)
    strokes = parser.add_argument_group("strokes")
    names = ("strokes", "background", "each", "anywhere", "nothing", "many")
    add_options(strokes, Sampling, names)
    strokes.add_argument(
        "--half-size", type=TYPES["Whole"], default=USUAL.half_size[0], help="of a square, px"
    )
    loop_arguments(parser, steps=30_000)


def check(args: argparse.Namespace) -> None:
    """Says what does not go together before anything is read.

    Raises:
        ValueError: for options that do not.
    """
    step = args.step
    check_source(args)
    if args.half_size > STROKES[1]:
        raise ValueError(f"a stroke's half size is at most {STROKES[1]} px, not {args.half_size}")
    if args.apart and step != TOGETHER:
        raise ValueError(f"--apart is a way of step '{TOGETHER}', not of '{step}'")
    if args.flow_start and step not in (FLOW, TOGETHER):
        raise ValueError(f"step '{step}' has no use for flow completion: leave out --flow-start")
    if args.frame_start and step == FLOW:
        raise ValueError(f"step '{step}' has no use for the future frame: leave out --frame-start")
    starts = args.flow_start or args.frame_start
    if step == TOGETHER and not starts:
        raise ValueError(
            f"step '{TOGETHER}' goes on from both halves: name a finished file of each "
            "(--flow-start, --frame-start), or one that holds both"
        )
    if starts and (args.width or args.mult or args.blocks):
        raise ValueError("the file to go on from has its own --width, --levels and --blocks")
    if not starts:
        Schedule(args.prediction or EPS, args.zero_terminal_snr)


def _network_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("mcdiff")
    group.add_argument(
        "--step",
        choices=STEPS,
        required=True,
        help="flow: F, flow completion; frame: G, the future frame, on true flow; together: both, "
        "G's loss through F; sparse: G on strokes alone, the paper's ablation",
    )
    group.add_argument(
        "--apart", action="store_true", help="of together: G's loss does not reach F"
    )
    for name, text in (
        ("--flow-start", "a finished mcdiff file whose flow completion to go on from"),
        ("--frame-start", "a finished mcdiff file whose future frame to go on from"),
        ("--vae", "SD 1.5's VAE, or one that image-vae trained; the small model's without it"),
    ):
        group.add_argument(name, type=Path, metavar="FILE", help=text)
    group.add_argument(
        "--prediction", choices=PREDICTIONS, help=f"what G predicts; default: {EPS}, as published"
    )
    group.add_argument(
        "--zero-terminal-snr",
        action="store_true",
        help="G's last timestep is pure noise; needs v prediction",
    )
    levels = read_with("a list of whole numbers as 1,2,4", whole_numbers)
    for name, of, kind, text in (
        ("--width", "width", _width, "channels of the first level"),
        ("--levels", "mult", levels, "each level's channels, in widths"),
        ("--blocks", "blocks", TYPES["Count"], "residual blocks a level"),
    ):
        usual = "default: {} for F, {} for G".format(
            *(_told(getattr(shape, of)) for shape in (FLOW_SHAPE, FRAME_SHAPE))
        )
        group.add_argument(name, dest=of, metavar="N", type=kind, help=f"{text}; {usual}")
    add_options(group, McdiffInputs, ("moving", "coded", "dropped", "blurred"))


def _told(value: int | tuple[int, ...]) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _unit(text: str) -> int:
    if int(text) % WIDTH_UNIT:
        raise ValueError
    return int(text)


_width = bounded(f"a multiple of {WIDTH_UNIT}", _unit, WIDTH_UNIT)
