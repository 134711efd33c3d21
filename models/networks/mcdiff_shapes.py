"""What MCDiff's two networks are like, without the networks (see `models.host.mcdiff_networks`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CompletionShape:
    """What flow completion is like.

    Args:
        width: channels of the first level, a multiple of 32.
        mult: each level's channels, in widths.
        blocks: residual blocks a level on the way down; one more on the way up.
        attention: levels from this one on look at all their pixels.
        fold: the first level's pixels are blocks of so many pixels squared, folded into channels.
    """

    width: int
    mult: tuple[int, ...]
    blocks: int = 1
    attention: int = 2
    fold: int = 2

    @property
    def multiple(self) -> int:
        """Sides of pictures are padded to multiples of this."""
        return self.fold * 2 ** (len(self.mult) - 1)


@dataclass(frozen=True)
class FrameShape:
    """What the future-frame network is like: `width` and `mult` as above, `blocks` a level."""

    width: int
    mult: tuple[int, ...]
    blocks: int = 1
