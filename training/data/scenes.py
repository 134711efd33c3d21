"""Clips with exact motion, made of photographs: sprites that move before a moving background.

A scene is continuous in time: a seed decides it, and any times may be looked at. Every layer is a
texture under one affine motion, so where a pixel of frame 0 is at a time is known exactly, and so
is whether a nearer layer hides it there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from .clip import TrainingClip, pictures_of
from .photographs import Photographs
from .scene_captions import caption, direction
from .scene_motion import SceneMotion, random_ease
from .scene_shapes import hinged, shape
from .seeds import numpy_of

LAST_STRIDE = 120
# At these times the camera is asked how much background the picture shows.
_PROBES = np.linspace(0, 1, 9)


@dataclass(frozen=True)
class SceneOptions:
    """What scenes are like.

    Args:
        sprites: the least and the most of them.
        sides: bounds of a sprite's longer side, as a share of the picture's mean side.
        reach: the farthest shift of a sprite, as a share of the picture's mean side.
        still: the share of sprites that do not move by themselves.
        camera: the share of scenes whose camera moves.
        cut_outs: the share of sprites that are objects cut out of a photograph.
        light: the largest relative change of brightness until time 1.
    """

    sprites: tuple[int, int] = (1, 3)
    sides: tuple[float, float] = (0.2, 0.5)
    reach: float = 0.25
    still: float = 0.15
    camera: float = 0.5
    cut_outs: float = 0.35
    light: float = 0.0


USUAL = SceneOptions()


@dataclass(frozen=True)
class _Layer:
    sprite: int  # 0 is the background
    texture: np.ndarray  # [h, w, 3] uint8, times the cover
    clear: np.ndarray | None  # [h, w, 3] uint8, 255 where nothing covers; None covers all
    place: np.ndarray  # [3, 3], texture -> picture at time 0
    motions: tuple[SceneMotion, ...]  # applied from the last to the first


@dataclass(frozen=True)
class _Scene:
    layers: tuple[_Layer, ...]
    caption: str
    light: float

    def sprites(self, front: np.ndarray) -> torch.Tensor:
        """The sprite, int64, that each index of a front layer belongs to."""
        return torch.from_numpy(np.array([layer.sprite for layer in self.layers])[front])


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
    scene = _build(numpy_of(seed), size, photographs, options)
    moves, frames, front = _filmed(scene, at, size)
    flow, visible = _truth(moves, front)
    return TrainingClip(
        frames=frames,
        flow=torch.from_numpy(flow),
        visible=torch.from_numpy(visible),
        objects=scene.sprites(front[0]),
        strides=torch.tensor(LAST_STRIDE * at[1:], dtype=torch.float32),
        caption=scene.caption,
    )


@dataclass(frozen=True)
class RenderedSteps:
    """A clip as `render_steps` makes it: F frames [F, 3, H, W] in 0..1, the flow [F - 1, 2, H, W]
    px of each frame's pixels to the next frame, and the sprite int64 [F - 1, H, W] of each."""

    frames: torch.Tensor
    flow: torch.Tensor
    objects: torch.Tensor


def render_steps(
    seed: int,
    size: tuple[int, int],
    times: Sequence[float],
    photographs: Photographs,
) -> RenderedSteps:
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
    scene = _build(numpy_of(seed), size, photographs, USUAL)
    moves, frames, front = _filmed(scene, at, size)
    steps = [move[1:] @ np.linalg.inv(move[:-1]) for move in moves]
    flow = [
        _truth([np.stack([np.eye(3), step[i]]) for step in steps], front[i : i + 2])[0][1]
        for i in range(len(at) - 1)
    ]
    return RenderedSteps(frames, torch.from_numpy(np.stack(flow)), scene.sprites(front[:-1]))


