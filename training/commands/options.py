"""Options out of dataclasses of settings: their fields, types, defaults, and what is said of them.

A field's type says how its option is read, and the docstring of the class what it is.
"""

from __future__ import annotations

import argparse
import inspect
import math
import os
import re
from collections.abc import Callable, Container
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

from ..data.clip_plans import CROPS
from ..loop import PRECISIONS, SCHEDULES, LoopSettings

CHOICES = {"schedule": SCHEDULES, "precision": PRECISIONS, "crop": CROPS}

Group = argparse._ActionsContainer
Settings = TypeVar("Settings")


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
            more |= {"type": TYPES[str(item.type)], "metavar": "N"}
        if item.name in CHOICES:
            more |= {"choices": CHOICES[item.name], "metavar": None}
        if default is MISSING:
            more |= {"required": True, "default": None}
        elif isinstance(default, tuple):
            more["default"] = "-".join(map(str, default))
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


def whole_numbers(text: str) -> tuple[int, ...]:
    """Such as 1,2,4."""
    found = tuple(int(part) for part in text.split(","))
    if min(found) < 1:
        raise ValueError
    return found


TYPES: dict[str, Callable[[str], Any]] = {
    "int": int,
    "float": float,
    "str": str,
    "Share": bounded("a share in 0..1", float, 0, 1),
    "Amount": bounded("a number, 0 or above", float, 0),
    "Whole": bounded("a whole number, 0 or above", int, 0),
    "Count": bounded("a whole number above 0", int, 1),
    "Range": read_with("a range of whole numbers as 1-6", _range),
    "Size": read_with("a size as 512x320", _size),
}
