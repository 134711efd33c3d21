"""Inputs of a node, good and bad, from its own schema."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from hypothesis import strategies as st

from soak.strategies import JUNK, NUMBERS, damaged, damaged_tensor, tensors
from soak.verdict import Given, kind_of

BAD_IN = 11
"""One value of so many is bad."""
LARGEST = {"frames": 17, "more_frames": 4, "steps": 2}
SIDE = 64
"""No good number is larger, of what LARGEST does not name: more takes the time of other cases."""


@st.composite
def pictures(draw: st.DrawFn, most: int = 4) -> torch.Tensor:
    """IMAGE [B, H, W, C]"""
    sides = draw(st.sampled_from(((48, 64), (32, 32), (17, 9), (1, 64), (64, 1), (1, 1))))
    channels = draw(st.sampled_from((3, 3, 3, 1, 4)))
    return draw(tensors(draw(st.integers(1, most)), *sides, channels))


@st.composite
def masks(draw: st.DrawFn) -> torch.Tensor:
    """MASK [B, H, W] or [H, W], some of them all 0 or 1"""
    sides = draw(st.sampled_from(((48, 64), (32, 32), (9, 7), (1, 64), (1, 1))))
    mask = draw(tensors(draw(st.integers(1, 3)), *sides))
    mask = draw(st.sampled_from((mask, (mask > 0.5).float(), mask * 0, mask * 0 + 1)))
    return mask[0] if draw(st.booleans()) else mask


@st.composite
def tracks(draw: st.DrawFn) -> dict[str, Any]:
    """TRACKS, ours or the core's"""
    frames, count = draw(st.integers(1, 9)), draw(st.integers(0, 4))
    points = draw(tensors(frames, count, 2)) * draw(st.sampled_from((1, 40, 64, 500)))
    visibility = draw(tensors(frames, count)) > draw(st.sampled_from((-1.0, 0.5)))
    found: dict[str, Any] = {"track_path": points, "track_visibility": visibility}
    return found if draw(st.integers(0, 3)) == 0 else {**found, "size": (64, 48)}


@st.composite
def fields(draw: st.DrawFn) -> Any:
    """MOTION_FIELD"""
    from motion_i2v.models.types.motion_field import MotionField

    height, width = draw(st.sampled_from(((48, 64), (32, 32), (5, 3), (1, 64), (1, 1))))
    frames = draw(st.integers(1, 9))
    reach = draw(st.sampled_from((0, 0.1, 5, 100, 1e9, 1e30)))
    flow = (2 * draw(tensors(frames, 2, height, width)) - 1) * reach
    flow[0] = 0
    known = draw(st.booleans())
    return MotionField(flow, draw(tensors(frames, height, width)) if known else None)


@st.composite
def latents(draw: st.DrawFn) -> dict[str, Any]:
    """LATENT of pictures or of a clip"""
    shape = draw(st.sampled_from(((6, 4, 6, 8), (1, 4, 6, 8), (1, 16, 3, 6, 8), (1, 4, 1, 1))))
    return {"samples": draw(tensors(*shape))}


MADE: dict[str, Callable[[], st.SearchStrategy[Any]]] = {
    **{"IMAGE": pictures, "MASK": masks, "TRACKS": tracks},
    **{"MOTION_FIELD": fields, "LATENT": latents},
}


PLAIN = {*MADE, "INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}
"""Types that are made without a model."""


@st.composite
def wrong(draw: st.DrawFn, described: Any, good: Any) -> Any:
    """What an input does not take, as a link of any type may bring it; mostly a damaged `good`."""
    kind = described.io_type
    if kind in ("INT", "FLOAT"):
        return draw(st.one_of(NUMBERS, NUMBERS, JUNK))
    if kind not in MADE or draw(st.integers(0, 4)) == 0:
        return draw(JUNK)
    if isinstance(good, torch.Tensor):
        return draw(damaged_tensor(good))
    if isinstance(good, dict):
        name = draw(st.sampled_from(sorted(good)))
        part = good[name]
        is_tensor = isinstance(part, torch.Tensor) and part.numel() and draw(st.booleans())
        return {**good, name: draw(damaged_tensor(part) if is_tensor else damaged(part))}
    return draw(st.sampled_from((good.flow, tuple(good), good.flow[0])))


@st.composite
def right(draw: st.DrawFn, described: Any) -> Any:
    """What an input takes."""
    kind = described.io_type
    if kind in MADE:
        return draw(MADE[kind]())
    if kind == "BOOLEAN":
        return draw(st.booleans())
    if kind == "COMBO":
        return draw(st.sampled_from(described.options or ["none"]))
    if kind == "INT":
        most = max(LARGEST.get(described.id, SIDE), described.min)
        return draw(st.integers(described.min, min(described.max, most)))
    if kind == "FLOAT":
        return draw(st.floats(described.min, described.max))
    return draw(st.one_of(st.just(described.default or ""), st.text(max_size=12)))


@dataclass(frozen=True)
class Inputs:
    """The inputs of one run of a node.

    Args:
        values: by their ids.
        mended: the same, without damage.
        told: as an answer may be about them.
    """

    values: dict[str, Any]
    mended: dict[str, Any]
    told: tuple[Given, ...]


@st.composite
def inputs_of(draw: st.DrawFn, schema: Any, objects: dict[str, Any]) -> Inputs:
    """The inputs of one run of a node, of which some are bad.

    Args:
        schema: the node's.
        objects: what sockets of a model are given, by their type.
    """
    values, mended, told = {}, {}, []
    for described in schema.inputs:
        name, kind = described.id, described.io_type
        if described.optional and draw(st.booleans()):
            continue
        bad = draw(st.integers(0, BAD_IN)) == 0
        if kind not in objects and kind not in PLAIN:
            junk = draw(JUNK)
            values[name] = [junk] if schema.is_input_list else junk
            told.append(Given(name, kind_of(name, kind), junk, True))
            continue
        good = objects[kind] if kind in objects else draw(right(described))
        value = draw(wrong(described, good)) if bad else good
        told.append(Given(name, kind_of(name, kind), value, bad))
        values[name], mended[name] = (
            [each] if schema.is_input_list else each for each in (value, good)
        )
    return Inputs(values, mended, tuple(told))
