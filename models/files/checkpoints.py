"""Reading the released checkpoints: a whole file's tensors, and the host's names for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from .checkpoint_files import load_tensors
from .file_shapes import READERS
from .kinds import Kind, Shapes, detect
from .layout import Entry, entries
from .network_shapes import NetworkShape, UNetShape, VAEShape
from .released_names import canonical
from .trained import Trained, trained_of
from .whole import check_floating, check_kind, check_whole


@dataclass
class Checkpoint:
    """A file that was read and found whole.

    Args:
        kind: one of KINDS.
        source: the file, for messages.
        tensors: by released name, the VAE's attention in its newer names, without `.pe`.
        entries: every tensor's names and shape, in the order of the layout.
        shape: of the network.
        metadata: of a safetensors file.
        mapped: whether the tensors' memory is the file itself.
        trained: what the metadata tells of the training.
    """

    kind: Kind
    source: str
    tensors: dict[str, torch.Tensor]
    entries: list[Entry]
    shape: NetworkShape
    metadata: dict[str, str] = field(default_factory=dict)
    mapped: bool = False
    trained: Trained = field(default_factory=Trained)

    @property
    def widths(self) -> tuple[int, ...]:
        return self.shape.widths

    @property
    def unet(self) -> UNetShape:
        """The shape of a UNet, a ControlNet or motion modules."""
        assert isinstance(self.shape, UNetShape)
        return self.shape

    @property
    def vae(self) -> VAEShape:
        assert isinstance(self.shape, VAEShape)
        return self.shape

    @property
    def parameters(self) -> int:
        return sum(tensor.numel() for tensor in self.tensors.values())

    @property
    def dtype(self) -> torch.dtype:
        """The dtype that most of the weights have."""
        counts: dict[torch.dtype, int] = {}
        for tensor in self.tensors.values():
            counts[tensor.dtype] = counts.get(tensor.dtype, 0) + tensor.numel()
        return max(counts, key=lambda dtype: counts[dtype])

    def take_host_tensors(self, dtype: torch.dtype | None = None) -> dict[str, torch.Tensor]:
        """Hands the tensors over under the host's names, cast one by one; leaves none behind.

        A network whose weights were the file itself would break when the file is replaced, so
        mapped tensors are copied, one by one too.

        Raises:
            ValueError: for NaN, infinite values, or ones that the dtype cannot hold.
        """
        out = {}
        for entry in self.entries:
            tensor = self.tensors.pop(entry.name)
            out[entry.host] = cast(tensor, dtype, f"{self.source}: {entry.name}", self.mapped)
        return out


def read_checkpoint(path: str | Path, expected: str | None = None) -> Checkpoint:
    """Reads a .safetensors, .bin, .ckpt, .pt or .pth file without running code that it holds.

    Args:
        path: the file.
        expected: the kind that is wanted, a key of KINDS; None takes any kind but those that only
            serve to say what a wrong file is.

    Raises:
        FileNotFoundError: where there is no such file.
        ValueError: for a file that cannot be read, is of another kind, or is not whole.
    """
    path = Path(path)
    tensors, metadata = load_tensors(path)
    checkpoint = checkpoint_of(tensors, str(path), expected, metadata)
    checkpoint.mapped = True
    return checkpoint


def checkpoint_of(
    tensors: Mapping[str, object],
    source: str,
    expected: str | None = None,
    metadata: dict[str, str] | None = None,
) -> Checkpoint:
    """What `read_checkpoint` does, for tensors that are already in memory (they are not copied)."""
    named = canonical(tensors, source)
    shapes: Shapes = {name: tuple(tensor.shape) for name, tensor in named.items()}
    kind = detect(shapes)
    check_kind(kind, expected, source, shapes)
    assert kind is not None
    shape = READERS[kind.key](shapes, kind, source)
    table = entries(shape)
    check_whole(shapes, {entry.name: entry.shape for entry in table}, kind, source)
    check_floating(named, source)
    told = metadata or {}
    trained = trained_of(told, source, kind.key, shape.widths)
    if isinstance(shape, UNetShape):
        shape = replace(shape, heads=trained.heads)
    return Checkpoint(kind, source, named, table, shape, told, trained=trained)


def cast(
    tensor: torch.Tensor, dtype: torch.dtype | None, called: str, copy: bool = False
) -> torch.Tensor:
    """A tensor of a file in another dtype (None: its own), in memory of its own if told.

    Raises:
        ValueError: for NaN, infinite values, or ones that the dtype cannot hold.
    """
    out = tensor.to(dtype or tensor.dtype, copy=copy)
    if is_finite(out):
        return out
    if not is_finite(tensor):
        raise ValueError(f"{called} holds NaN or infinite values; the file is broken, get it again")
    raise ValueError(
        f"{called} holds values up to {float(tensor.float().abs().max()):g}, which {out.dtype} "
        "cannot hold; load it in bfloat16 or float32"
    )


def is_finite(tensor: torch.Tensor) -> bool:
    """Whether there is neither NaN nor infinity; torch cannot tell for floats of eight bits."""
    return bool(torch.isfinite(tensor if tensor.element_size() > 1 else tensor.half()).all())
