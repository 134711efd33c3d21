"""From a clip to a motion field, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..picture.pixels import check_finite
from ..picture.region import region_of
from ..types.motion_field import MotionField
from ..types.progress import OnStep
from .clip_frames import ClipFrames
from .enlarge import EdgeAwareUpsampler
from .shots import check_trackable
from .steps import Tracker

BYTES = 4 * 4
"""Of the result for a pixel of a frame: x, y, visibility, and the occlusion made of it."""


@dataclass(frozen=True)
class Excerpt:
    """Which frames of a clip are used.

    Args:
        first: the reference frame.
        frames: how many at most, 0 for all.
        every: 2 takes every second one.
    """

    first: int = 0
    frames: int = 0
    every: int = 1


def extract_field(
    clip: ClipFrames,
    tracker: Tracker,
    work_size: tuple[int, int],
    *,
    excerpt: Excerpt | None = None,
    enlarge: bool = True,
    region: Tensor | None = None,
    allow_cuts: bool = False,
    memory: int | None = None,
    on_step: OnStep | None = None,
) -> MotionField:
    """Where every pixel of the clip's first frame goes, and whether it is seen there.

    Beside the result, memory is needed for a few frames at `work_size` only.

    Args:
        clip: the source.
        tracker: follows the pixels.
        work_size: (w, h) at which it does.
        excerpt: which frames to use.
        enlarge: give the field at the clip's own size, its jumps on the picture's edges; else at
            `work_size`.
        region: MASK [1, h, w] in 0..1 at any size; where it is 0, nothing moves.
        allow_cuts: go on where the clip is cut.
        memory: bytes that are free for the result; None: as many as it takes.
        on_step: called with steps done and steps in all; raises to interrupt.

    Raises:
        ValueError: for a clip that cannot be tracked, saying which frame and why; for a result
            that is larger than the memory.
    """
    excerpt = excerpt or Excerpt()
    numbers = range(len(clip))[excerpt.first :: excerpt.every]
    clip = clip.part(excerpt.first, excerpt.frames, excerpt.every)
    size = clip.own_size if enlarge else work_size
    _check_memory(len(clip), size, enlarge, memory)
    looks = 0 if allow_cuts else len(clip) - 1
    progress = _Progress(looks + tracker.steps(len(clip)) + len(clip) - 1, on_step)
    check_trackable(clip, numbers, allow_cuts, progress.tick)
    upsample = EdgeAwareUpsampler(clip.at(size).picture(0).cpu(), work_size)
    flow = torch.zeros(len(clip), 2, size[1], size[0])
    visibility = torch.ones(len(clip), size[1], size[0])
    for i, frame in enumerate(tracker(clip.at(work_size), progress.tick), start=1):
        check_finite(frame.flow, f"frame {i} as tracked", "are the weights whole, and in float32?")
        flow[i] = upsample.flow(frame.flow)
        visibility[i] = upsample(frame.visibility[None])[0].clamp(0, 1)
        progress.tick()
    return MotionField(*_within(region, flow, visibility))


def _check_memory(frames: int, size: tuple[int, int], enlarge: bool, memory: int | None) -> None:
    needed = frames * size[0] * size[1] * BYTES
    if memory is None or needed <= memory:
        return
    smaller = "set 'field_size' to 'as worked'" if enlarge else "lower 'working_side'"
    raise ValueError(
        f"the motion field of {frames} frames of {size[0]}x{size[1]} needs "
        f"{needed / 1e9:.1f} GB, but {memory / 1e9:.1f} GB of memory are free: {smaller}, or take "
        "fewer frames ('frames_used', 'every')"
    )


class _Progress:
    def __init__(self, total: int, on_step: OnStep | None) -> None:
        self.done, self.total, self.on_step = 0, total, on_step

    def tick(self) -> None:
        self.done += 1
        if self.on_step is not None:
            self.on_step(self.done, self.total)


def _within(region: Tensor | None, flow: Tensor, visibility: Tensor) -> tuple[Tensor, Tensor]:
    """The motion inside the region only, in place; an empty region means everything."""
    fitted = None if region is None else region_of(region, (flow.shape[3], flow.shape[2]))
    if fitted is not None:
        flow *= fitted
        visibility.sub_(1).mul_(fitted > 0).add_(1)
    return flow, visibility
