"""A clip that is read frame by frame, at the size that a tracker works at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ..picture.pixels import check_finite

MULTIPLE = 8


@dataclass(frozen=True)
class ClipFrames:
    """Frames in order, of one size; nothing is copied or resized before it is read.

    Args:
        frames: each [H, W, 3] in 0..1 (a batch [F, H, W, 3] is such a sequence too).
        size: (w, h) at which frames are read; None for their own.

    Raises:
        ValueError: for fewer than 2 frames, or a frame of another shape than the first.
    """

    frames: Sequence[torch.Tensor] | torch.Tensor
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if len(self.frames) < 2:
            raise ValueError(
                f"motion needs at least 2 frames, but the clip has {len(self.frames)}; load a "
                "video, or a batch of pictures"
            )
        first = list(self.frames[0].shape)
        if len(first) != 3 or first[2] < 3 or min(first) < 1:
            raise ValueError(f"a frame is [height, width, 3 colours], got {first}")
        if isinstance(self.frames, torch.Tensor):
            return
        for i in range(len(self.frames)):
            frame = self.frames[i]
            if list(frame.shape) != first:
                raise ValueError(
                    f"all frames of a clip have one size, but frame {i} is "
                    f"{frame.shape[1]}x{frame.shape[0]} and frame 0 is {first[1]}x{first[0]}; "
                    "resize or crop them first"
                )

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def own_size(self) -> tuple[int, int]:
        """(W, H) of the frames themselves."""
        return int(self.frames[0].shape[1]), int(self.frames[0].shape[0])

    @property
    def read_size(self) -> tuple[int, int]:
        """(w, h) at which frames are read."""
        return self.size or self.own_size

    def at(self, size: tuple[int, int]) -> ClipFrames:
        """The same frames, read at another size (w, h)."""
        return replace(self, size=size)

    def part(self, first: int = 0, frames: int = 0, every: int = 1) -> ClipFrames:
        """Every `every`-th frame from `first` on, at most `frames` of them (0: all).

        Raises:
            ValueError: where fewer than 2 frames are left.
        """
        if not 0 <= first < len(self):
            raise ValueError(
                f"the clip has frames 0 to {len(self) - 1}; it cannot begin at frame {first}: "
                "choose a first frame among them"
            )
        if every < 1 or frames < 0:
            raise ValueError(f"cannot take {frames} frames, every {every}th")
        end = len(self) if not frames else min(len(self), first + (frames - 1) * every + 1)
        if len(range(first, end, every)) < 2:
            raise ValueError(
                f"motion needs at least 2 frames, but of the clip's {len(self)} only "
                f"{len(range(first, end, every))} is left from frame {first} on (every {every}., "
                f"at most {frames or 'all'})"
            )
        return replace(self, frames=self.frames[first:end:every])

    def reversed(self) -> ClipFrames:
        """The same frames in the other order."""
        return replace(self, frames=_Backwards(self.frames))

    def picture(self, i: int) -> torch.Tensor:
        """Frame i as [3, h, w] float32 in 0..1, at the size that is read.

        Raises:
            ValueError: where the frame has a value that is not finite.
        """
        frame = self.frames[i][..., :3].to(torch.float32)
        check_finite(frame, f"frame {i} of the clip")
        picture = frame.permute(2, 0, 1).clamp(0, 1)
        if self.read_size == self.own_size:
            return picture
        w, h = self.read_size
        smaller = w < self.own_size[0] and h < self.own_size[1]
        # The mean over each pixel's area: no aliasing that would look like motion.
        options: dict[str, Any] = {} if smaller else {"align_corners": False}
        mode = "area" if smaller else "bilinear"
        return F.interpolate(picture[None], size=(h, w), mode=mode, **options)[0]

    def grey(self, i: int) -> np.ndarray:
        """Frame i as uint8 [h, w] brightness (ITU-R BT.601), at the size that is read."""
        weights = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
        bright = (self.picture(i).cpu() * weights).sum(0)
        return (bright * 255).round().to(torch.uint8).contiguous().numpy()


class _Backwards(Sequence[torch.Tensor]):
    """A sequence seen from its end, without a copy."""

    def __init__(self, frames: Sequence[torch.Tensor] | torch.Tensor) -> None:
        self.frames = frames

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return [self[j] for j in range(*i.indices(len(self)))]
        return self.frames[len(self.frames) - 1 - range(len(self))[i]]


def working_size(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """The size to track at: `size` (W, H) shrunk so that its longer side is at most `longest`.

    Shrunken sides are rounded to multiples of 8; 0 keeps the size.

    Raises:
        ValueError: for a bound below 64 that is not 0.

    >>> working_size((1920, 1080), 512)
    (512, 288)
    """
    if longest == 0 or max(size) <= longest:
        return size
    if longest < 64:
        raise ValueError(
            f"the working side is {longest} px; give at least 64, or 0 for the clip's full size"
        )
    ratio = longest / max(size)
    w, h = (max(MULTIPLE, round(side * ratio / MULTIPLE) * MULTIPLE) for side in size)
    return min(w, size[0]), min(h, size[1])
