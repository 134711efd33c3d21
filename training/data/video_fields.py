"""The motion field of a stretch of a video, found by a tracker."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...models.trackers import weights
from ...models.trackers.clip_frames import ClipFrames
from ...models.trackers.dot import Dot, DotNetworks, dot_size
from ...models.trackers.methods import ANCHORED, WITHOUT_WEIGHTS, without_weights
from ...models.trackers.shots import check_trackable
from ...models.trackers.steps import Tracked, Tracker
from ...models.types.progress import nothing
from .clip_plans import ClipPlan
from .videos import Video, digest, read_frames

DOT = "DOT"
TRACKED_SIDE = 384
"""Clips that are smaller are tracked at a multiple of their size, as far as the video has it."""
STEP, DOT_STEP = 4, 8


class Untrackable(ValueError):
    """A stretch of a video in which motion cannot be followed: a cut, or a blank frame."""


@dataclass(frozen=True)
class VideoField:
    """Where a reference frame's pixels go.

    Args:
        flow: [N, 2, H, W] float32, pixels; the reference itself is left out.
        visible: [N, H, W] bool: in the picture, and not covered.
    """

    flow: Tensor
    visible: Tensor


@dataclass(frozen=True)
class TrackerSettings:
    """Which tracker, and how it is used.

    Args:
        name: "accurate" or "fast" (no weights needed), or "DOT".
        step: frames further apart than this are tracked by way of frames between them; None: 4,
            and for DOT, which Motion-I2V was trained with, 8.
        raft, cotracker, refiner: one of DOT's three files of weights.
        device: on which DOT runs.
    """

    name: str = ANCHORED
    step: int | None = None
    raft: Path | None = None
    cotracker: Path | None = None
    refiner: Path | None = None
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.name not in (*WITHOUT_WEIGHTS, DOT):
            known = ", ".join((*WITHOUT_WEIGHTS, DOT))
            raise ValueError(f"there is no tracker {self.name!r}; there are {known}")
        if self.name == DOT and None in self._files:
            raise ValueError("DOT needs the files of RAFT, CoTracker and the refiner, all three")
        if self.step is not None and self.step < 1:
            raise ValueError(f"the tracker's step is 1 at least, not {self.step}")

    @property
    def stride(self) -> int:
        """`step`, with its default put in."""
        return self.step or (DOT_STEP if self.name == DOT else STEP)

    @property
    def _files(self) -> tuple[Path | None, ...]:
        return self.raft, self.cotracker, self.refiner

    def key(self) -> dict[str, Any]:
        """What of the settings changes the result."""
        files = [digest(file, file.stat().st_size) for file in self._files if file is not None]
        return {"name": self.name, "step": self.stride, "side": TRACKED_SIDE, "files": files}

    def make(self) -> Tracker:
        """The tracker, with its weights read.

        Raises:
            ValueError, FileNotFoundError: for a file of weights that is not what it should be.
        """
        if self.name != DOT:
            return without_weights(self.name)
        networks = DotNetworks()
        kinds = (weights.RAFT, weights.COTRACKER, weights.REFINER)
        names = ("estimator", "tracker", "refiner")
        for name, kind, file in zip(names, kinds, self._files, strict=True):
            assert file is not None
            setattr(networks, name, weights.load(file, kind))
        return Dot(networks.train(False).to(self.device))


def waypoints(strides: Sequence[int], step: int) -> list[int]:
    """0 and the strides, and between them frames so that none is more than `step` from the next."""
    points = [0]
    for stride in strides:
        gap = stride - points[-1]
        parts, begin = math.ceil(gap / step), points[-1]
        points += [begin + round(gap * part / parts) for part in range(1, parts + 1)]
    return points


def extract(
    video: Video, plan: ClipPlan, settings: TrackerSettings, tracker: Tracker
) -> VideoField:
    """Tracks every pixel of the plan's reference frame to the frames at its strides.

    Raises:
        Untrackable: where the video is cut in between, or a frame is blank.
        VideoError: where it cannot be decoded.
    """
    numbers = waypoints(plan.strides, settings.stride)
    frames = read_frames(video, [plan.start + n for n in numbers], plan.crop, work_size(plan))
    clip = ClipFrames(torch.from_numpy(frames).to(torch.float32) / 255)
    try:
        check_trackable(clip, [plan.start + n for n in numbers], False, nothing)
    except ValueError as error:
        # What follows the colon is about the node's widgets.
        raise Untrackable(str(error).split(":")[0]) from None
    if settings.name == DOT:
        clip = clip.at(dot_size(clip.own_size))
    flow = torch.zeros(len(plan.strides), 2, plan.size[1], plan.size[0])
    visible = torch.zeros(flow.shape[0], *flow.shape[2:], dtype=torch.bool)
    places = {stride: place for place, stride in enumerate(plan.strides)}
    for number, frame in zip(numbers[1:], tracker(clip, nothing), strict=True):
        if number in places:
            flow[places[number]], visible[places[number]] = reduced(frame, plan.size)
    if not bool(torch.isfinite(flow).all()):
        raise Untrackable("the tracker gave a displacement that is not a number")
    return VideoField(flow, visible)


def work_size(plan: ClipPlan) -> tuple[int, int]:
    """The multiple of the clip's size at which it is tracked."""
    available = min(plan.crop.width // plan.size[0], plan.crop.height // plan.size[1])
    times = max(1, min(available, math.ceil(TRACKED_SIDE / max(plan.size))))
    return plan.size[0] * times, plan.size[1] * times


def reduced(frame: Tracked, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """A tracked frame at `size` (W, H): flow [2, H, W] and visibility [H, W] bool."""
    w, h = size
    ratio = frame.flow.new_tensor([w / frame.flow.shape[2], h / frame.flow.shape[1]])
    flow = F.interpolate(frame.flow[None], size=(h, w), mode="area")[0] * ratio.view(2, 1, 1)
    seen = F.interpolate(frame.visibility[None, None], size=(h, w), mode="area")[0, 0] >= 0.5
    return flow, seen & inside(flow)


def inside(flow: Tensor) -> Tensor:
    """bool [..., H, W]: where flow [..., 2, H, W] leads to a place in the picture."""
    h, w = flow.shape[-2:]
    x = torch.arange(w) + flow[..., 0, :, :]
    y = torch.arange(h)[:, None] + flow[..., 1, :, :]
    return (x >= -0.5) & (x < w - 0.5) & (y >= -0.5) & (y < h - 0.5)
