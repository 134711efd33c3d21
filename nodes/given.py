"""What a node is given, made good or refused before it runs: one rule for the inputs of a kind."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from numbers import Integral, Real
from typing import Any

import torch
from comfy_api.latest import io

from ..models.files.names import is_file
from ..models.picture.pixels import check_finite
from ..models.types.motion_field import MotionField
from .sockets import OnePicture


def taken(schema: io.Schema, given: dict[str, Any]) -> dict[str, Any]:
    """The inputs as nodes are written for: choices and numbers that a widget would allow, pictures
    of RGB, one where one is meant, things of their socket's type, where float64 is.

    What is typed into a widget, the host has looked at, if not in every version; what comes over a
    link, such as a number or what a node of any type gives, nobody has.

    Raises:
        ValueError: naming the input, what it is, and what it may be; or one that there is not.
    """
    found = dict(given)
    names = [described.id for described in schema.inputs]
    for name in given.keys() - set(names):
        # Of values the host leaves such out, but hands on what a link brings.
        listed = ", ".join(names) or "none"
        raise ValueError(f"{name} is no input of {schema.display_name}; expected one of: {listed}")
    for described in schema.inputs:
        name = described.id
        if name not in given:
            continue
        if not schema.is_input_list or given[name] is None:
            found[name] = _checked(described, given[name])
        elif described.optional and all(part is None for part in given[name]):
            del found[name]  # as if nothing were connected
        else:
            found[name] = [_checked(described, part, True) for part in given[name] or [None]]
    return found


def _checked(described: io.Input, value: Any, listed: bool = False) -> Any:
    name, kind = described.id, described.io_type
    if value is None:
        if described.optional and not listed:
            return None
        raise ValueError(f"{name} is nothing (None): what is connected to it gave no {kind}")
    if isinstance(described, io.Combo.Input):
        # Not every host that checks a prompt looks at the choices.
        check = _text if is_file(name) else partial(_chosen, options=described.options or [])
        return check(name, value)
    if isinstance(described, io.Int.Input | io.Float.Input):
        return _number(described, value)
    if isinstance(value, list | tuple) and _takes_texts(described):
        return value
    value = CHECKS[kind](name, value) if kind in CHECKS else value
    return single(name, value) if isinstance(described, OnePicture) else value


def _takes_texts(described: io.Input) -> bool:
    """Whether several texts may come, as spline nodes give them; names and drawings are one."""
    is_text = isinstance(described, io.String.Input)
    return bool(is_text and described.multiline and not described.socketless)


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


def rgb(name: str, picture: Any) -> torch.Tensor:
    """[B, H, W, 3] of an IMAGE: alpha is left out, and grey becomes RGB.

    Raises:
        ValueError: for anything that is no IMAGE, or an empty one; for NaN and infinite colours,
            and for whole numbers, whose white nobody knows.
    """
    shape = _shape(picture)
    if not isinstance(shape, list) or len(shape) != 4 or 0 in shape or shape[3] not in (1, 3, 4):
        raise ValueError(
            f"{name} is an IMAGE [pictures, height, width, 3], with 4 channels where it has an "
            f"alpha, which is left out, or 1 where it is grey; got {shape}"
        )
    if picture.dtype is torch.bool:
        picture = picture.float()
    if not picture.is_floating_point():
        raise ValueError(
            f"{name} is {str(picture.dtype).removeprefix('torch.')}, but an IMAGE must be of "
            "floating point, with colours in 0..1; divide 8 bits by 255"
        )
    check_finite(picture[..., :3], name, "the colours of an IMAGE must lie in 0..1")
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


def _chosen(name: str, value: Any, options: list[Any]) -> Any:
    if value not in options:
        listed = ", ".join(str(option) for option in options)
        raise ValueError(f"{name} is {value!r}, but one of these is needed: {listed}")
    return value


def _number(described: io.Int.Input | io.Float.Input, value: Any) -> int | float:
    whole = isinstance(described, io.Int.Input)
    kind = "a whole number" if whole else "a number"
    bounds = f"{kind} from {described.min} to {described.max}"
    if not isinstance(value, Real) or not described.min <= value <= described.max:
        raise ValueError(f"{described.id} is {value!r:.60}, but {bounds} is needed")
    if not whole:
        return float(value)
    if not isinstance(value, Integral) and not float(value).is_integer():
        raise ValueError(f"{described.id} is {value!r}, but {bounds} is needed: round it")
    return int(value) if isinstance(value, Integral) else int(float(value))


def _switch(name: str, value: Any) -> bool:
    if isinstance(value, str | list | tuple | dict | torch.Tensor):
        raise ValueError(f"{name} is {value!r:.60}, but true or false is needed")
    return bool(value)


def _text(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError(f"{name} is {value!r:.60}, but a text is needed")
    return value


def _mask(name: str, value: Any) -> Any:
    shape = _shape(value)
    if isinstance(shape, list) and len(shape) == 4 and shape[1] == 1:
        value, shape = value[:, 0], [shape[0], *shape[2:]]  # as networks take it
    if not isinstance(shape, list) or len(shape) not in (2, 3) or 0 in shape:
        raise ValueError(f"{name} is a MASK [masks, height, width], got {shape}")
    return with_float64(value[None] if len(shape) == 2 else value)


def _field(name: str, value: Any) -> Any:
    if not isinstance(value, tuple) or not hasattr(value, "flow"):
        raise ValueError(f"{name} is a MOTION_FIELD, as Densify Tracks gives, got {_shape(value)}")
    return with_float64(value)


def _latent(name: str, value: Any) -> Any:
    samples = value.get("samples") if isinstance(value, dict) else None
    shape = _shape(samples if isinstance(value, dict) else value)
    if samples is None or not isinstance(shape, list) or len(shape) < 3 or 0 in shape:
        raise ValueError(
            f'{name} is a LATENT with "samples" [pictures, channels, height, width], got {shape}'
        )
    return value


def _object(kind: str, name: str, value: Any) -> Any:
    if isinstance(value, Real | str | list | tuple | dict | torch.Tensor):
        raise ValueError(f"{name} is a {kind}, as its loader gives, and not {_shape(value)}")
    return value


def _shape(value: Any) -> list[int] | str:
    """What a message tells of a thing of no use: a tensor's shape, a short value, or its type."""
    if isinstance(value, torch.Tensor):
        return list(value.shape)
    return f"{value!r:.60}" if isinstance(value, Real | str) else type(value).__name__


OBJECTS = (
    *("MODEL", "CLIP", "VAE", "CONTROL_NET", "SAMPLER"),
    *("FLOW_VAE", "MOTION_MODULE", "DENSE_TRACKER", "FLOW_COMPLETION"),
)
CHECKS: dict[str, Callable[[str, Any], Any]] = {
    **{"IMAGE": lambda name, value: with_float64(rgb(name, value)), "MASK": _mask},
    **{"TRACKS": lambda _, value: with_float64(value), "MOTION_FIELD": _field, "LATENT": _latent},
    **{"BOOLEAN": _switch, "STRING": _text},
    **{kind: partial(_object, kind) for kind in OBJECTS},
}
"""By the socket's type: takes the input's name and its value, gives the value."""
