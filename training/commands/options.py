"""Options that every training shares, from the command line to the loop's settings."""

from __future__ import annotations

import argparse
import os
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from ..loop import PRECISIONS, SCHEDULES, LoopSettings

HELP = {
    "steps": "steps of the optimizer in all; the learning rate falls until there",
    "learning_rate": "the highest learning rate",
    "warmup": "steps until the highest learning rate",
    "schedule": "of the learning rate after the warm-up",
    "weight_decay": "AdamW's weight decay",
    "clip": "largest norm of a gradient; 0: any",
    "ema": "decay of the average of the weights, which is what is published",
    "precision": "no: float32; the default is what `accelerate launch` was told",
    "accumulate": "batches a step, for a larger batch than fits into memory",
    "save_every": "steps between checkpoints",
    "keep": "checkpoints to keep, at least 2",
    "report_every": "steps between samples and measures in TensorBoard; 0: none",
    "log_every": "steps between lines on the console",
    "seed": "of everything random",
    "workers": "processes that prepare batches ahead of time",
    "threads": "torch's threads on a CPU; 0: its own choice",
    "minutes": "stop after so many minutes, saved and ready to go on; 0: no limit",
    "gradient_checkpointing": "compute activations twice: less memory, more time",
}
CHOICES = {"schedule": SCHEDULES, "precision": PRECISIONS}
TYPES = {"int": int, "float": float, "str": str}


def loop_arguments(parser: argparse.ArgumentParser, **defaults: Any) -> None:
    """Adds `--out` and an option for each of LoopSettings.

    Args:
        defaults: other defaults than LoopSettings', such as steps=10_000.
    """
    group = parser.add_argument_group("training")
    group.add_argument(
        "--out",
        type=Path,
        required=True,
        default=argparse.SUPPRESS,
        metavar="FOLDER",
        help="checkpoints, finished files and logs; a training in it goes on where it stopped",
    )
    precision = os.environ.get("ACCELERATE_MIXED_PRECISION", LoopSettings.precision)
    defaults = {"precision": precision, **defaults}
    for item in fields(LoopSettings):
        flag = "--" + item.name.replace("_", "-")
        default = defaults.get(item.name, item.default)
        help_text = HELP[item.name]
        if item.type == "bool":
            group.add_argument(
                flag, action=argparse.BooleanOptionalAction, default=default, help=help_text
            )
        elif default is MISSING:
            group.add_argument(flag, type=int, required=True, metavar="N", help=help_text)
        else:
            group.add_argument(
                flag,
                type=TYPES[str(item.type)],
                default=default,
                choices=CHOICES.get(item.name),
                metavar=None if item.name in CHOICES else "N",
                help=help_text,
            )


def settings_of(args: argparse.Namespace) -> LoopSettings:
    """The loop's settings from parsed options.

    Raises:
        ValueError: for a value out of bounds.
    """
    return LoopSettings(**{item.name: getattr(args, item.name) for item in fields(LoopSettings)})
