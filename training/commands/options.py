"""Options out of dataclasses of settings: their fields, types, defaults, and what is said of them.

A field's type says how its option is read, and the docstring of the class what it is.
"""

from __future__ import annotations

import argparse
import inspect
import math
import os
import re
from collections.abc import Callable, Container, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from ...models.files.trained import PREDICTIONS
from ...models.trackers.methods import WITHOUT_WEIGHTS
from ..data.clip_plans import CROPS, EVEN, RANDOM
from ..data.ranges import WIDTH_UNIT, Folder
from ..data.video_fields import DOT
from ..loop import PRECISIONS, SCHEDULES, LoopSettings

CHOICES: dict[str, Sequence[str]] = {
    "schedule": SCHEDULES,
    "precision": PRECISIONS,
    "crop": CROPS,
    "tracker": (*WITHOUT_WEIGHTS, DOT),
    "prediction": PREDICTIONS,
    "encoder": ("learned", "linear"),
}

Group = argparse._ActionsContainer
Settings = TypeVar("Settings")


@dataclass(frozen=True)
class RunOptions:
    """Where a training lives.

    Args:
        out: checkpoints, finished files and logs; a training in it goes on where it stopped.
    """

    out: Folder


def loop_arguments(parser: argparse.ArgumentParser, **defaults: Any) -> None:
    """Adds `--out` and an option for each of LoopSettings.

    Args:
        defaults: other defaults than LoopSettings', such as steps=10_000.
    """
    group = parser.add_argument_group("training")
    add_options(group, RunOptions)
    # What `accelerate launch` was told.
    precision = os.environ.get("ACCELERATE_MIXED_PRECISION", LoopSettings.precision)
    add_options(group, LoopSettings, **{"precision": precision, **defaults})


def settings_of(args: argparse.Namespace) -> LoopSettings:
    """The loop's settings from parsed options.

    Raises:
        ValueError: for a value out of bounds.
    """
    return read_options(args, LoopSettings)


def add_options(
    group: Group,
    settings: type,
    only: Container[str] | None = None,
    prefix: str = "",
    **defaults: Any,
) -> None:
    """Adds an option for each field of a dataclass, or for `only` some of them."""
    said = sayings(settings)
    for item in fields(settings):
        if only is not None and item.name not in only:
            continue
        flag = "--" + f"{prefix}{item.name}".replace("_", "-")
        default = defaults.get(item.name, item.default)
        more: dict[str, Any] = {"default": default, "help": said.get(item.name)}
        if item.type == "bool":
            more["action"] = argparse.BooleanOptionalAction
        else:
            kind = str(item.type).removesuffix(" | None")
            more |= {"type": TYPES[kind], "metavar": METAVARS.get(kind, "N")}
        if item.name in CHOICES:
            more |= {"choices": CHOICES[item.name], "metavar": None}
        if default is MISSING:
            more |= {"required": True, "default": None}
        elif isinstance(default, tuple):
            more["default"] = BETWEEN[str(item.type)].join(map(str, default))
        group.add_argument(flag, **more)


def read_options(
    args: argparse.Namespace, settings: type[Settings], prefix: str = "", **given: Any
) -> Settings:
    """The settings that the options ask for.

    Args:
        given: fields that have no option of their own.
    """
    names = {item.name: f"{prefix}{item.name}" for item in fields(settings)}  # type: ignore[arg-type]
    told = {name: getattr(args, of) for name, of in names.items() if hasattr(args, of)}
    return settings(**{**told, **given})


def sayings(settings: type) -> dict[str, str]:
    """What the docstring of a class says of each of its arguments."""
    said: dict[str, str] = {}
    text = (inspect.getdoc(settings) or "").partition("Args:\n")[2].partition("\n\n")[0]
    for names, words in re.findall(r"^    (\w[\w, ]*): (.*(?:\n {5,}.*)*)", text, re.MULTILINE):
        # A per cent sign would be argparse's.
        said |= dict.fromkeys(names.split(", "), " ".join(words.split()).replace("%", "%%"))
    return said


def read_with(what: str, convert: Callable[[str], Any]) -> Callable[[str], Any]:
    """A type of an option: what `convert` makes of it, or raises ValueError of."""

    def read(text: str) -> Any:
        try:
            return convert(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not {what}") from None

    return read


def bounded(what: str, kind: Callable[[str], Any], low: float, high: float = math.inf) -> Any:
    """A type of an option: a finite number within bounds."""

    def convert(text: str) -> Any:
        value = kind(text)
        if not low <= value <= high or value == math.inf:
            raise ValueError
        return value

    return read_with(what, convert)


def _size(text: str) -> tuple[int, int]:
    width, height = (int(side) for side in text.lower().split("x"))
    return width, height


def _range(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    found = int(low), int(high or low)
    if not 1 <= found[0] <= found[1]:
        raise ValueError
    return found


def _part(text: str) -> tuple[int, int]:
    part, parts = (int(number) for number in text.split("/"))
    if not 1 <= part <= parts:
        raise ValueError
    return part, parts


def _width(text: str) -> int:
    if int(text) % WIDTH_UNIT:
        raise ValueError
    return int(text)


def _strides(text: str) -> str | tuple[int, ...]:
    return text if text in (EVEN, RANDOM) else _numbers(text)


def _numbers(text: str) -> tuple[int, ...]:
    found = tuple(int(part) for part in text.split(","))
    if min(found) < 1:
        raise ValueError
    return found


BETWEEN = {"Part": "/", "Range": "-", "Size": "x"}
METAVARS = {"Path": "FILE", "Folder": "FOLDER", "Range": "LOW-HIGH"}
TYPES: dict[str, Callable[[str], Any]] = {
    "Path": Path,
    "Folder": Path,
    "int": int,
    "float": float,
    "str": str,
    "Share": bounded("a share in 0..1", float, 0, 1),
    "Amount": bounded("a number, 0 or above", float, 0),
    "Whole": bounded("a whole number, 0 or above", int, 0),
    "Count": bounded("a whole number above 0", int, 1),
    "Numbers": read_with("a list of whole numbers as 1,2,4", _numbers),
    "Strides": read_with(f"{EVEN}, {RANDOM} or numbers as 8,16,24", _strides),
    "Width": bounded(f"a multiple of {WIDTH_UNIT}", _width, WIDTH_UNIT),
    "Range": read_with("a range of whole numbers as 1-6", _range),
    "Size": read_with("a size as 512x320", _size),
    "Part": read_with("a part as 2/8", _part),
}