def _filmed(
    scene: _Scene, times: np.ndarray, size: tuple[int, int]
) -> tuple[list[np.ndarray], torch.Tensor, np.ndarray]:
    """Where each layer is at the times [F, 3, 3], the frames [F, 3, H, W] in 0..1, and the index of
    the front layer [F, H, W]."""
    moves = [_compose(layer.motions, times) for layer in scene.layers]
    pictures, front = _paint(scene.layers, moves, size)
    frames = pictures_of(pictures)
    if scene.light:
        gain = torch.tensor(1 + scene.light * times, dtype=torch.float32)
        frames = (frames * gain[:, None, None, None]).clamp(0, 1)
    return moves, frames.contiguous(), front


def _build(
    random: np.random.Generator,
    size: tuple[int, int],
    photographs: Photographs,
    options: SceneOptions,
) -> _Scene:
    return _Maker(random, size, photographs, options).scene()


@dataclass
class _Maker:
    """Draws a scene. `mean` is the picture's mean side, px."""

    random: np.random.Generator
    size: tuple[int, int]
    photographs: Photographs
    options: SceneOptions

    @property
    def mean(self) -> float:
        return (self.size[0] * self.size[1]) ** 0.5

    def scene(self) -> _Scene:
        random, options = self.random, self.options
        camera, said = self.camera()
        background, photo = self.background(camera)
        layers, actions = [background], []
        for k in range(int(random.integers(options.sprites[0], options.sprites[1] + 1))):
            parts, action = self.sprite(k + 1, camera, photo)
            layers += parts
            actions += [action] if action else []
        text = caption(actions, said, count_only=len(actions) > 1 and random.uniform() < 0.4)
        return _Scene(tuple(layers), text, options.light * random.uniform(-1, 1))

    def camera(self) -> tuple[SceneMotion, str]:
        random, mean = self.random, self.mean
        if random.uniform() >= self.options.camera:
            return SceneMotion(), ""
        about = ((self.size[0] - 1) / 2, (self.size[1] - 1) / 2)
        ease = random_ease(random)
        kind = random.choice(3, p=(0.65, 0.25, 0.1))
        angle, sign = random.uniform(0, 2 * np.pi), random.choice((-1, 1))
        far = mean * random.uniform(0.015, 0.15) if kind == 0 else mean * random.uniform(0, 0.03)
        shift = (float(far * np.cos(angle)), float(far * np.sin(angle)))
        growth = float(sign * random.uniform(0.06, 0.28)) if kind == 1 else 0.0
        turn = float(sign * random.uniform(0.04, 0.16)) if kind == 2 else 0.0
        motion = SceneMotion(about, shift, turn=turn, growth=(growth, growth), ease=ease)
        # What is seen moves against the camera.
        pan = f"the camera pans {direction((-shift[0], -shift[1]))}"
        zoom = f"the camera zooms {'in' if growth > 0 else 'out'}"
        return motion, (pan, zoom, "the camera turns")[kind]

    def background(self, camera: SceneMotion) -> tuple[_Layer, int]:
        width, height = self.size
        corners = np.array([[0, width - 1, 0, width - 1], [0, 0, height - 1, height - 1], [1] * 4])
        seen = (np.linalg.inv(camera.matrices(_PROBES)) @ corners)[:, :2]
        low = np.floor(seen.min((0, 2))) - 3
        extent = np.ceil(seen.max((0, 2))) + 4 - low
        size = (int(extent[0]), int(extent[1]))
        texture, photo = self.photographs.texture(self.random, size)
        return _Layer(0, texture, None, _translation(*low), (camera,)), photo

    def sprite(self, number: int, camera: SceneMotion, background: int) -> tuple[list[_Layer], str]:
        """Returns the layers of a sprite, and what it does in words (nothing if it is still)."""
        random = self.random
        side = random.uniform(*self.options.sides) * self.mean
        centre = random.uniform(0.15, 0.85, 2) * self.size
        motion, action = self.sprite_motion(centre, side)
        noun, texture, cover = self.look(side, action == "bends", background)
        middle = np.array([texture.shape[1] - 1, texture.shape[0] - 1]) / 2
        place = _translation(*(centre - middle))
        parts: list[tuple[np.ndarray, tuple[SceneMotion, ...]]] = [(cover, ())]
        if action == "bends":
            stays, turns, hinge = hinged(random, cover)
            x, y = np.array(hinge) + place[:2, 2]
            angle = float(random.choice((-1, 1)) * random.uniform(0.35, 0.9))
            bend = SceneMotion(about=(float(x), float(y)), turn=angle, ease=motion.ease)
            parts = [(stays, ()), (turns, (bend,))]
        layers = [
            _layer(number, texture, part, place, (camera, motion, *more)) for part, more in parts
        ]
        return layers, f"a {noun} {action}" if action else ""

    def look(self, side: float, bends: bool, background: int) -> tuple[str, np.ndarray, np.ndarray]:
        """Returns the noun, the texture [h, w, 3] and the cover [h, w] of a sprite."""
        random, photographs = self.random, self.photographs
        # A cup that bends would look broken.
        if photographs.cut_outs and not bends and random.uniform() < self.options.cut_outs:
            piece = photographs.cut_out(random, side)
            padded = cv2.copyMakeBorder(piece.pixels, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=0)
            return piece.noun, padded[..., :3], padded[..., 3]
        cover = shape(random, side, slender=bends)
        avoid = None if random.uniform() < 0.1 else background
        texture, _ = photographs.texture(random, cover.shape[::-1], (0.6, 5.0), avoid)
        return "shape", texture, cover

    def sprite_motion(self, centre: np.ndarray, side: float) -> tuple[SceneMotion, str]:
        """Returns how a sprite moves before the background, and the verb (nothing if it is
        still)."""
        random = self.random
        if random.uniform() < self.options.still:
            return SceneMotion(), ""
        kind = random.choice(6, p=(0.52, 0.12, 0.1, 0.05, 0.05, 0.16))
        sign = float(random.choice((-1, 1)))
        ease = random_ease(random)
        about = (float(centre[0]), float(centre[1]))
        foot = (about[0], about[1] + 0.4 * side)
        if kind == 0:
            shift, sway = self.way(centre, self.options.reach)
            turn = float(random.normal(0, 0.15)) if random.uniform() < 0.5 else 0.0
            moved = SceneMotion(about, shift, sway, turn=turn, ease=ease)
            return moved, f"moves {direction(shift)}"
        if kind == 1:
            return SceneMotion(about, turn=sign * random.uniform(0.3, 1.2), ease=ease), "turns"
        if kind == 2:
            rate = sign * random.uniform(0.12, 0.4)
            verb = "grows" if sign > 0 else "shrinks"
            return SceneMotion(about, growth=(rate, rate), ease=ease), verb
        if kind == 3:
            growth = (0.0, random.uniform(0.12, 0.4))
            return SceneMotion(foot, growth=growth, ease=ease), "stretches"
        if kind == 4:
            # What lies above the foot goes the other way than what lies below.
            lean, way = -sign * random.uniform(0.2, 0.5), "right" if sign > 0 else "left"
            return SceneMotion(foot, lean=lean, ease=ease), f"leans {way}"
        shift, sway = self.way(centre, self.options.reach / 3)
        return SceneMotion(about, shift, sway, ease=ease), "bends"

    def way(
        self, centre: np.ndarray, reach: float
    ) -> tuple[tuple[float, float], tuple[float, float]]:
        """Returns a shift that keeps the centre in the picture if it can, and a sway across it."""
        random = self.random
        length = self.mean * reach * random.uniform(0.2, 1)
        shift = np.zeros(2)
        for angle in random.uniform(0, 2 * np.pi, 4):
            shift = length * np.array([np.cos(angle), np.sin(angle)])
            if ((centre + shift >= 0) & (centre + shift <= self.size)).all():
                break
        bow = random.normal(0, 0.15) if random.uniform() < 0.4 else 0.0
        return (float(shift[0]), float(shift[1])), (float(-bow * shift[1]), float(bow * shift[0]))


