"""What a socket's dict should hold as a tensor, and may hold as anything."""

from __future__ import annotations

from typing import Any

import torch


def as_numbers(value: Any, needed: str) -> torch.Tensor:
    """A tensor as it is, or one of nested lists of numbers.

    Args:
        value: what another node has put there.
        needed: what it must be, as the beginning of the error's sentence.

    Raises:
        ValueError: for what holds something else than numbers, or lists of unequal lengths.
    """
    try:
        return torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise ValueError(f"{needed}, got {value!r:.60}") from None
