"""Dense trackers whose weights the host loads and offloads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import comfy.model_management as management
import comfy.model_patcher

from ..trackers.alltracker import AllTracker
from ..trackers.alltracker_network import AllTrackerNetwork
from ..trackers.clip_frames import ClipFrames
from ..trackers.dot import Dot, DotNetworks, dot_size
from ..trackers.pairwise import Chained, Direct
from ..trackers.raft import Raft, RaftPairs
from ..trackers.steps import Tick, Tracked, Tracker, nothing
from .loading import hosted

WORK_BYTES = 3 << 30


@dataclass(frozen=True, eq=False)
class HostedTracker:
    """A DENSE_TRACKER: a tracker, and the host's handle on its weights.

    Args:
        tracker: uses the patcher's model.
        patcher: loads and offloads the weights.
        fit: the working size that the tracker takes, for one that is wanted.
        title: for messages.
    """

    tracker: Tracker
    patcher: comfy.model_patcher.ModelPatcher
    fit: Callable[[tuple[int, int]], tuple[int, int]]
    title: str

    def steps(self, frames: int) -> int:
        return self.tracker.steps(frames)

    def __call__(self, clip: ClipFrames, tick: Tick = nothing) -> Iterator[Tracked]:
        """Yields frames 1, 2, ... of the clip, with the weights on the host's device."""
        management.load_models_gpu([self.patcher], memory_required=WORK_BYTES, force_full_load=True)
        yield from self.tracker(clip, tick)


def hosted_raft(raft: Raft, chained: bool) -> HostedTracker:
    """RAFT from frame to frame, or always from the first frame."""
    kind = Chained if chained else Direct
    tracker = kind(lambda: RaftPairs(raft))
    title = "RAFT, chained" if chained else "RAFT, direct"
    return HostedTracker(tracker, hosted(raft), lambda size: size, title)


def hosted_dot(
    networks: DotNetworks,
    tracks: int,
    at_once: int,
    both_ways: bool | None,
    seed: int,
) -> HostedTracker:
    """DOT with its three networks."""
    tracker = Dot(networks.train(False), tracks, at_once, both_ways, seed=seed)
    return HostedTracker(tracker, hosted(networks), dot_size, "DOT")


def hosted_alltracker(network: AllTrackerNetwork) -> HostedTracker:
    """AllTracker, at any size."""
    return HostedTracker(AllTracker(network), hosted(network), lambda size: size, "AllTracker")