def _layer(
    number: int,
    texture: np.ndarray,
    cover: np.ndarray,
    place: np.ndarray,
    motions: tuple[SceneMotion, ...],
) -> _Layer:
    cover3 = cv2.merge([cover, cover, cover])
    covered = cv2.multiply(np.ascontiguousarray(texture), cover3, scale=1 / 255)
    return _Layer(number, covered, 255 - cover3, place, motions)


def _compose(motions: tuple[SceneMotion, ...], times: np.ndarray) -> np.ndarray:
    """Returns [F, 3, 3]: where a point of the picture at time 0 is at `times`."""
    out = motions[0].matrices(times)
    for motion in motions[1:]:
        out = out @ motion.matrices(times)
    return out


def _paint(
    layers: Sequence[_Layer], moves: Sequence[np.ndarray], size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the pictures [F, H, W, 3] uint8 and the index of the front layer [F, H, W] uint8."""
    width, height = size
    count = len(moves[0])
    pictures = np.empty((count, height, width, 3), np.uint8)
    front = np.zeros((count, height, width), np.uint8)
    for i in range(count):
        cv2.warpAffine(
            layers[0].texture,
            (moves[0][i] @ layers[0].place)[:2],
            size,
            dst=pictures[i],
            borderMode=cv2.BORDER_REFLECT_101,
        )
    for k, layer in enumerate(layers[1:], start=1):
        for i, place in enumerate(moves[k] @ layer.place):
            _lay(pictures[i], front[i], k, layer, place)
    return pictures, front


def _lay(picture: np.ndarray, front: np.ndarray, k: int, layer: _Layer, place: np.ndarray) -> None:
    """Paints a sprite's layer over the part of the picture that it reaches."""
    assert layer.clear is not None
    rows, columns = layer.texture.shape[:2]
    corners = place[:2] @ [[0, columns, 0, columns], [0, 0, rows, rows], [1, 1, 1, 1]]
    left, top = np.maximum(np.floor(corners.min(1)).astype(int), 0)
    right, bottom = np.minimum(np.ceil(corners.max(1)).astype(int) + 1, picture.shape[1::-1])
    if right <= left or bottom <= top:
        return
    matrix = place[:2] - [[0, 0, left], [0, 0, top]]
    size = (int(right - left), int(bottom - top))
    over = cv2.warpAffine(layer.texture, matrix, size)
    clear = cv2.warpAffine(layer.clear, matrix, size, borderValue=(255, 255, 255))
    part = np.ascontiguousarray(picture[top:bottom, left:right])
    picture[top:bottom, left:right] = cv2.add(over, cv2.multiply(part, clear, scale=1 / 255))
    front[top:bottom, left:right][clear[..., 0] < 128] = k


def _truth(moves: Sequence[np.ndarray], front: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the flow [F, 2, H, W] and the visibility [F, H, W] of frame 0's pixels."""
    count, height, width = front.shape
    first = front[0].ravel()
    y, x = np.divmod(np.arange(height * width), width)
    here = np.stack([x, y, np.ones_like(x)]).astype(np.float32)
    flow = np.empty((count, 2, height * width), np.float32)
    for k, move in enumerate(moves):
        step = (move[:, :2] - np.eye(3)[:2]).reshape(-1, 3).astype(np.float32)
        at = np.flatnonzero(first == k)
        flow[..., at] = (step @ here[:, at]).reshape(count, 2, -1)
    flow[0] = 0
    end = np.rint(here[:2] + flow).astype(np.int32)
    column, row = end[:, 0], end[:, 1]
    inside = (column >= 0) & (row >= 0) & (column < width) & (row < height)
    spot = np.where(inside, row * width + column, 0)
    there = np.take_along_axis(front.reshape(count, -1), spot, axis=1)
    visible = inside & (there == first)
    return flow.reshape(count, 2, height, width), visible.reshape(front.shape)


def _translation(x: float, y: float) -> np.ndarray:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)
