"""How a layer of a synthetic scene moves: an affine motion of the plane, eased in time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SceneMotion:
    """What has happened to the plane at time 1; at time 0 nothing has.

    Args:
        about: the point (x, y) that turning and stretching leave where it is, in px.
        shift: (x, y) in px.
        sway: (x, y) in px, added half-way and taken back at the end: the path is curved.
        turn: in radians, clockwise as the picture is seen.
        growth: logarithms of the scales (across, down).
        lean: shear, px to the right for each px below `about`.
        ease: the powers (start, end) by which the motion starts and ends slowly; 1 is evenly.
    """

    about: tuple[float, float] = (0.0, 0.0)
    shift: tuple[float, float] = (0.0, 0.0)
    sway: tuple[float, float] = (0.0, 0.0)
    turn: float = 0.0
    growth: tuple[float, float] = (0.0, 0.0)
    lean: float = 0.0
    ease: tuple[float, float] = (1.0, 1.0)

    @property
    def moves(self) -> bool:
        """Whether anything happens at all."""
        return any((*self.shift, *self.sway, self.turn, *self.growth, self.lean))

    def matrices(self, times: np.ndarray) -> np.ndarray:
        """Returns [F, 3, 3], each taking a point at time 0 to where it is at `times` [F]."""
        pace = progress(times, self.ease)
        detour = np.sin(np.pi * pace)
        cos, sin = np.cos(self.turn * pace), np.sin(self.turn * pace)
        across, down = (np.exp(rate * pace) for rate in self.growth)
        lean = self.lean * pace
        # turn @ [[across, lean], [0, down]]
        a, b = cos * across, cos * lean - sin * down
        c, d = sin * across, sin * lean + cos * down
        x, y = self.about
        out = np.zeros((len(times), 3, 3))
        out[:, 0, 0], out[:, 0, 1], out[:, 1, 0], out[:, 1, 1] = a, b, c, d
        out[:, 0, 2] = x + self.shift[0] * pace + self.sway[0] * detour - a * x - b * y
        out[:, 1, 2] = y + self.shift[1] * pace + self.sway[1] * detour - c * x - d * y
        out[:, 2, 2] = 1
        return out


def progress(times: np.ndarray, ease: tuple[float, float]) -> np.ndarray:
    """Returns how much of the motion is done at `times` in 0..1: 0 at 0, 1 at 1, never back."""
    return (1 - (1 - times) ** ease[1]) ** ease[0]


def random_ease(random: np.random.Generator) -> tuple[float, float]:
    """Half of all motions are even; the others start slowly, end slowly, or both."""
    choice = random.uniform()
    if choice < 0.5:
        return (1.0, 1.0)
    slow = (random.uniform(1.2, 2.0), random.uniform(1.2, 2.0))
    return slow if choice < 0.66 else (slow[0], 1.0) if choice < 0.83 else (1.0, slow[1])


def composed(motions: Sequence[SceneMotion], times: np.ndarray) -> np.ndarray:
    """Returns [F, 3, 3]: where a point of the picture at time 0 is at `times`, moved by all."""
    out = motions[0].matrices(times)
    for motion in motions[1:]:
        out = out @ motion.matrices(times)
    return out
