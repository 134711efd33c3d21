"""What a node is given, made good or refused before it runs: one rule for the inputs of a kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from comfy_api.latest import io

from ..models.types.motion_field import MotionField
from .sockets import OnePicture


def taken(schema: io.Schema, given: dict[str, Any]) -> dict[str, Any]:
    """The inputs as nodes are written for: choices that there are, and pictures of RGB, one where
    one is meant, where float64 is.

    Raises:
        ValueError: naming the input, what it is, and what it may be.
    """
    checks = {found.id: check for found in schema.inputs if (check := _check_of(found))}
    for name in checks.keys() & given.keys():
        check, value = checks[name], given[name]
        if value is not None:
            each = [check(part) for part in value] if schema.is_input_list else check(value)
            given = {**given, name: each}
    return given


def _check_of(described: io.Input) -> Callable[[Any], Any] | None:
    name = described.id
    if isinstance(described, io.Combo.Input) and not is_file(name):
        # Not every host that checks a prompt looks at the choices, and a link brings anything.
        return lambda value: _chosen(name, value, described.options or [])
    if isinstance(described, OnePicture):
        return lambda value: with_float64(single(name, rgb(name, value)))
    if isinstance(described, io.Image.Input):
        return lambda value: with_float64(rgb(name, value))
    return with_float64 if described.io_type in ("MASK", "TRACKS", "MOTION_FIELD") else None


def with_float64(value: Any) -> Any:
    """Tensors, alone or in a motion field or tracks, off a device that lacks float64 and parts of
    grid_sample, as Apple's GPU does: the host leaves them there with --gpu-only."""
    if isinstance(value, torch.Tensor):
        return value.cpu() if value.device.type == "mps" else value
    if isinstance(value, MotionField):
        return MotionField(*map(with_float64, value))
    if isinstance(value, dict):
        return {key: with_float64(part) for key, part in value.items()}
    return value


def is_file(name: str) -> bool:
    """Whether an input chooses a file: one that is not listed may be there all the same."""
    return name == "file" or name.endswith("_file")


def _chosen(name: str, value: Any, options: list[Any]) -> Any:
    if value not in options:
        listed = ", ".join(str(option) for option in options)
        raise ValueError(f"{name} is {value!r}, but one of these is needed: {listed}")
    return value


def rgb(name: str, picture: Any) -> torch.Tensor:
    """[B, H, W, 3] of an IMAGE: alpha is left out, and grey becomes RGB.

    Raises:
        ValueError: for anything that is no IMAGE, or an empty one.
    """
    shape = list(picture.shape) if isinstance(picture, torch.Tensor) else type(picture).__name__
    if not isinstance(shape, list) or len(shape) != 4 or 0 in shape or shape[3] not in (1, 3, 4):
        raise ValueError(
            f"{name} is an IMAGE [pictures, height, width, 3], with 4 channels where it has an "
            f"alpha, which is left out, or 1 where it is grey; got {shape}"
        )
    if shape[3] == 1:
        return picture.expand(-1, -1, -1, 3).contiguous()
    return picture[..., :3].contiguous()


def single(name: str, pictures: torch.Tensor) -> torch.Tensor:
    """The picture [1, H, W, 3] of an IMAGE that holds one.

    Raises:
        ValueError: for several, before anything is loaded or sampled for them.
    """
    if len(pictures) != 1:
        raise ValueError(
            f"{name} is a batch of {len(pictures)} pictures, but 1 is needed: pick one, for "
            "example with ImageFromBatch, or queue them one by one (Rebatch Images to 1)"
        )
    return pictures
