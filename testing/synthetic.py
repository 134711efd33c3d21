"""Clips with exact motion: textured layers that pan, zoom and turn in front of one another.

Every layer is a texture under one affine motion a frame, so where a pixel of frame 0 is in frame i
is known exactly, and so is whether a nearer layer hides it there. Tests and benchmarks share it.
"""

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Scene:
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


@dataclass(frozen=True)
class _Layer:
    texture: np.ndarray  # [h, w, 3] float32, larger than the picture
    cover: np.ndarray  # [h, w] float32 in 0..1
    motion: np.ndarray  # [F, 3, 3], texture -> picture


def render(scene: Scene) -> Rendered:
    """Renders a scene; the same scene gives the same clip."""
    random = np.random.default_rng(scene.seed)
    layers = [_background(scene, random)]
    layers += [_sprite(scene, random, i) for i in range(scene.sprites)]
    covers = np.stack(
        [[_warp(layer.cover, m, scene.size) for m in layer.motion] for layer in layers]
    )
    flow, visible = _truth(scene, layers, covers)
    frames = np.stack([_frame(scene, layers, covers[:, i], i) for i in range(scene.frames)])
    noise = random.normal(0, scene.noise / 255, frames.shape).astype(np.float32)
    return Rendered((frames + noise).clip(0, 1).astype(np.float32), flow, visible)


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


def _background(scene: Scene, random: np.random.Generator) -> _Layer:
    w, h = scene.size
    margin = int(scene.reach) + 60
    image = texture(random, h + 2 * margin, w + 2 * margin)
    place = _translation(-margin, -margin)
    angle = random.uniform(0, 2 * np.pi)
    goal = 0.35 * scene.reach * np.array([np.cos(angle), np.sin(angle)])
    moves = _moves(
        scene, random, goal, zoom=random.uniform(-0.06, 0.08), turn=random.uniform(-2, 2)
    )
    return _Layer(image, np.ones(image.shape[:2], np.float32), moves @ place)


def _sprite(scene: Scene, random: np.random.Generator, number: int) -> _Layer:
    w, h = scene.size
    radius = random.uniform(0.14, 0.24) * min(w, h)
    side = int(2 * radius * 1.5)
    cover = _blob(random, side, radius)
    centre = np.array([random.uniform(0.2, 0.8) * w, random.uniform(0.2, 0.8) * h])
    place = _translation(*(centre - side / 2))
    # Towards the middle, so that sprites cross each other and mostly stay in the picture.
    towards = np.array([w / 2, h / 2]) - centre + random.normal(0, 0.2, 2) * (w, h)
    goal = towards / max(np.linalg.norm(towards), 1) * scene.reach * random.uniform(0.5, 0.85)
    moves = _moves(
        scene, random, goal, random.uniform(-0.1, 0.15), random.uniform(-12, 12), about=centre
    )
    return _Layer(texture(random, side, side), cover, moves @ place)


def _moves(
    scene: Scene,
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
        moves.append(_translation(*(about + shift)) @ turned @ _translation(*-about))
    return np.stack(moves)


def _blob(random: np.random.Generator, side: int, radius: float) -> np.ndarray:
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    angle = np.arctan2(y, x)
    edge = radius * np.ones_like(angle)
    for wave in (2, 3, 4, 5):
        edge += radius * random.normal(0, 0.08) * np.cos(wave * angle + random.uniform(0, 6.28))
    return (edge - np.hypot(x, y) + 0.5).clip(0, 1).astype(np.float32)


def _frame(scene: Scene, layers: list[_Layer], covers: np.ndarray, i: int) -> np.ndarray:
    picture: np.ndarray = np.zeros((scene.size[1], scene.size[0], 3), np.float32)
    for layer, cover in zip(layers, covers, strict=True):
        seen = _warp(layer.texture, layer.motion[i], scene.size)
        picture = picture * (1 - cover[..., None]) + seen * cover[..., None]
    time = i / max(1, scene.frames - 1)
    if scene.blur * time > 0.05:
        picture = cv2.GaussianBlur(picture, (0, 0), scene.blur * time)
    return picture * (1 + scene.light * time)


def _truth(scene: Scene, layers: list[_Layer], covers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    w, h = scene.size
    front = _frontmost(covers[:, 0])
    x, y = np.meshgrid(np.arange(w), np.arange(h))
    here = np.stack([x, y, np.ones_like(x)], axis=-1).astype(np.float64)
    flow = np.zeros((scene.frames, 2, h, w), np.float32)
    visible = np.zeros((scene.frames, h, w), bool)
    for i in range(scene.frames):
        end = np.zeros((h, w, 2))
        for k, layer in enumerate(layers):
            move = layer.motion[i] @ np.linalg.inv(layer.motion[0])
            end[front == k] = (here[front == k] @ move.T)[:, :2]
        flow[i] = (end - here[..., :2]).transpose(2, 0, 1)
        column, row = (np.rint(end[..., d]).astype(int) for d in (0, 1))
        within = (column >= 0) & (row >= 0) & (column < w) & (row < h)
        there = _frontmost(covers[:, i])[row.clip(0, h - 1), column.clip(0, w - 1)]
        visible[i] = within & (there == front)
    flow[0] = 0
    return flow, visible


def _frontmost(covers: np.ndarray) -> np.ndarray:
    """Which layer is seen at each pixel, [H, W]."""
    order = np.arange(len(covers))[:, None, None]
    return np.where(covers > 0.5, order, 0).max(0)


def _warp(image: np.ndarray, motion: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return cv2.warpAffine(image, motion[:2], size, flags=cv2.INTER_LINEAR)


def _translation(x: float, y: float) -> np.ndarray:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)
