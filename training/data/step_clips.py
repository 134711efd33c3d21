"""Clips with the motion from each frame to the next, which autoregressive models learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...scenes.photographs import Photographs
from .scene_batches import SIZES
from .scenes import Steps, render_steps
from .seeds import numpy_of, spread, torch_of
from .sparse_flow import USUAL, Sampling, keypoints, sparse_flow

PACES = (1 / 32, 1 / 4)
"""The least and the greatest time from frame to frame; 1 is the whole motion of a scene."""


@dataclass(frozen=True)
class StepClip(Steps):
    """Steps, and what was followed of them.

    Args:
        keypoints: int64 [P_i, 2] for each i, the pixels (x, y) of frame i that were followed.
    """

    keypoints: tuple[Tensor, ...]


@dataclass(frozen=True)
class SteadySteps:
    """Times of F frames at one pace, from anywhere in the motion.

    Args:
        frames: F.
        paces: bounds of the time from frame to frame; 1 is the whole motion. Drawn evenly in the
            logarithm.
    """

    frames: int
    paces: tuple[float, float] = PACES

    def __call__(self, random: np.random.Generator) -> list[float]:
        low, high = np.log(self.paces[0]), np.log(min(self.paces[1], 1 / (self.frames - 1)))
        pace = float(np.exp(random.uniform(low, high)))
        start = random.uniform(0, max(0.0, 1 - pace * (self.frames - 1)))
        return [min(1.0, start + pace * i) for i in range(self.frames)]


def step_clip(
    seed: int, size: tuple[int, int], times: Sequence[float], photographs: Photographs
) -> StepClip:
    """Renders a scene; arguments as for `scenes.render_steps`."""
    made = render_steps(seed, size, times, photographs)
    corners = tuple(keypoints(frame) for frame in made.frames[:-1])
    return StepClip(**vars(made), keypoints=corners)


def drawn_on(clips: Sequence[StepClip], seed: int, sampling: Sampling) -> dict[str, Tensor]:
    """A batch of clips of one shape with what was drawn on them, which a seed decides.

    Returns:
        frames [B, F, 3, H, W] and flow [B, F - 1, 2, H, W], drawn like it, known
        [B, F - 1, 1, H, W].
    """
    generator = torch_of(seed)
    drawn = [
        sparse_flow(clip.flow[i], clip.keypoints[i], generator, clip.objects[i], sampling)
        for clip in clips
        for i in range(len(clip.flow))
    ]
    flow, known = (torch.stack([getattr(one, name) for one in drawn]) for name in ("flow", "known"))
    return {
        "frames": torch.stack([clip.frames for clip in clips]),
        "flow": torch.stack([clip.flow for clip in clips]),
        "drawn": flow.unflatten(0, (len(clips), -1)),
        "known": known.unflatten(0, (len(clips), -1)),
    }


@dataclass(frozen=True)
class SyntheticSteps:
    """Batches of synthetic clips (a `batches.MakeBatch`): size and motion change with the step.

    Args:
        photographs: what the scenes are made of.
        seed: decides all of it.
        sizes: (W, H) that are taken in turn, by chance.
        frames: F of a clip.
        pictures: steps of a batch, about: clips times (F - 1).
        sampling: what is drawn.
        paces: see `SteadySteps`.
    """

    photographs: Photographs
    seed: int
    sizes: tuple[tuple[int, int], ...] = SIZES
    frames: int = 3
    pictures: int = 32
    sampling: Sampling = USUAL
    paces: tuple[float, float] = PACES

    def __call__(self, step: int, rank: int = 0, world: int = 1) -> dict[str, Tensor]:
        scenes, drawing = spread(self.seed, step, rank, world, count=2)
        random = numpy_of(scenes)
        size = self.sizes[int(random.integers(len(self.sizes)))]
        times = SteadySteps(self.frames, self.paces)
        clips = [
            step_clip(int(random.integers(2**62)), size, times(random), self.photographs)
            for _ in range(max(1, self.pictures // (self.frames - 1)))
        ]
        return drawn_on(clips, drawing >> 1, self.sampling)
