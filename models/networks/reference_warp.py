"""What motion-augmented attention needs of a motion field, prepared once for one resolution."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

import torch

from .splat import SplatPlan, bags

CPU_PART = 1 << 22
"""Bytes of warped tokens held at once on a CPU: they stay in its cache until they are used."""

GPU_PART = 1 << 15
"""Pixels at once on a GPU: fused attention kernels allow no more batches times heads."""


class ReferenceWarp:
    """Average splatting of one reference map with N - 1 fields, a few pixels' sequences at a time.

    Args:
        flow: [N - 1, 2, h, w] float32 displacements in pixels of this resolution, on the device of
            the features; N - 1 may be 0. Of several clips [B, N - 1, 2, h, w]: they are one picture
            with the pixels of all of them.
        strength: 0..1, the weight of a warped token next to a real one; 1 is what modules are
            trained with, at 0 there are no warped tokens.

    Raises:
        ValueError: as `SplatPlan`, or for another strength.
    """

    def __init__(self, flow: torch.Tensor, strength: float = 1.0) -> None:
        if not 0 <= strength <= 1:
            raise ValueError(f"the strength of the warp is 0..1, not {strength}")
        clips = flow if flow.ndim == 5 else flow[None]
        self.fields = clips.shape[1]
        self.pixels = len(clips) * flow.shape[-2] * flow.shape[-1]
        self.strength = strength if self.fields else 0.0
        self._constants: dict[object, torch.Tensor] = {}
        if self.strength:
            matrices = [SplatPlan(clip).rows_matrix() for clip in clips]
            self.offset, self.column, self.value = joined(matrices, self.pixels // len(clips))
            # One transfer, so that no part has to ask the device where it begins.
            self._starts = self.offset[:: self.fields].tolist()

    def parts(self, channels: int) -> Iterator[slice]:
        """Consecutive ranges of pixels to work on, for warped tokens of `channels` channels."""
        size = GPU_PART
        if self.offset.device.type == "cpu":
            size = max(1, CPU_PART // (4 * channels * max(1, self.fields)))
        for first in range(0, self.pixels, size):
            yield slice(first, min(first + size, self.pixels))

    def warp(self, reference: torch.Tensor, part: slice) -> torch.Tensor:
        """The reference as each field moves it, at some pixels.

        Args:
            reference: [h * w, C] float32 features of the reference frame.
            part: a range of pixels.

        Returns:
            [pixels of the part, N - 1, C] float32; 0 where nothing lands.
        """
        entries = slice(self._starts[part.start], self._starts[part.stop])
        offset = self.offset[part.start * self.fields : part.stop * self.fields + 1]
        warped = bags(reference, self.column[entries], offset - entries.start, self.value[entries])
        return warped.unflatten(0, (-1, self.fields))

    def constant(self, key: object, make: Callable[[], torch.Tensor]) -> torch.Tensor:
        """A tensor that stays the same for a whole run, made when it is first asked for."""
        if key not in self._constants:
            self._constants[key] = make()
        return self._constants[key]


def joined(
    matrices: Sequence[tuple[torch.Tensor, torch.Tensor, torch.Tensor]], pixels: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Sparse matrices (offset, column, value) along one diagonal, each of so many columns."""
    if len(matrices) == 1:
        return matrices[0]
    offsets, columns, values = zip(*matrices, strict=True)
    before = [0, *accumulate(len(value) for value in values)]
    ends = [offset[1:] + first for offset, first in zip(offsets, before[:-1], strict=True)]
    moved = [column + pixels * clip for clip, column in enumerate(columns)]
    return torch.cat([offsets[0][:1], *ends]), torch.cat(moved), torch.cat(values)
