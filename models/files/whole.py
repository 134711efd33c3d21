"""Whether a file is of the wanted kind, and whole: every tensor is accounted for."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from .file_shapes import READERS
from .kinds import KINDS, Kind, Shapes


def check_kind(kind: Kind | None, expected: str | None, source: str, shapes: Shapes) -> None:
    """Raises ValueError unless a file is of the expected kind, saying which node takes it.

    Args:
        kind: what it is, from `detect`.
        expected: a key of KINDS; None: any that `READERS` knows.
    """
    wanted = KINDS[expected] if expected else None
    if kind is not None and (kind is wanted or (wanted is None and kind.key in READERS)):
        return
    message = f"{source} is not {wanted.title if wanted else 'a part of Motion-I2V'}"
    if wanted:
        message += wanted.released
    if kind is None:
        first = ", ".join(sorted(shapes)[:3])
        raise ValueError(
            f"{message}, nor anything else that is known here; it begins with {first}: choose "
            "another file"
        )
    message += f": by its keys it is {kind.title}"
    message += f", for the node '{kind.loader}'" if kind.loader else ""
    raise ValueError(message + (f", which reads {kind.folder}" if kind.folder else ""))


def check_whole(shapes: Shapes, wanted: Shapes, kind: Kind, source: str) -> None:
    """Raises ValueError unless a file has the wanted tensors, all of them and no others."""
    missing = [name for name in wanted if name not in shapes]
    left_over = [name for name in shapes if name not in wanted]
    misshapen = [name for name in wanted if name in shapes and shapes[name] != wanted[name]]
    problems = []
    if missing:
        problems.append(f"{len(missing)} tensors are missing, the first {missing[0]}")
    if left_over:
        problems.append(f"{len(left_over)} are unexpected, the first {left_over[0]}")
    if misshapen:
        name = misshapen[0]
        problems.append(
            f"{len(misshapen)} have another shape, the first {name} with {list(shapes[name])} "
            f"instead of {list(wanted[name])}"
        )
    if problems:
        raise ValueError(
            f"{source} looks like {kind.title}{kind.released}, but of its {len(wanted)} tensors "
            + "; ".join(problems)
        )


def check_floating(named: Mapping[str, torch.Tensor], source: str) -> None:
    """Raises ValueError for tensors of whole numbers."""
    for name, tensor in named.items():
        if not tensor.is_floating_point():
            raise ValueError(
                f"{source}: {name} holds {tensor.dtype} numbers; quantised files cannot be loaded, "
                "use the one in float16, bfloat16 or float32"
            )
