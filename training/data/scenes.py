"""Training clips with exact motion, made of photographs: see `scenes/`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ...scenes.photograph_scenes import USUAL, Scene, SceneMaker, SceneOptions
from ...scenes.photographs import Photographs
from ...scenes.renderer import truth
from .clip import TrainingClip, pictures_of
from .seeds import numpy_of

LAST_STRIDE = 120


def render(
    seed: int,
    size: tuple[int, int],
    times: Sequence[float],
    photographs: Photographs,
    options: SceneOptions = USUAL,
) -> TrainingClip:
    """Renders the scene of a seed at some times; the times change nothing of the scene.

    Args:
        seed: not negative.
        size: (W, H).
        times: the first is 0, the reference; the others lie in 0..1, 0 excluded.
        photographs: what the layers are made of.
        options: what scenes are like.

    Raises:
        ValueError: if a time is out of its bounds.
    """
    at = np.asarray(times, np.float64)
    if at.ndim != 1 or len(at) == 0 or at[0] != 0 or not ((at[1:] > 0) & (at[1:] <= 1)).all():
        raise ValueError(
            f"the times of a clip start with 0 and go on with times above 0 up to 1, not {times}"
        )
    scene = SceneMaker(numpy_of(seed), size, photographs, options).scene()
    moves, pictures, front = scene.filmed(at, size)
    flow, visible = truth(moves, front)
    return TrainingClip(
        frames=_lit(scene, pictures, at),
        flow=torch.from_numpy(flow),
        visible=torch.from_numpy(visible),
        objects=torch.from_numpy(scene.sprites(front[0])),
        strides=torch.tensor(LAST_STRIDE * at[1:], dtype=torch.float32),
        caption=scene.caption,
    )


@dataclass(frozen=True)
class Steps:
    """F frames of H x W pixels, and where each frame's pixels go in the next.

    Args:
        frames: [F, 3, H, W] float32 in 0..1.
        flow: [F - 1, 2, H, W] float32 px, of the pixels of frame i to frame i + 1.
        objects: int64 [F - 1, H, W], which thing each pixel shows: 0 the background, k the k-th
            sprite; all 0 where it is not known.
    """

    frames: torch.Tensor
    flow: torch.Tensor
    objects: torch.Tensor


def render_steps(
    seed: int, size: tuple[int, int], times: Sequence[float], photographs: Photographs
) -> Steps:
    """Renders the scene of a seed with the motion from each frame to the next.

    Args:
        times: rising, in 0..1, at least two; they change nothing of the scene.
        seed, size, photographs: as for `render`.

    Raises:
        ValueError: if the times are others.
    """
    at = np.asarray(times, np.float64)
    if at.ndim != 1 or len(at) < 2 or (np.diff(at) < 0).any() or at[0] < 0 or at[-1] > 1:
        raise ValueError(f"the times of steps rise in 0..1, and are two at least; not {times}")
    scene = SceneMaker(numpy_of(seed), size, photographs).scene()
    moves, pictures, front = scene.filmed(at, size)
    steps = [move[1:] @ np.linalg.inv(move[:-1]) for move in moves]
    flow = [
        truth([np.stack([np.eye(3), step[i]]) for step in steps], front[i : i + 2])[0][1]
        for i in range(len(at) - 1)
    ]
    objects = torch.from_numpy(scene.sprites(front[:-1]))
    return Steps(_lit(scene, pictures, at), torch.from_numpy(np.stack(flow)), objects)


def _lit(scene: Scene, pictures: np.ndarray, times: np.ndarray) -> torch.Tensor:
    """The frames [F, 3, H, W] in 0..1, in the light of their times."""
    frames = pictures_of(pictures)
    if scene.light:
        gain = torch.tensor(1 + scene.light * times, dtype=torch.float32)
        frames = (frames * gain[:, None, None, None]).clamp(0, 1)
    return frames.contiguous()
