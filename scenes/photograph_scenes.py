"""Scenes made of photographs: sprites that move before a moving background, and what is said of it.

A scene is continuous in time: a seed decides it, and any times may be looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .photographs import Photographs
from .renderer import Layer, painted, translation
from .scene_captions import caption, direction
from .scene_motion import SceneMotion, composed, random_ease
from .scene_shapes import hinged, shape

# At these times the camera is asked how much background the picture shows.
PROBES = np.linspace(0, 1, 9)


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
class MovingLayer:
    """A layer and how it moves.

    Args:
        sprite: which it is a part of; 0 is the background.
        layer: what it shows.
        motions: applied from the last to the first.
    """

    sprite: int
    layer: Layer
    motions: tuple[SceneMotion, ...]


@dataclass(frozen=True)
class Scene:
    """What is to be filmed.

    Args:
        layers: from the back to the front.
        caption: what moves.
        light: the relative change of brightness until time 1.
    """

    layers: tuple[MovingLayer, ...]
    caption: str
    light: float

    def filmed(
        self, times: np.ndarray, size: tuple[int, int]
    ) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        """Where each layer is at the times [F, 3, 3], the pictures [F, H, W, 3] uint8 before the
        light changes, and the index of the front layer [F, H, W]."""
        moves = [composed(moving.motions, times) for moving in self.layers]
        return moves, *painted([moving.layer for moving in self.layers], moves, size)

    def sprites(self, front: np.ndarray) -> np.ndarray:
        """The sprite that each index of a front layer belongs to."""
        return np.array([moving.sprite for moving in self.layers])[front]


@dataclass(frozen=True)
class SceneMaker:
    """Draws a scene.

    Args:
        random: what decides.
        size: (W, H).
        photographs: what the layers are made of.
        options: what scenes are like.
    """

    random: np.random.Generator
    size: tuple[int, int]
    photographs: Photographs
    options: SceneOptions = USUAL

    @property
    def mean(self) -> float:
        """The picture's mean side, px."""
        return (self.size[0] * self.size[1]) ** 0.5

    def scene(self) -> Scene:
        random, options = self.random, self.options
        camera, said = self.camera()
        background, photo = self.background(camera)
        layers, actions = [background], []
        for k in range(int(random.integers(options.sprites[0], options.sprites[1] + 1))):
            parts, action = self.sprite(k + 1, camera, photo)
            layers += parts
            actions += [action] if action else []
        text = caption(actions, said, count_only=len(actions) > 1 and random.uniform() < 0.4)
        return Scene(tuple(layers), text, options.light * random.uniform(-1, 1))

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

    def background(self, camera: SceneMotion) -> tuple[MovingLayer, int]:
        width, height = self.size
        corners = np.array([[0, width - 1, 0, width - 1], [0, 0, height - 1, height - 1], [1] * 4])
        seen = (np.linalg.inv(camera.matrices(PROBES)) @ corners)[:, :2]
        low = np.floor(seen.min((0, 2))) - 3
        extent = np.ceil(seen.max((0, 2))) + 4 - low
        size = (int(extent[0]), int(extent[1]))
        texture, photo = self.photographs.texture(self.random, size)
        layer = Layer(texture, None, translation(*low))
        return MovingLayer(0, layer, (camera,)), photo

    def sprite(
        self, number: int, camera: SceneMotion, background: int
    ) -> tuple[list[MovingLayer], str]:
        """Returns the layers of a sprite, and what it does in words (nothing if it is still)."""
        random = self.random
        side = random.uniform(*self.options.sides) * self.mean
        centre = random.uniform(0.15, 0.85, 2) * self.size
        motion, action = self.sprite_motion(centre, side)
        noun, texture, cover = self.look(side, action == "bends", background)
        middle = np.array([texture.shape[1] - 1, texture.shape[0] - 1]) / 2
        place = translation(*(centre - middle))
        parts: list[tuple[np.ndarray, tuple[SceneMotion, ...]]] = [(cover, ())]
        if action == "bends":
            stays, turns, hinge = hinged(random, cover)
            x, y = np.array(hinge) + place[:2, 2]
            angle = float(random.choice((-1, 1)) * random.uniform(0.35, 0.9))
            bend = SceneMotion(about=(float(x), float(y)), turn=angle, ease=motion.ease)
            parts = [(stays, ()), (turns, (bend,))]
        layers = [
            MovingLayer(number, Layer.covering(texture, part, place), (camera, motion, *more))
            for part, more in parts
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
