"""How wide and deep an AllTracker network is, read off its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

STEMS = ("cnn.features.0.0.weight", "cnn.features.2.1.weight", "cnn.features.4.1.weight")


MOST_BLOCKS = 64
"""In a row; where a file has more, they are left over."""


@dataclass(frozen=True)
class AllTrackerShape:
    """Widths and depths; those of the release where nothing else is said.

    Args:
        width: channels of a cell while it is updated.
        encoder: channels of the encoder's three stages; none: the encoder of the tiny network.
        depths: blocks in each of them.
        blocks: pairs of a block over time and one over space in an update.
        frames: of a window.
    """

    width: int = 128
    encoder: tuple[int, ...] = (96, 192, 384)
    depths: tuple[int, ...] = (3, 3, 9)
    blocks: int = 3
    frames: int = 16

    @classmethod
    def of(cls, named: Mapping[str, Tensor]) -> AllTrackerShape:
        """The shape of a file's network; what the file lacks is as in the release."""

        def size(name: str, axis: int, usual: int) -> int:
            sides = named[name].shape if name in named else ()
            return sides[axis] if axis < len(sides) else usual

        def count(prefix: str) -> int:
            found = {n[len(prefix) :].split(".")[0] for n in named if n.startswith(prefix)}
            return min(len(found), MOST_BLOCKS)

        stages = tuple(size(name, 0, width) for name, width in zip(STEMS, cls.encoder, strict=True))
        full = any(name.startswith("cnn.") for name in named)
        return cls(
            width=size("flow_head.0.weight", 1, cls.width),
            encoder=stages if full else (),
            depths=tuple(count(f"cnn.features.{2 * i + 1}.") for i in range(3)) if full else (),
            blocks=count("update_block.refine.") // 2,
            frames=size("time_emb", 1, cls.frames),
        )
