"""Which frames and which part of a video become a training clip, drawn from a seed."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from itertools import pairwise

from .ranges import Size, Strides
from .seeds import python_of
from .videos import Crop, Video, center_crop, check_length, random_crop

EVEN, RANDOM = "even", "random"
CENTER = "center"
CROPS = (CENTER, RANDOM)
MULTIPLE = 8
VIDEO_PACES = (1, 8)
"""The least and the greatest number of video frames from one frame of a clip to the next."""
POOL = 15
"""With random strides, so many are tracked at once; each sample takes some of them."""


@dataclass(frozen=True)
class ClipPlan:
    """A clip of one video.

    Args:
        start: the number of the reference frame.
        strides: how far ahead the other frames are, ascending.
        crop: the part of the frames.
        size: (W, H) to which that part is resized.
    """

    start: int
    strides: tuple[int, ...]
    crop: Crop
    size: tuple[int, int]

    def chosen(self, count: int, draw: random.Random) -> list[int]:
        """Which of the strides a sample takes: their places, ascending."""
        return sorted(draw.sample(range(len(self.strides)), count))


@dataclass(frozen=True)
class ClipOptions:
    """What the clips of a folder are like.

    Args:
        size: (W, H) of a clip.
        frames: of a clip, the reference included.
        strides: how far ahead the other frames are. "even": equal steps that end as near to
            `longest` as the video allows (stage 1's temporal layers: 8, 16, ..., 120); "random":
            different ones up to `longest` (stage 1's single fields: one of 1 to 120); or numbers as
            8,16,24, the strides themselves, ascending. None: "random"
            for 2 frames, else "even".
        longest: the largest stride.
        crop: "center", or "random" for a random place and scale.
        seed: of all that is drawn.

    Raises:
        ValueError: for options that fit no video.
    """

    size: Size = (512, 320)
    frames: int = 16
    strides: Strides | None = None
    longest: int = 120
    crop: str = CENTER
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.size) < MULTIPLE * 2 or any(side % MULTIPLE for side in self.size):
            raise ValueError(
                f"clips cannot be {self.size[0]}x{self.size[1]}: the sides are multiples of "
                f"{MULTIPLE}, and {MULTIPLE * 2} at least"
            )
        if self.frames < 2:
            raise ValueError(f"a clip has 2 frames at least, not {self.frames}")
        if self.crop not in CROPS:
            raise ValueError(f"crop is {CENTER} or {RANDOM}, not {self.crop!r}")
        if isinstance(self.kind, tuple):
            self._check_given(self.kind)
        elif self.kind not in (EVEN, RANDOM):
            raise ValueError(f"strides are {EVEN}, {RANDOM} or numbers, not {self.kind!r}")
        elif self.longest < self.frames - 1:
            raise ValueError(
                f"{self.frames} frames do not fit into strides up to {self.longest}; take fewer "
                f"frames, or {self.frames - 1} as the longest stride"
            )

    @property
    def kind(self) -> str | tuple[int, ...]:
        """`strides`, with its default put in."""
        return self.strides or (RANDOM if self.frames == 2 else EVEN)

    @property
    def needed(self) -> int:
        """How many frames a video must have."""
        return self.kind[-1] + 1 if isinstance(self.kind, tuple) else self.frames

    @property
    def tracked(self) -> int:
        """How many strides a plan has, where the video is long enough."""
        least = self.frames - 1
        return min(self.longest, max(least, POOL)) if self.kind == RANDOM else least

    def plan(self, video: Video, number: int, attempt: int = 0) -> ClipPlan:
        """The `number`-th clip of a video, the same whatever other videos there are.

        Args:
            video: the file.
            number: 0 and on.
            attempt: another draw, shorter after a while, for where an earlier one was of no use.

        Raises:
            VideoError: where the video is too short.
        """
        check_length(video, self.needed)
        draw = python_of(self.seed, video.digest, number, attempt)
        # Shots may be short: every second attempt halves what is asked of them. Of a short video,
        # a third is left for different beginnings.
        longest = min(self.longest >> attempt // 2, video.frames * 2 // 3)
        strides, reach = self._strides(max(longest, self.frames - 1), draw)
        start = draw.randint(0, video.frames - 1 - reach)
        cut = center_crop(video, self.size)
        if self.crop == RANDOM:
            cut = random_crop(video, self.size, draw)
        return ClipPlan(start, strides, cut, self.size)

    def _strides(self, longest: int, draw: random.Random) -> tuple[tuple[int, ...], int]:
        """The strides, and how many frames after the reference must be there."""
        if isinstance(self.kind, tuple):
            return self.kind, self.kind[-1]
        if self.kind == RANDOM:
            count = min(self.tracked, longest)
            return tuple(sorted(draw.sample(range(1, longest + 1), count))), longest
        step = longest // (self.frames - 1)
        strides = tuple(step * i for i in range(1, self.frames))
        return strides, strides[-1]

    def _check_given(self, strides: tuple[int, ...]) -> None:
        if len(strides) != self.frames - 1:
            raise ValueError(
                f"{self.frames} frames have {self.frames - 1} strides, not {len(strides)}"
            )
        if strides[0] < 1 or any(a >= b for a, b in pairwise(strides)):
            raise ValueError(f"strides ascend from 1 at least, but they are {list(strides)}")


@dataclass(frozen=True)
class StepOptions:
    """What the clips of a folder are like.

    Args:
        size: (W, H) of a clip.
        frames: of a clip.
        paces: bounds of how many video frames a step takes; drawn evenly in the logarithm.
        crop: see `ClipOptions`.
        seed: of all that is drawn.

    Raises:
        ValueError: for options that fit no video.
    """

    size: Size
    frames: int = 3
    paces: tuple[int, int] = VIDEO_PACES
    crop: str = CENTER
    seed: int = 0

    def __post_init__(self) -> None:
        low, high = self.paces
        if not 1 <= low <= high:
            raise ValueError(
                f"a step takes 1 frame of the video or more, and at most as many as at least; not "
                f"{low} to {high}"
            )
        self._at(low)

    @property
    def needed(self) -> int:
        """How many frames a video must have."""
        return self._at(self.paces[0]).needed

    def plan(self, video: Video, number: int, attempt: int = 0) -> ClipPlan:
        """The `number`-th clip of a video; see `ClipOptions.plan`."""
        low, high = self.paces
        draw = python_of(self.seed, video.digest, number, "pace")
        drawn = round(math.exp(draw.uniform(math.log(low), math.log(high))))
        # Shots may be short, as whole videos may be.
        pace = min(drawn >> attempt // 2, (video.frames - 1) // (self.frames - 1))
        return self._at(max(low, pace)).plan(video, number, attempt)

    def _at(self, pace: int) -> ClipOptions:
        strides = tuple(pace * i for i in range(1, self.frames))
        return ClipOptions(self.size, self.frames, strides, crop=self.crop, seed=self.seed)


Plans = ClipOptions | StepOptions
"""What the clips of a folder are like."""
