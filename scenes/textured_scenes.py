"""Scenes made of noise: textured layers that pan, zoom and turn in front of one another.

They need no photographs, and move farther and in other ways than what networks are trained on:
tests and benchmarks judge trackers on them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .renderer import Layer, painted, translation, truth


@dataclass(frozen=True)
class TexturedScene:
    """What is to be rendered.

    Args:
        seed: of textures, shapes and motions.
        frames: of the clip.
        size: (W, H).
        reach: the farthest displacement of a sprite, in px; the background goes half as far.
        sprites: layers before the background.
        light: relative change of brightness over the clip.
        blur: standard deviation of the blur of the last frame, in px (it grows with time).
        noise: standard deviation of the noise, in grey levels of 255.
    """

    seed: int = 0
    frames: int = 16
    size: tuple[int, int] = (512, 320)
    reach: float = 80.0
    sprites: int = 3
    light: float = 0.1
    blur: float = 0.8
    noise: float = 1.5

    def rendered(self) -> Rendered:
        """The clip; the same scene gives the same one."""
        random = np.random.default_rng(self.seed)
        made = [_background(self, random), *(_sprite(self, random) for _ in range(self.sprites))]
        layers, moves = zip(*made, strict=True)
        pictures, front = painted(layers, moves, self.size)
        frames = [self._seen(picture / 255, i) for i, picture in enumerate(pictures)]
        noise = random.normal(0, self.noise / 255, pictures.shape).astype(np.float32)
        flow, visible = truth(moves, front)
        return Rendered((np.stack(frames) + noise).clip(0, 1), flow, visible)

    def _seen(self, picture: np.ndarray, number: int) -> np.ndarray:
        """A frame [H, W, 3] as blur and light change it."""
        time = number / max(1, self.frames - 1)
        if self.blur * time > 0.05:
            picture = cv2.GaussianBlur(picture, (0, 0), self.blur * time)
        return picture * (1 + self.light * time)


@dataclass(frozen=True)
class Rendered:
    """A clip and its truth.

    Args:
        frames: [F, H, W, 3] float32 in 0..1.
        flow: [F, 2, H, W] float32 px from frame 0.
        visible: bool [F, H, W], of frame 0's pixels: inside the picture and not covered.
    """

    frames: np.ndarray
    flow: np.ndarray
    visible: np.ndarray


Moving = tuple[Layer, np.ndarray]
"""A layer, and its motion [F, 3, 3]."""


def texture(random: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Noise of all sizes, with hard-edged patches: [height, width, 3] float32 in 0..1."""
    out = np.zeros((height, width, 3), np.float32)
    for cell, strength in ((96, 0.5), (32, 0.35), (11, 0.25), (4, 0.15)):
        shape = (height // cell + 2, width // cell + 2, 3)
        coarse = random.standard_normal(shape).astype(np.float32)
        out += strength * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(height * width // 9000):
        centre = random.uniform(0, 1, 2) * (width, height)
        axes = random.uniform(4, 40, 2)
        colour = random.normal(0, 0.8, 3)
        patch = np.zeros((height, width), np.float32)
        cv2.ellipse(
            patch,
            (int(centre[0]), int(centre[1])),
            (int(axes[0]), int(axes[1])),
            float(random.uniform(0, 180)),
            0,
            360,
            1.0,
            -1,
            cv2.LINE_AA,
        )
        out += 0.5 * patch[..., None] * colour.astype(np.float32)
    return (0.5 + 0.22 * out).clip(0.02, 0.98)


def _background(scene: TexturedScene, random: np.random.Generator) -> Moving:
    w, h = scene.size
    margin = int(scene.reach) + 60
    image = texture(random, h + 2 * margin, w + 2 * margin)
    place = translation(-margin, -margin)
    angle = random.uniform(0, 2 * np.pi)
    goal = 0.35 * scene.reach * np.array([np.cos(angle), np.sin(angle)])
    moves = _moves(
        scene, random, goal, zoom=random.uniform(-0.06, 0.08), turn=random.uniform(-2, 2)
    )
    return Layer(255 * image, None, place), moves


def _sprite(scene: TexturedScene, random: np.random.Generator) -> Moving:
    w, h = scene.size
    radius = random.uniform(0.14, 0.24) * min(w, h)
    side = int(2 * radius * 1.5)
    cover = _blob(random, side, radius)
    centre = np.array([random.uniform(0.2, 0.8) * w, random.uniform(0.2, 0.8) * h])
    place = translation(*(centre - side / 2))
    # Towards the middle, so that sprites cross each other and mostly stay in the picture.
    towards = np.array([w / 2, h / 2]) - centre + random.normal(0, 0.2, 2) * (w, h)
    goal = towards / max(np.linalg.norm(towards), 1) * scene.reach * random.uniform(0.5, 0.85)
    moves = _moves(
        scene, random, goal, random.uniform(-0.1, 0.15), random.uniform(-12, 12), about=centre
    )
    return Layer.covering(255 * texture(random, side, side), 255 * cover, place), moves


def _moves(
    scene: TexturedScene,
    random: np.random.Generator,
    goal: np.ndarray,
    zoom: float,
    turn: float,
    about: np.ndarray | None = None,
) -> np.ndarray:
    """Affine motions [F, 3, 3] of the picture's plane, the identity at first, easing to `goal`."""
    w, h = scene.size
    about = np.array([w / 2, h / 2]) if about is None else about
    sway = random.normal(0, 0.04, 2) * scene.reach
    moves = []
    for time in np.linspace(0, 1, scene.frames):
        pace = 0.75 * time + 0.25 * time**2
        shift = goal * pace + sway * np.sin(np.pi * time)
        angle, scale = np.deg2rad(turn * time), np.exp(zoom * time)
        turned = np.eye(3)
        turned[:2, :2] = scale * np.array(
            [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        )
        moves.append(translation(*(about + shift)) @ turned @ translation(*-about))
    return np.stack(moves)


def _blob(random: np.random.Generator, side: int, radius: float) -> np.ndarray:
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    angle = np.arctan2(y, x)
    edge = radius * np.ones_like(angle)
    for wave in (2, 3, 4, 5):
        edge += radius * random.normal(0, 0.08) * np.cos(wave * angle + random.uniform(0, 6.28))
    return (edge - np.hypot(x, y) + 0.5).clip(0, 1).astype(np.float32)
