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
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch

from ..files.atomic import clean, parts, whole
from ..files.safetensors_files import read_safetensors
from ..types.motion_field import MotionField

FLO_MAGIC = struct.pack("<f", 202021.25)
FLO_HEADER = 12
LARGEST_SIDE = 32768
LARGEST_FIELD = 16 << 30
"""Bytes; 81 frames of 1920 x 1080 have 1.3 GiB."""
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
    with whole(path) as part:
        save_file(tensors, part, metadata | {key: str(value) for key, value in numbers.items()})
    return path


def save_flo(field: MotionField, stem: Path) -> list[Path]:
    """Writes frames 1 and on as `stem` + 0001.flo, 0002.flo, ...; returns the files' paths.

    Visibility is not kept.

    Raises:
        ValueError: for a field of one frame, in which nothing moves.
    """
    if field.frames < 2:
        raise ValueError(
            "the motion field has 1 frame, in which nothing moves; .flo files need at least 2"
        )
    clean(stem.parent, stem.name)
    files = [stem.with_name(f"{stem.name}{index:04d}.flo") for index in range(1, field.frames)]
    fresh = [file for file in files if not file.exists()]
    try:
        # The first of the files gets its name last: until it is there, the sequence is not whole.
        with ExitStack() as unnamed:
            for file, flow in zip(files, field.flow[1:].cpu(), strict=True):
                unnamed.enter_context(whole(file)).write_bytes(_flo(flow))
    except BaseException:
        for file in fresh:
            file.unlink(missing_ok=True)
        raise
    return files


def _flo(flow: torch.Tensor) -> bytes:
    """One frame [2, H, W] as Middlebury writes it."""
    height, width = flow.shape[1:]
    values = flow.permute(1, 2, 0).contiguous().numpy().astype("<f4")
    return FLO_MAGIC + struct.pack("<ii", width, height) + values.tobytes()


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
        ValueError: where a number between the first and the last is missing, the first is neither
            0 nor 1, or a process was killed before it had named all of them.
    """
    stem = re.fullmatch(r"(.*?)(\d+)", path.stem, re.DOTALL)
    if stem is None:
        return [path]
    name = re.escape(stem[1]) + rf"(\d{{{len(stem[2])}}})\.flo"
    found: dict[int, Path] = {}
    for file in path.parent.iterdir():
        match = re.fullmatch(name, file.name, re.IGNORECASE)
        if match is not None and file.is_file() and not file.is_symlink():
            found[int(match[1])] = file
    _check_named(path, name, found)
    if len(found) < 2:
        return [path]
    numbers = sorted(found)
    missing = sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers))
    if missing:
        raise ValueError(f"{path.name}: number {missing[0]} of the sequence is missing")
    if numbers[0] > 1:
        raise ValueError(f"{path.name}: the sequence begins at {numbers[0]}, not at 0 or 1")
    return [found[number] for number in numbers]


def _check_named(path: Path, name: str, found: dict[int, Path]) -> None:
    """What a killed process had written, and not named any more, is not there."""
    for part in parts(path.parent):
        match = re.match(rf"\.{name}\.", part.name, re.IGNORECASE)
        if match is not None and int(match[1]) not in found:
            raise ValueError(
                f"{path.name}: its sequence was not saved to its end; save the field again"
            )


def _load_safetensors(path: Path) -> MotionField:
    try:
        wanted, metadata = read_safetensors(path)
    except OSError as error:
        raise ValueError(f"{path.name} cannot be read: {error.strerror}") from None
    if "flow" not in wanted:
        raise ValueError(
            f'{path.name} holds {sorted(wanted)[:4]}, but a motion field must have "flow": choose '
            "another file"
        )
    if metadata.get("format", FORMAT) != FORMAT or metadata.get("version", VERSION) != VERSION:
        raise ValueError(
            f"{path.name} is {metadata.get('format')!r} version {metadata.get('version')!r}; "
            f"this pack reads {FORMAT!r} version {VERSION}"
        )
    _check_size(path, sum(tensor.nbytes for tensor in wanted.values()))
    # In memory of their own: a field that was its file would change, or break, with it.
    own = {key: wanted[key].clone() for key in wanted.keys() & {"flow", "visibility"}}
    return _named(path, own["flow"], own.get("visibility"))


def _check_size(path: Path, size: int) -> None:
    if size > LARGEST_FIELD:
        raise ValueError(
            f"{path.name} is {size / 2**30:,.1f} GiB; a motion field is at most "
            f"{LARGEST_FIELD >> 30} GiB, load fewer frames or a smaller field"
        )


def _load_flo(files: list[Path]) -> MotionField:
    _check_size(files[0], sum(file.stat().st_size for file in files))
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
            raise ValueError(
                f"{file.name} is not a .flo file: it begins with {header!r}, but must begin with "
                "202021.25 and two sides of 4 bytes each"
            )
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
