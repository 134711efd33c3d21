"""What hypothesis generates: JSON of a schema, damaged JSON, texts and bytes, and tensors."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import hypothesis
import torch
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

HUGE = (1e9, -1e9, 1e30, 1e308, -1e308, 2**31, 2**63, 10**30)
NUMBERS = st.one_of(
    st.integers(-3, 100),
    st.floats(-2, 2),
    st.sampled_from(HUGE),
    st.sampled_from((float("nan"), float("inf"), float("-inf"))),
)
JUNK = st.one_of(
    NUMBERS,
    st.none(),
    st.booleans(),
    st.text(max_size=8),
    st.sampled_from(([], {}, [[]], {"x": 1}, "NaN", "1,2", [None], [[[[1, 2]]]])),
)
"""Values of JSON, and of its lenient kin, that are meant nowhere."""
SCRAPS = ("{", "]", ",", "NaN", "-", "1e999", '"', "\\", "null", "\0", "\ud83d\ude80", "[" * 400)


def generate(
    strategy: st.SearchStrategy[Any], count: int, seed: int, take: Callable[[Any], None]
) -> None:
    """Hands over so many values of a strategy; the same for a seed."""
    settings = hypothesis.settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    hypothesis.seed(seed)(settings(hypothesis.given(strategy)(take)))()


def from_schema(schema: dict[str, Any], root: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that a JSON Schema describes, as far as its types go: conditions are not kept."""
    if "$ref" in schema:
        return from_schema(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema["type"]
    if kind == "object":
        named = {name: from_schema(part, root) for name, part in schema["properties"].items()}
        needed = {name: named.pop(name) for name in schema.get("required", ())}
        return st.fixed_dictionaries(needed, optional=named)
    if kind == "array":
        items = from_schema(schema["items"], root)
        return st.lists(items, min_size=schema.get("minItems", 0), max_size=5)
    if kind == "number":
        return st.floats(schema.get("minimum", -0.5), schema.get("maximum", 1.5))
    return st.text(max_size=9)


@st.composite
def damaged(draw: st.DrawFn, value: Any) -> Any:
    """A copy of a JSON value with one part, at any depth, left out, doubled or made junk."""
    inner = isinstance(value, dict | list) and value and draw(st.integers(0, 5))
    if not inner:
        return draw(JUNK)
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = draw(st.sampled_from(keys))
    copy = value.copy()
    what = draw(st.sampled_from(("inside", "inside", "inside", "left out", "doubled")))
    if what == "inside":
        copy[key] = draw(damaged(value[key]))
    elif what == "left out":
        del copy[key]
    elif isinstance(copy, list):
        copy.insert(key, value[key])
    else:
        copy[f"{key}2"] = value[key]
    return copy


@st.composite
def damaged_text(draw: st.DrawFn, text: str) -> str:
    """A text cut short, with a scrap put in, or with a part of it left out or said twice."""
    at = draw(st.integers(0, len(text)))
    what = draw(st.sampled_from(("cut", "scrap", "left out", "twice", "another")))
    if what == "cut":
        return text[:at]
    if what == "scrap":
        return text[:at] + draw(st.sampled_from(SCRAPS)) + text[at:]
    if what == "another":
        return text[:at] + draw(st.characters()) + text[at + 1 :]
    to = min(len(text), at + draw(st.integers(1, 40)))
    return text[:at] + (text[to:] if what == "left out" else text[at:to] + text[at:])


@st.composite
def damaged_bytes(draw: st.DrawFn, data: bytes) -> bytes:
    """A file's contents cut short, with some bytes changed or zeroed, or with more behind."""
    at = draw(st.one_of(st.integers(0, min(len(data), 600)), st.integers(0, len(data))))
    what = draw(st.sampled_from(("cut", "flipped", "flipped", "zeroed", "longer", "numbers")))
    if what == "cut":
        return data[:at]
    if what == "flipped":
        changed = bytearray(data)
        for _ in range(draw(st.integers(1, 4))):
            place = draw(st.integers(0, min(len(data) - 1, 600)))
            changed[place] ^= draw(st.integers(1, 255))
        return bytes(changed)
    if what == "zeroed":
        return data[:at] + bytes(min(64, len(data) - at)) + data[at + 64 :]
    if what == "longer":
        return data + draw(st.binary(min_size=1, max_size=64))
    new = draw(st.sampled_from((bytes(8), b"\xff" * 8, (2**40).to_bytes(8, "little"))))
    return data[:at] + new + data[at + 8 :]


def as_text(value: Any) -> str:
    """JSON, or what Python's own writing of it is, NaN and all."""
    return json.dumps(value)


@st.composite
def tensors(draw: st.DrawFn, *shape: int) -> torch.Tensor:
    """Seeded values in 0..1 of a shape."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    return torch.rand(shape, generator=generator)


DTYPES = (torch.float16, torch.bfloat16, torch.float64, torch.uint8, torch.int64, torch.bool)


@st.composite
def damaged_tensor(draw: st.DrawFn, good: torch.Tensor) -> torch.Tensor:
    """A tensor of another type or shape, or with values that are not finite, or far away."""
    what = draw(st.sampled_from(("value", "value", "dtype", "shape", "empty", "strides", "grad")))
    if what == "value":
        bad = good.clone()
        value = draw(st.sampled_from((float("nan"), float("inf"), -1.0, 2.0, 1e9, -1e38)))
        bad.view(-1)[draw(st.integers(0, max(bad.numel() - 1, 0))) :] = value
        return bad
    if what == "dtype":
        return good.to(draw(st.sampled_from(DTYPES)))
    if what == "shape":
        change = draw(st.sampled_from(("one more", "one less", "others", "turned")))
        if change == "one more":
            return good[None]
        if change == "one less":
            return good[0] if good.ndim else good[None]
        return good.movedim(-1, 0) if change == "turned" else good[..., :1].repeat_interleave(5, -1)
    if what == "empty":
        return good.narrow(draw(st.integers(0, good.ndim - 1)), 0, 0)
    return good.flip(-1).transpose(-1, -2) if what == "strides" else good.float().requires_grad_()
