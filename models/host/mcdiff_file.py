"""Reading MCDiff's file: flow completion (F) and the future frame (G), or one of them alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isqrt
from pathlib import Path

from torch import Tensor

from ..drawing.momentary_strokes import HALF_SIZE
from ..files.checkpoint_files import load_tensors
from ..files.checkpoints import cast
from ..files.file_shapes import dimension
from ..files.kinds import KINDS, Shapes, detect
from ..files.released_names import canonical
from ..files.trained import Trained, number_of, trained_of
from ..files.whole import check_floating, check_kind, check_whole
from ..networks.mcdiff_shapes import CompletionShape, FrameShape

KIND = KINDS["mcdiff"]
COMPLETION, FUTURE = "flow_completion", "future_frame"
HALVES = {COMPLETION: "flow completion (F)", FUTURE: "the future frame (G)"}
"""The names of the halves' tensors begin with these."""
SIDE = 128
SIDES, STROKES = (16, 4096), (0, 64)
GROUPS = 32
"""Of the host's group norms: they divide every width."""


@dataclass
class McdiffFile:
    """A file that was read and found whole.

    Args:
        source: the file, for messages.
        completion, future: the halves' tensors by the networks' names; empty where one is absent.
        completion_shape, frame_shape: None where one is absent.
        trained: what the metadata tells of G's training.
        side: mean side, px, of the pictures that the networks were trained on.
        stroke: half the size, px, of a momentary stroke there.
    """

    source: str
    completion: dict[str, Tensor]
    future: dict[str, Tensor]
    completion_shape: CompletionShape | None
    frame_shape: FrameShape | None
    trained: Trained
    side: int
    stroke: int

    def demand(self, *halves: str) -> None:
        """Raises ValueError where the file lacks one of these halves (COMPLETION, FUTURE)."""
        there = {COMPLETION: bool(self.completion), FUTURE: bool(self.future)}
        for half in halves:
            if not there[half]:
                (other,) = there.keys() - {half}
                raise ValueError(
                    f"{self.source} holds {HALVES[other]} alone, but {HALVES[half]} is needed too "
                    f"(tensors {half}.*); take the file that the joint training wrote"
                )


def read_mcdiff(path: str | Path) -> McdiffFile:
    """Reads a file of MCDiff, without running code that it holds.

    Raises:
        FileNotFoundError: where there is no such file.
        ValueError: for a file that cannot be read, is of another kind, or is not whole.
    """
    path = Path(path)
    return mcdiff_of(*load_tensors(path), str(path))


def mcdiff_of(
    tensors: Mapping[str, object], metadata: Mapping[str, str], source: str
) -> McdiffFile:
    """What `read_mcdiff` does, for tensors that are already read; they are copied."""
    named = canonical(tensors, source)
    shapes: Shapes = {name: tuple(tensor.shape) for name, tensor in named.items()}
    check_kind(detect(shapes), KIND.key, source, shapes)
    halves = {half: any(name.startswith(f"{half}.") for name in shapes) for half in HALVES}
    completion = _completion_shape(shapes, source) if halves[COMPLETION] else None
    frame = _frame_shape(shapes, source) if halves[FUTURE] else None
    check_whole(shapes, _wanted(completion, frame), KIND, source)
    check_floating(named, source)
    own = {name: cast(t, None, f"{source}: {name}", copy=True) for name, t in named.items()}
    return McdiffFile(
        source,
        _without(f"{COMPLETION}.", own),
        _without(f"{FUTURE}.", own),
        completion,
        frame,
        trained_of(metadata, source, KIND.key),
        number_of(metadata, "side", SIDE, SIDES, source),
        number_of(metadata, "stroke", HALF_SIZE, STROKES, source),
    )


def _without(prefix: str, named: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name[len(prefix) :]: t for name, t in named.items() if name.startswith(prefix)}


def _wanted(completion: CompletionShape | None, frame: FrameShape | None) -> Shapes:
    """The tensors of networks of these shapes, as the networks themselves tell."""
    from . import mcdiff_networks as networks

    inside = {
        COMPLETION: networks.completion_tensors(completion) if completion else {},
        FUTURE: networks.future_tensors(frame) if frame else {},
    }
    return {f"{half}.{name}": s for half, named in inside.items() for name, s in named.items()}


def _completion_shape(shapes: Shapes, source: str) -> CompletionShape:
    net = f"{COMPLETION}.net."

    def side(name: str, dim: int = 0) -> int:
        return dimension(shapes, net + name, dim, KIND, source)

    levels = _count(shapes, net + "down.{}.")
    widths = [side(f"down.{level}.block.0.conv2.weight") for level in range(max(1, levels))]
    looking = (
        level
        for level in range(levels)
        if any(name.startswith(f"{net}down.{level}.attn.") for name in shapes)
    )
    channels = side("conv_in.weight", 1)
    fold = isqrt(channels // 5)
    if channels < 5 or channels != 5 * fold**2:
        raise ValueError(
            f"{source}: {net}conv_in.weight takes {channels} channels, but folded flow and colours "
            "have 5, 20, 45, ...; the file is damaged, or from a newer version of this pack"
        )
    width, mult = _levels(side("conv_in.weight"), widths, source)
    blocks = _count(shapes, net + "down.0.block.{}.")
    return CompletionShape(width, mult, blocks, next(looking, levels), fold)


def _frame_shape(shapes: Shapes, source: str) -> FrameShape:
    blocks_in = f"{FUTURE}.input_blocks."

    def side(name: str) -> int:
        return dimension(shapes, blocks_in + name, 0, KIND, source)

    width = side("0.0.weight")
    count = _count(shapes, blocks_in + "{}.")
    halving = (i for i in range(1, count) if f"{blocks_in}{i}.0.op.weight" in shapes)
    # A level is so many residual blocks and one that halves, which the last level lacks.
    level = max(2, next(halving, count))
    firsts = range(1, max(2, count), level)
    widths = [side(f"{first}.0.out_layers.3.weight") for first in firsts]
    return FrameShape(*_levels(width, widths, source), level - 1)


def _levels(width: int, widths: Sequence[int], source: str) -> tuple[int, tuple[int, ...]]:
    """(width, mult) of the levels' channels."""
    if width < GROUPS or width % GROUPS or any(n < width or n % width for n in widths):
        raise ValueError(
            f"{source}: the widths of {KIND.title} must be multiples of {GROUPS} and of the first "
            f"convolution's, not {[width, *widths]}"
        )
    return width, tuple(n // width for n in widths)


def _count(shapes: Shapes, pattern: str) -> int:
    """How many of the prefixes `pattern.format(0)`, `pattern.format(1)`, ... there are."""
    before, _, after = pattern.partition("{}")
    assert after == "."
    there = {name[len(before) :].partition(".")[0] for name in shapes if name.startswith(before)}
    return next(count for count in range(len(there) + 1) if str(count) not in there)
