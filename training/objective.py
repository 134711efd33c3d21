"""What a training is about: networks, their loss, and the files that they become."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .data.batches import Batch

Files = dict[str, tuple[dict[str, Tensor], dict[str, str]]]
"""Name of a finished file -> its tensors and metadata."""


class Objective:
    """What `training.loop.train` trains. Subclasses give `loss` and `files`, and set `modules`."""

    modules: Any
    """What is trained, averaged and saved: an nn.Module."""
    leaves_out = False
    """Whether a step may leave a part of it without a gradient, which processes must be told."""

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, dict[str, Any]]:
        """The loss of a batch and figures to log; every random number comes from the generator."""
        raise NotImplementedError

    def files(self, modules: Any) -> Files:
        """The finished files of (averaged) modules."""
        raise NotImplementedError

    def report(self, modules: Any, writer: Any, step: int) -> None:
        """Writes samples and measures of (averaged) modules to TensorBoard; none by default."""

    def gradient_checkpointing(self) -> None:
        """From now on less memory is worth more time.

        Raises:
            ValueError: where a part cannot do that.
        """
        raise ValueError("this part has no gradient checkpointing; leave it off")
