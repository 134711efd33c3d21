"""The options of the sub-command `mcdiff`, and what of them does not go together."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from ...models.files.trained import EPS, PREDICTIONS
from ...models.host.mcdiff_file import STROKES
from ...models.networks.mcdiff_shapes import CompletionShape, FrameShape
from ..data.keypoint_flow import Correction
from ..data.sparse_flow import Sampling
from ..data.step_folder import PACES
from ..objectives.mcdiff import FLOW, STEPS, TOGETHER, McdiffInputs
from ..objectives.noise import Schedule
from .data_options import video_arguments
from .options import loop_arguments

FLOW_SHAPE = CompletionShape(64, (1, 2, 3, 4))
FRAME_SHAPE = FrameShape(192, (1, 2, 4), 2)
"""Of new networks, unless the options say otherwise."""
SYNTHETIC_PACES = (4, 30)
WIDTH_UNIT = 32


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `mcdiff` takes."""
    _data_arguments(parser)
    _network_arguments(parser)
    _stroke_arguments(parser)
    loop_arguments(parser, steps=30_000)


def check(args: argparse.Namespace) -> None:
    """Says what does not go together before anything is read.

    Raises:
        ValueError: for options that do not.
    """
    step = args.step
    if args.synthetic == (args.videos is not None):
        raise ValueError("give either --videos FOLDER --cache FOLDER, or --synthetic")
    if args.batch < 1:
        raise ValueError(f"a batch has at least 1 clip, not {args.batch}")
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
    if starts and (args.width or args.levels or args.blocks):
        raise ValueError("the file to go on from has its own --width, --levels and --blocks")
    if not starts:
        Schedule(args.prediction or EPS, args.zero_terminal_snr)


def _data_arguments(parser: argparse.ArgumentParser) -> None:
    video_arguments(parser, required=False, size="160x96", frames=3)
    parser.add_argument(
        "--pace",
        type=_bounds,
        metavar="LOW-HIGH",
        help="frames of the video from one frame of a clip to the next; default: {}-{}; of "
        "--synthetic, in 120ths of a scene's motion, default {}-{}".format(
            *PACES, *SYNTHETIC_PACES
        ),
    )
    parser.add_argument(
        "--synthetic",
        action="store_true",
        help="endless synthetic clips with exact motion, instead of --videos",
    )
    parser.add_argument("--batch", type=int, default=8, help="clips a batch and process")
    group = parser.add_argument_group("keypoints, which correct the flow of videos")
    usual = Correction()
    for name, text in (
        ("radius", "pixels up to so far take a keypoint's motion"),
        ("moving", "px a step; what moves less stays as it is"),
        ("agreement", "px; keypoints that come back farther from their beginning are left out"),
        ("residual", "grey levels of 255; those, too, whose surroundings differ more"),
        ("contradiction", "those, too, that differ from the flow by more than this share of it"),
    ):
        group.add_argument(
            f"--keypoint-{name}", type=_positive, default=getattr(usual, name), help=text
        )


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
    shapes = FLOW_SHAPE, FRAME_SHAPE
    told = "default: {} for F, {} for G"
    group.add_argument(
        "--width",
        type=_width,
        help="channels of the first level; " + told.format(*(shape.width for shape in shapes)),
    )
    group.add_argument(
        "--levels",
        type=_levels,
        metavar="LIST",
        help="each level's channels, in widths; "
        + told.format(*(",".join(map(str, shape.mult)) for shape in shapes)),
    )
    group.add_argument(
        "--blocks",
        type=_count,
        help="residual blocks a level; " + told.format(*(shape.blocks for shape in shapes)),
    )
    usual = McdiffInputs
    group.add_argument(
        "--moving",
        type=_positive,
        default=usual.moving,
        help="how much more F's error on moving pixels weighs",
    )
    for name, text in (
        ("coded", "share of frames that F sees through the VAE"),
        ("dropped", "share of steps in which G is told no flow, for guidance"),
        ("blurred", "most noise on the latent that G goes on from, in standard deviations"),
    ):
        group.add_argument(f"--{name}", type=_share, default=getattr(usual, name), help=text)


def _stroke_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("strokes")
    usual = Sampling()
    group.add_argument(
        "--strokes",
        type=_bounds,
        default="{}-{}".format(*usual.strokes),
        metavar="LOW-HIGH",
        help="how many on what moves",
    )
    group.add_argument(
        "--background", type=_whole, default=usual.background, help="how many at most on what rests"
    )
    group.add_argument(
        "--half-size", type=_whole, default=usual.half_size[0], help="of a stroke's square, px"
    )
    for name, text in (
        ("each", "share of drawings with a stroke on every thing that moves (--synthetic)"),
        ("anywhere", "share of strokes at any pixel instead of at a keypoint"),
        ("nothing", "share of steps without a stroke"),
        ("many", "share of drawings with very many strokes"),
    ):
        group.add_argument(f"--{name}", type=_share, default=getattr(usual, name), help=text)


def _bounds(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    high = high or low
    if not (low.isdecimal() and high.isdecimal() and 1 <= int(low) <= int(high)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a range of whole numbers as 1-6")
    return int(low), int(high)


def _levels(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(part.isdecimal() and int(part) >= 1 for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of whole numbers as 1,2,4")
    return tuple(int(part) for part in parts)


def _width(text: str) -> int:
    if not text.isdecimal() or int(text) < WIDTH_UNIT or int(text) % WIDTH_UNIT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a multiple of {WIDTH_UNIT}")
    return int(text)


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, 0 or above")
    return int(text)


def _count(text: str) -> int:
    if _whole(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _share(text: str) -> float:
    value = _positive(text)
    if value > 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share in 0..1")
    return value


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number, 0 or above")
    return value
