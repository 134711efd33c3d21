"""The photographs that synthetic clips are made of: free ones that installed packages bring.

They come from scikit-image's wheel and from the pack's example workflows, which took theirs from
scikit-image too; no file is fetched. photographs.json lists their files, authors, licences (as the
functions of skimage.data state them) and the outlines of their objects. Some are held out: no
training sees them, and what is trained is judged on them. Photographs whose licence is not stated
(moon, motorcycle) are not used, and two files of one photograph never stand in the table.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

PACK_INPUT = Path(__file__).resolve().parents[1] / "example_workflows" / "input"
CUT_OUT_SIDE = 224
SHRINK = 2**0.5


Split = Literal["train", "held_out"]


@dataclass(frozen=True)
class Outline:
    """An object in a photograph: what it is called, and a polygon in pixels of the file.

    Without points, the object is what the file's alpha channel leaves transparent (a brush).
    """

    noun: str
    points: tuple[tuple[int, int], ...] = ()

    @staticmethod
    def of(entry: dict[str, Any]) -> Outline:
        points = entry.get("points", ())
        if "ellipse" in entry:
            x, y, across, down = entry["ellipse"]
            points = cv2.ellipse2Poly((x, y), (across, down), 0, 0, 360, 15)
        return Outline(entry["noun"], tuple((int(x), int(y)) for x, y in points))


@dataclass(frozen=True)
class PhotographSource:
    """One line of the table.

    Args:
        file: `pack:` files lie in example_workflows/input, the others in skimage/data.
        title: what it shows and who made it.
        licence: of the photograph.
        split: whether training sees it.
        outlines: of its objects.
    """

    file: str
    title: str
    licence: str
    split: Split
    outlines: tuple[Outline, ...] = ()


def _sources() -> tuple[PhotographSource, ...]:
    table = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
    return tuple(
        PhotographSource(**{**row, "outlines": tuple(map(Outline.of, row.get("outlines", ())))})
        for row in table
    )


SOURCES = _sources()


@dataclass(frozen=True)
class CutOut:
    """An object of a photograph: [h, w, 4] uint8 (RGB, and how much of the pixel it covers)."""

    noun: str
    pixels: np.ndarray
    colourless: bool


@dataclass(frozen=True)
class Photograph:
    """A photograph in sizes that shrink by the root of 2, [h, w, 3] uint8 RGB each."""

    source: PhotographSource
    levels: tuple[np.ndarray, ...]
    cut_outs: tuple[CutOut, ...]
    colourless: bool


class Photographs:
    """All photographs of one split, and random pieces of them.

    Args:
        split: "train" or "held_out".
        sources: the table to take them from.
    """

    def __init__(self, split: Split, sources: Sequence[PhotographSource] = SOURCES) -> None:
        self.split = split
        self.items = tuple(_load(source) for source in sources if source.split == split)
        if not self.items:
            raise ValueError(f"the table has no photograph of the split {split!r}")
        # Each kind of object is as likely as any other, however many of it there are.
        self.cut_outs: dict[str, list[CutOut]] = {}
        for piece in (piece for item in self.items for piece in item.cut_outs):
            self.cut_outs.setdefault(piece.noun, []).append(piece)

    def __len__(self) -> int:
        return len(self.items)

    def __reduce__(self) -> tuple[Any, ...]:
        # A worker process loads the files itself; sending the pixels would cost more.
        sources = tuple(item.source for item in self.items)
        return Photographs, (self.split, sources)

    def crop(self, random: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
        """Returns a random piece [h, w, 3] float32 in 0..1; `texture` says how it is made."""
        return self.texture(random, size)[0].astype(np.float32) / 255

    def texture(
        self,
        random: np.random.Generator,
        size: tuple[int, int],
        scales: tuple[float, float] = (0.7, 100.0),
        avoid: int | None = None,
    ) -> tuple[np.ndarray, int]:
        """Cuts a random piece, turned, mirrored, rescaled and with other colours.

        Each photograph of the split is taken as often as any other.

        Args:
            random: what decides.
            size: (w, h) of the piece.
            scales: bounds of the pixels of the photograph per pixel of the piece; the second is
                cut down to what the photograph has. By default from 0.7 to all of it.
            avoid: index of a photograph not to be taken, where there is another one.

        Returns:
            [h, w, 3] uint8 RGB, and the index of the photograph.
        """
        index = int(random.integers(len(self.items)))
        if index == avoid:
            further = 1 + int(random.integers(max(1, len(self.items) - 1)))
            index = (index + further) % len(self.items)
        item = self.items[index]
        piece = _piece(random, item.levels, size, scales)
        return cv2.transform(piece, colour_change(random, item.colourless)), index

    def cut_out(self, random: np.random.Generator, side: float) -> CutOut:
        """Returns a random object in other colours; its longer side measures `side` pixels."""
        kinds = list(self.cut_outs.values())
        kind = kinds[int(random.integers(len(kinds)))]
        found = kind[int(random.integers(len(kind)))]
        pixels = found.pixels
        scale = side / max(pixels.shape[:2])
        size = tuple(max(4, round(scale * length)) for length in (pixels.shape[1], pixels.shape[0]))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        if random.uniform() < 0.5:
            pixels = pixels[:, ::-1]
        colours = cv2.transform(
            np.ascontiguousarray(pixels[..., :3]), colour_change(random, found.colourless)
        )
        return CutOut(found.noun, np.dstack([colours, pixels[..., 3]]), found.colourless)


def colour_change(random: np.random.Generator, colourless: bool) -> np.ndarray:
    """Returns a random affine map of RGB in 0..255, [3, 4]; what has no colour is often tinted."""
    contrast = random.uniform(0.7, 1.15)
    lift = random.uniform(-20, 25) + 128 * (1 - contrast)
    if colourless and random.uniform() < 0.75:
        dark = random.uniform(0, 70) + random.normal(0, 20, 3)
        light = random.uniform(140, 240) + random.normal(0, 35, 3)
        grey_to = ((light - dark) / 255)[:, None] * np.full((1, 3), 1 / 3)
        return np.column_stack([contrast * grey_to, contrast * dark + lift])
    # Turning about the grey axis changes the hue: far now and then, mostly a little.
    angle = random.uniform(-np.pi, np.pi) if random.uniform() < 0.12 else random.normal(0, 0.15)
    saturation = random.uniform(0.6, 1.4)
    grey = np.full((3, 3), 1 / 3)
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / 3**0.5
    turn = grey + saturation * (np.cos(angle) * (np.eye(3) - grey) + np.sin(angle) * cross)
    gains = np.diag(random.uniform(0.88, 1.12, 3))
    return np.column_stack([contrast * gains @ turn, np.full(3, lift)])


def _piece(
    random: np.random.Generator,
    levels: tuple[np.ndarray, ...],
    size: tuple[int, int],
    scales: tuple[float, float],
) -> np.ndarray:
    width, height = size
    angle = random.normal(0, 0.12) if random.uniform() < 0.6 else 0.0
    cos, sin = abs(np.cos(angle)), abs(np.sin(angle))
    across, down = width * cos + height * sin, width * sin + height * cos
    rows, columns = levels[0].shape[:2]
    largest = min(columns / across, rows / down)
    low, high = min(scales[0], largest), min(scales[1], largest)
    scale = low * (max(high, low) / low) ** random.uniform()
    centre = [
        random.uniform(scale * extent / 2, max(length - scale * extent / 2, scale * extent / 2))
        for extent, length in ((across, columns), (down, rows))
    ]
    level = int(np.clip(np.round(np.log(scale) / np.log(SHRINK)), 0, len(levels) - 1))
    image = levels[level]
    shrink = image.shape[1] / columns
    mirror = -1 if random.uniform() < 0.5 else 1
    turned = (scale * shrink) * np.array(
        [[np.cos(angle) * mirror, -np.sin(angle)], [np.sin(angle) * mirror, np.cos(angle)]]
    )
    start = np.array(centre) * shrink - turned @ [(width - 1) / 2, (height - 1) / 2]
    return cv2.warpAffine(
        image,
        np.column_stack([turned, start]),
        size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )


@lru_cache(maxsize=64)
def _load(source: PhotographSource) -> Photograph:
    image = _read(source.file)
    colours = cv2.cvtColor(image[..., :3], cv2.COLOR_BGR2RGB)
    levels = [colours]
    while min(levels[-1].shape[:2]) > 96:
        size = [round(length / SHRINK ** len(levels)) for length in colours.shape[1::-1]]
        levels.append(cv2.resize(colours, size, interpolation=cv2.INTER_AREA))
    colourless = bool(np.ptp(levels[-1].astype(int), axis=2).mean() < 4)
    cut_outs = tuple(_cut(image, colours, outline, colourless) for outline in source.outlines)
    return Photograph(source, tuple(levels), cut_outs, colourless)


def _read(file: str) -> np.ndarray:
    """Returns [h, w, 3 or 4] uint8 in OpenCV's order of colours."""
    if file.startswith("pack:"):
        path = PACK_INPUT / file.removeprefix("pack:")
    else:
        try:
            path = Path(str(files("skimage.data"))) / file
        except ModuleNotFoundError as error:
            raise ValueError(
                "the photographs for synthetic clips come with scikit-image, which is not "
                "installed: pip install -r requirements-train.txt"
            ) from error
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise ValueError(f"the photograph {path} is missing or no picture: install it again")
    return cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image


def _cut(image: np.ndarray, colours: np.ndarray, outline: Outline, colourless: bool) -> CutOut:
    if outline.points:
        cover = np.zeros(colours.shape[:2], np.uint8)
        cv2.fillPoly(cover, [np.array(outline.points, np.int32)], 255, cv2.LINE_AA)
    else:
        cover = 255 - image[..., 3]
    x, y, width, height = cv2.boundingRect(cover)
    pixels = np.dstack([colours, cover])[y : y + height, x : x + width]
    scale = min(1.0, CUT_OUT_SIDE / max(width, height))
    size = (max(1, round(scale * width)), max(1, round(scale * height)))
    pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return CutOut(outline.noun, pixels, colourless)
