"""Motion fields as files: .safetensors, and Middlebury's .flo.

A .safetensors file holds the whole field: "flow" [F, 2, H, W], and "visibility" [F, H, W] where it
is known. A .flo file holds one frame: 202021.25 as float32, width and height as int32, then u and
v of each pixel, row by row, all little endian (https://vision.middlebury.edu/flow/code/). A field
of more frames is a numbered sequence, name0001.flo for frame 1 and so on; frame 0, which never
moves, is left out. Neither format can carry code.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
import torch

from ..types.motion_field import MotionField

FLO_MAGIC = struct.pack("<f", 202021.25)
FLO_HEADER = 12
LARGEST_SIDE = 32768
UNKNOWN = 1e9
"""Middlebury's mark: a pixel with a displacement beyond this is unknown."""

FORMAT = "motion-i2v motion field"
VERSION = "1"
SUFFIXES = (".safetensors", ".flo")


def save_safetensors(field: MotionField, path: Path) -> Path:
    """Writes the whole field into one file; returns its path."""
    from safetensors.torch import save_file

    tensors = {"flow": field.flow.cpu().contiguous()}
    if field.visibility is not None:
        tensors["visibility"] = field.visibility.cpu().contiguous()
    width, height = field.size
    numbers = {"frames": field.frames, "width": width, "height": height}
    metadata = {"format": FORMAT, "version": VERSION}
    save_file(tensors, path, metadata | {key: str(value) for key, value in numbers.items()})
    return path


def save_flo(field: MotionField, stem: Path) -> list[Path]:
    """Writes frames 1 and on as `stem` + 0001.flo, 0002.flo, ...; returns the files' paths.

    Visibility is not kept.

    Raises:
        ValueError: for a field of one frame, in which nothing moves.
    """
    if field.frames < 2:
        raise ValueError("a field of one frame has no motion to write into .flo files")
    written = []
    for index, flow in enumerate(field.flow[1:].cpu(), start=1):
        file = stem.with_name(f"{stem.name}{index:04d}.flo")
        height, width = flow.shape[1:]
        values = flow.permute(1, 2, 0).contiguous().numpy().astype("<f4")
        file.write_bytes(FLO_MAGIC + struct.pack("<ii", width, height) + values.tobytes())
        written.append(file)
    return written


def load_field(path: Path) -> MotionField:
    """Reads a field from a .safetensors file, or from a .flo file and the sequence it is part of.

    Raises:
        ValueError: saying which file is wrong, and how: missing, of another kind, truncated, of an
            impossible size, or a gap in the numbers of a sequence.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path.name}: a motion field's file ends in .safetensors or .flo")
    if not path.is_file():
        raise ValueError(f"{path.name}: there is no such file")
    if path.suffix.lower() == ".safetensors":
        return _load_safetensors(path)
    return _load_flo(flo_sequence(path))


def flo_sequence(path: Path) -> list[Path]:
    """The .flo files that belong with `path`: same name, other number, in the numbers' order.

    Raises:
        ValueError: where a number between the first and the last is missing, or the first is
            neither 0 nor 1.
    """
    stem = re.fullmatch(r"(.*?)(\d+)", path.stem, re.DOTALL)
    if stem is None:
        return [path]
    name = re.escape(stem[1]) + rf"(\d{{{len(stem[2])}}})\.flo"
    found: dict[int, Path] = {}
    for file in path.parent.iterdir():
        match = re.fullmatch(name, file.name, re.IGNORECASE)
        if match is not None and file.is_file():
            found[int(match[1])] = file
    if len(found) < 2:
        return [path]
    numbers = sorted(found)
    missing = sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers))
    if missing:
        raise ValueError(f"{path.name}: number {missing[0]} of the sequence is missing")
    if numbers[0] > 1:
        raise ValueError(f"{path.name}: the sequence begins at {numbers[0]}, not at 0 or 1")
    return [found[number] for number in numbers]


def _load_safetensors(path: Path) -> MotionField:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            keys = set(file.keys())
            wanted = {key: file.get_tensor(key) for key in keys & {"flow", "visibility"}}
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path.name} is not a whole .safetensors file: {error}") from None
    if "flow" not in wanted:
        raise ValueError(f'{path.name} holds {sorted(keys)[:4]} and no "flow": not a motion field')
    if metadata.get("format", FORMAT) != FORMAT or metadata.get("version", VERSION) != VERSION:
        raise ValueError(
            f"{path.name} is {metadata.get('format')!r} version {metadata.get('version')!r}; "
            f"this pack reads {FORMAT!r} version {VERSION}"
        )
    try:
        return MotionField(wanted["flow"], wanted.get("visibility"))
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None


def _load_flo(files: list[Path]) -> MotionField:
    frames = [_read_flo(file) for file in files]
    for file, frame in zip(files, frames, strict=True):
        if frame.shape != frames[0].shape:
            sizes = [f"{f.shape[2]}x{f.shape[1]}" for f in (frame, frames[0])]
            raise ValueError(f"{file.name} is {sizes[0]}, but the sequence began with {sizes[1]}")
    flow = torch.from_numpy(np.stack(frames))
    numbered_from_0 = len(files) > 1 and int(re.findall(r"\d+", files[0].stem)[-1]) == 0
    if not numbered_from_0:
        flow = torch.cat([torch.zeros_like(flow[:1]), flow])
    unknown = (flow.abs() > UNKNOWN).any(dim=1) | flow.isnan().any(dim=1)
    if not bool(unknown.any()):
        return _named(files[0], flow, None)
    return _named(files[0], flow.masked_fill(unknown[:, None], 0), (~unknown).float())


def _named(file: Path, flow: torch.Tensor, visibility: torch.Tensor | None) -> MotionField:
    try:
        return MotionField(flow, visibility)
    except ValueError as error:
        raise ValueError(f"{file.name}: {error}") from None


def _read_flo(file: Path) -> np.ndarray:
    """One frame [2, H, W]."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        header = stream.read(FLO_HEADER)
        if len(header) < FLO_HEADER or header[:4] != FLO_MAGIC:
            raise ValueError(f"{file.name} is not a .flo file: it does not begin with 202021.25")
        width, height = struct.unpack("<ii", header[4:])
        if not (1 <= width <= LARGEST_SIDE and 1 <= height <= LARGEST_SIDE):
            raise ValueError(
                f"{file.name} says it is {width}x{height}; each side is 1 to {LARGEST_SIDE}"
            )
        expected = FLO_HEADER + 8 * width * height
        if size != expected:
            raise ValueError(
                f"{file.name} is {size} bytes, but {width}x{height} pixels take {expected}: "
                f"{'the file is cut short' if size < expected else 'something follows the data'}"
            )
        values = np.frombuffer(stream.read(), dtype="<f4")
    return np.ascontiguousarray(values.reshape(height, width, 2).transpose(2, 0, 1), dtype="f4")
