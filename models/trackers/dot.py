"""DOT, dense optical tracking: sparse tracks, spread to every pixel, then refined.

Source: Le Moing, Ponce and Schmid, "Dense Optical Tracking: Connecting the Dots", CVPR 2024
(arXiv 2312.00786). Two variants are in use, which this follows by `both_ways`: the authors' own,
and the one that Motion-I2V was trained with, whose tracks are not followed back in time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..types.progress import Tick, nothing
from .clip_frames import ClipFrames
from .cotracker import CoTracker
from .cotracker_windows import predict, window_starts
from .nearest import from_nearest
from .queries import sample_queries
from .raft import Raft
from .refiner import PATCH, SMALLEST, Refiner
from .steps import Tracked

TRAINED_FRAMES = 16


class DotNetworks(nn.Module):
    """The three networks of DOT."""

    def __init__(self) -> None:
        super().__init__()
        self.estimator = Raft()
        self.tracker = CoTracker()
        self.refiner = Refiner()


@dataclass(frozen=True)
class Dot:
    """Tracks a clip with DOT.

    Args:
        networks: with their weights, on the device that is to be used, in float32.
        tracks: how many points are followed.
        at_once: how many of them in one go (they help each other; memory grows with them).
        both_ways: follow points to the clip's beginning too. None: only where the clip is longer
            than the 16 frames of Motion-I2V; there, forward tracking would leave few points in use.
        threshold: of visibility. The weights were trained with 0.8.
        seed: of the points that are drawn.
    """

    networks: DotNetworks
    tracks: int = 2048
    at_once: int = 2048
    both_ways: bool | None = None
    threshold: float = 0.8
    seed: int = 0

    def goes_both_ways(self, frames: int) -> bool:
        return frames > TRAINED_FRAMES if self.both_ways is None else self.both_ways

    def steps(self, frames: int) -> int:
        rounds = -(-self.tracks // self.at_once) * (2 if self.goes_both_ways(frames) else 1)
        return frames + rounds * len(window_starts(frames)) + frames - 1

    @torch.inference_mode()
    def draw(self, clip: ClipFrames, tick: Tick = nothing) -> Tensor:
        """The points [tracks, 3] (frame, x, y) that are followed."""
        return sample_queries(clip, self.networks.estimator, self.tracks, self.seed, tick)

    @torch.inference_mode()
    def follow(self, clip: ClipFrames, queries: Tensor, tick: Tick = nothing) -> Tensor:
        """Follows points: [F, P, 3], x and y in pixels and whether it is visible (0, 1)."""
        both_ways = self.goes_both_ways(len(clip))
        found = []
        for part in queries.split(self.at_once):
            places, seen = predict(self.networks.tracker, clip, part, both_ways, tick)
            found.append(torch.cat([places, seen[..., None].to(places)], dim=-1))
        return torch.cat(found, dim=1)

    def __call__(self, clip: ClipFrames, tick: Tick = nothing) -> Iterator[Tracked]:
        """Yields frames 1, 2, ... of a clip that is read at sides that `dot_size` gives."""
        yield from self.refined(clip, self.follow(clip, self.draw(clip, tick), tick), tick)

    def refined(self, clip: ClipFrames, tracks: Tensor, tick: Tick = nothing) -> Iterator[Tracked]:
        """Yields frames 1, 2, ... given the tracks [F, P, 3]; one pair of frames at a time."""
        w, h = clip.read_size
        cells = (w // PATCH, h // PATCH)
        last_pixel = tracks.new_tensor([w - 1, h - 1, 1])
        refiner, device = self.networks.refiner, tracks.device
        with torch.inference_mode():
            shared = refiner.source(clip.picture(0).to(device))
        for i in range(1, len(clip)):
            with torch.inference_mode():
                coarse = from_nearest(tracks[0] / last_pixel, tracks[i] / last_pixel, cells)
                flow, seen = refiner(shared, clip.picture(i).to(device), *coarse)
                visible = (seen > self.threshold).float()
            tick()
            yield Tracked(flow.cpu(), visible.cpu())


def dot_size(size: tuple[int, int]) -> tuple[int, int]:
    """The size nearest to `size` (w, h) that the refiner takes: multiples of 4, 64 at least.

    >>> dot_size((511, 30))
    (512, 64)
    """
    w, h = (max(SMALLEST, round(side / PATCH) * PATCH) for side in size)
    return w, h
