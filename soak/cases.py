"""The malformed inputs of one process: texts, drawings, nodes' inputs and damaged files."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from hypothesis import strategies as st

from soak.node_inputs import PLAIN, Inputs, inputs_of
from soak.strategies import (
    as_text,
    damaged,
    damaged_bytes,
    damaged_text,
    from_schema,
)
from soak.verdict import Given

SIZE = (64, 48)


@dataclass(frozen=True)
class Case:
    """One ill treatment.

    Args:
        what: for the failure's sentence.
        call: does it.
        given: what an error may be about.
        mended: does the same without damage.
    """

    what: str
    call: Callable[[], Any]
    given: tuple[Given, ...] = ()
    mended: Callable[[], Any] | None = None


def _case(node: Any, what: str, inputs: Inputs) -> Case:
    return Case(
        f"{what} {told(inputs.values):.500}",
        lambda: node.EXECUTE_NORMALIZED(**inputs.values),
        inputs.told,
        lambda: node.EXECUTE_NORMALIZED(**inputs.mended),
    )


@st.composite
def drawings(draw: st.DrawFn) -> str:
    """The editor's document, as it should be or damaged, as a value or as a text."""
    from motion_i2v.models.drawing.document_schema import SCHEMA

    document = draw(from_schema(SCHEMA, SCHEMA))
    for _ in range(draw(st.integers(0, 2))):
        document = draw(damaged(document))
    text = as_text(document)
    return draw(damaged_text(text)) if draw(st.integers(0, 3)) == 0 else text


@st.composite
def track_texts(draw: st.DrawFn) -> str:
    """Tracks in one of the formats, or a drawing, mostly damaged."""
    from motion_i2v.models.drawing.lenient_json import parse_json
    from motion_i2v.models.drawing.track_formats import WRITTEN, write_tracks
    from motion_i2v.models.types.tracks import Tracks

    frames, count = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    points = torch.tensor(draw(st.lists(COORDINATES, min_size=2, max_size=12)))
    points = points.repeat(frames * count * 2)[: frames * count * 2].view(frames, count, 2)
    visible = torch.ones(frames, count, dtype=torch.bool)
    written = draw(st.sampled_from((*WRITTEN, "points", "drawing")))
    if written == "drawing":
        return draw(drawings())
    if written == "points":
        pins = [{"x": x, "y": y} for x, y in points[0].tolist()]
        text = as_text({"positive": pins, "negative": pins[:1]})
    else:
        text = write_tracks(Tracks(points, visible, SIZE), written)
    how = draw(st.sampled_from(("text", "value", "good")))
    if how == "value" and written != "lines":
        return as_text(draw(damaged(parse_json(text))))
    return text if how == "good" else draw(damaged_text(text))


COORDINATES = st.one_of(st.floats(0, 64, width=32), st.floats(-1e6, 1e6, width=32))


@st.composite
def drawing_cases(draw: st.DrawFn, node: Any) -> Case:
    """The Trajectory Editor, with a drawing."""
    text, frames = draw(drawings()), draw(st.integers(2, 9))
    picture = torch.full((1, SIZE[1], SIZE[0], 3), 0.5)

    def call() -> None:
        if isinstance(said := node.validate_inputs(drawing=text), str):
            raise ValueError(said)
        node.EXECUTE_NORMALIZED(image=picture, drawing=text, frames=frames)

    return Case(f"drawing {text!r:.300}", call, (Given("drawing", "DRAWING", text, True),))


@st.composite
def text_cases(draw: st.DrawFn, node: Any) -> Case:
    """Tracks From Text, with a text and ways to read it."""
    text = draw(track_texts())
    inputs = draw(inputs_of(_without(node, "text", "picture"), {}))
    told = (*inputs.told, Given("text", "TEXT", text, True))
    values = {**inputs.values, "text": text}
    return _case(node, "track text", Inputs(values, {**inputs.mended, "text": text}, told))


def _without(node: Any, *names: str) -> Any:
    schema = node.define_schema()
    schema.inputs = [described for described in schema.inputs if described.id not in names]
    return schema


@st.composite
def node_cases(draw: st.DrawFn, nodes: list[Any], objects: dict[str, Any]) -> Case:
    """A node, with inputs of which some are bad."""
    node = draw(st.sampled_from(nodes))
    return _case(node, node.__name__, draw(inputs_of(node.define_schema(), objects)))


def nodes_for(nodes: list[Any], objects: dict[str, Any]) -> list[Any]:
    """The nodes whose inputs can all be made."""
    from motion_i2v.models.files.names import is_file

    return [
        node
        for node in nodes
        if all(
            i.io_type in PLAIN or i.io_type in objects or i.optional
            for i in node.define_schema().inputs
        )
        and not any(is_file(i.id) for i in node.define_schema().inputs)
    ]


def told(value: Any) -> str:
    """A value in short, tensors by their type and shape."""
    if isinstance(value, torch.Tensor):
        finite = value.double()[value.double().isfinite()]
        bounds = f" {finite.min():g}..{finite.max():g}" if finite.numel() else ""
        return f"{str(value.dtype)[6:]}{list(value.shape)}{bounds}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {told(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"{type(value).__name__}[" + ", ".join(map(told, value)) + "]"
    return f"{value!r:.80}"


def good_files() -> dict[str, bytes]:
    """Small files as they should be: {their last letters: contents}."""
    import safetensors.torch
    from motion_i2v.models.fields.field_formats import FORMAT, VERSION

    flow = torch.rand(2, 2, 6, 8)
    flow[0] = 0
    field = {"flow": flow, "visibility": torch.rand(2, 6, 8)}
    metadata = {"format": FORMAT, "version": VERSION}
    flo = b"PIEH" + struct.pack("<ii", 8, 6) + flow[1].numpy().tobytes()
    weights = {"conv.weight": torch.rand(4, 2, 3, 3), "conv.bias": torch.rand(4)}
    zipped, legacy = io.BytesIO(), io.BytesIO()
    torch.save(weights, zipped)
    torch.save(weights, legacy, _use_new_zipfile_serialization=False)
    return {
        "field.safetensors": safetensors.torch.save(field, metadata),
        "field.flo": flo,
        "weights.safetensors": safetensors.torch.save(weights),
        "weights.bin": zipped.getvalue(),
        "legacy.bin": legacy.getvalue(),
    }


@st.composite
def file_cases(draw: st.DrawFn, load: Any, files: dict[str, bytes], folder: Path) -> Case:
    """A damaged file, loaded as a motion field or as a checkpoint.

    Args:
        load: the node Load Motion Field.
        files: as `good_files` gives them.
        folder: the host's input folder.
    """
    from motion_i2v.models.files.checkpoints import read_checkpoint

    name = draw(st.sampled_from(sorted(files)))
    data = draw(damaged_bytes(files[name]))
    file = folder / name

    def call() -> None:
        file.unlink(missing_ok=True)  # what maps it keeps the old contents
        file.write_bytes(data)
        if name.startswith("field"):
            load.EXECUTE_NORMALIZED(file=name)
        else:
            read_checkpoint(file)

    return damaged_file(name, data, call)


def damaged_file(name: str, data: bytes, call: Callable[[], Any]) -> Case:
    """The case of a file with damaged contents."""
    what = f"{name} damaged to {len(data)} bytes {data[:40]!r}"
    return Case(what, call, (Given(name, "", bad=True),))
