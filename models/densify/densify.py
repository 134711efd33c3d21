"""From a few drawn tracks to a motion field, without a learned model.

Every pixel follows a weighted mean of the drawn displacements. The weights come from the tracks'
start points, the picture and the region alone (`edge_aware.py` names the published method), so
that they are found once and serve every frame of the clip.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from ..picture.lab import edge_colours
from ..picture.pixels import box_of
from ..picture.region import region_of
from ..picture.upsample import JointBilateral
from ..types.motion_field import MotionField, check_size
from ..types.progress import OnStep
from ..types.tracks import Tracks
from . import edge_aware

PathsOutside = Literal["error", "ignore"]

HELD = 1.5
"""Radius in pixels around a start within which the field is exactly the drawn displacement; a
start between pixels then reads it exactly, too."""

RELEASED = 4.0
"""Radius in pixels from which on the field is the interpolation's alone."""

DRAWN_AT_MOST = 100
"""More paths than this nobody draws: they come from a program, and count as measured."""

WEIGHT_MAPS = 32
"""Up to this many moving tracks one weight map each is cheaper than the frames' channels."""


def densify(
    tracks: Tracks,
    size: tuple[int, int],
    picture: torch.Tensor | None = None,
    region: torch.Tensor | None = None,
    *,
    reach: float = 0.35,
    edges: float = 1.0,
    paths_outside: PathsOutside = "error",
    on_step: OnStep | None = None,
) -> MotionField:
    """Spreads the tracks' motion over the picture, inside objects and up to their edges.

    Measured tracks that start within a pixel and part, as at an edge that covers what is behind it,
    count as their mean in each pixel; where two drawn paths do so, one is a mistake. Otherwise
    exact at the start points (to rounding, before the region's feather multiplies it), and exactly
    zero on pins and outside the region. Visibility is not read: hidden points count as drawn.

    Args:
        tracks: the drawing, rescaled to `size` where it belongs to another.
        size: (W, H) of the field.
        picture: [H', W', C] or [1, H', W', C] float RGB in 0..1, whose edges stop the motion; of a
            batch the first picture counts. None: smooth interpolation that knows no edges.
        region: [H', W'] or [1, H', W'] in 0..1: what may move, and how strongly. Motion fills the
            connected parts of it that have a track. None or all zero: everything may move.
        reach: how far motion spreads where neither an edge nor a region stops it, as a part of the
            picture's diagonal, in (0, 2].
        edges: how much edges count, 0 (not at all) to 4.
        paths_outside: what happens to moving paths that start where nothing may move.
        on_step: called with (frames done, frames) while the field is written.

    Raises:
        ValueError: for an empty drawing, a path that starts outside, two drawn paths that start at
            one place and disagree, or a picture, region or number out of its bounds.
    """
    check_size(size)
    if tracks.count == 0:
        raise ValueError("nothing is drawn: densifying needs at least one path or pin")
    _check_number("reach", reach, 0.01, 2.0)
    _check_number("edges", edges, 0.0, 4.0)
    allowed = None if region is None else region_of(region, size)
    seeds = _seeds(tracks.rescaled(size), allowed, paths_outside)
    colours = None if picture is None else edge_colours(picture, size)
    flow = torch.zeros(tracks.frames, 2, size[1], size[0])
    if seeds.moving.any():
        window = _window(size, allowed)
        _interpolate(flow, seeds, window, colours, allowed, (reach, edges), on_step)
    elif on_step is not None:
        on_step(len(flow), len(flow))
    return MotionField(flow)


@dataclass(frozen=True)
class _Seeds:
    """Start points [S, 2] in pixels, displacements [S, F, 2], and which of them ever move [S]."""

    starts: np.ndarray
    displacements: np.ndarray
    moving: np.ndarray


@dataclass(frozen=True)
class _Window:
    """The rectangle of pixels that can move at all."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> tuple[int, int]:
        return self.right - self.left, self.bottom - self.top

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)


def _check_number(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}; give a number from {low} to {high}")


def _seeds(tracks: Tracks, allowed: torch.Tensor | None, paths_outside: PathsOutside) -> _Seeds:
    if paths_outside not in ("error", "ignore"):
        raise ValueError(f'paths_outside is "error" or "ignore", not {paths_outside!r}')
    points = tracks.points.detach().cpu().double().numpy()
    starts = points[0]
    displacements = (points - points[:1]).transpose(1, 0, 2)
    moving = (displacements != 0).any(axis=(1, 2))
    movable = np.array([_may_move(start, tracks.size, allowed) for start in starts])
    if paths_outside == "error" and (moving & ~movable).any():
        number = int(np.flatnonzero(moving & ~movable)[0])
        _refuse(number, starts[number], tracks.size, allowed)
    last_pixel = np.array(tracks.size) - 1
    seeds = _Seeds(starts[movable].clip(0, last_pixel), displacements[movable], moving[movable])
    pairs, apart = _partings(seeds)
    if not len(pairs):
        return seeds
    if tracks.drawn and tracks.count <= DRAWN_AT_MOST:
        _refuse_parting(seeds, np.flatnonzero(movable), pairs[np.argmax(apart)], apart.max())
    return _merged(seeds, np.unique(pairs))


def _may_move(start: np.ndarray, size: tuple[int, int], allowed: torch.Tensor | None) -> bool:
    if not _inside(start, size):
        return False
    x, y = _pixel(start, size)
    return allowed is None or bool(allowed[y, x] > 0)


def _inside(point: np.ndarray, size: tuple[int, int]) -> bool:
    """Whether a point lies in the picture: from half a pixel before the first centre to its size,
    the right and lower end of what can be drawn on it."""
    return bool((point >= -0.5).all() and (point <= size).all())


def _pixel(point: np.ndarray, size: tuple[int, int]) -> tuple[int, int]:
    """The pixel nearest to a point of the picture; pixel centres are at whole numbers."""
    x, y = np.floor(point + 0.5).clip(0, np.array(size) - 1)
    return int(x), int(y)


def _refuse(
    number: int, start: np.ndarray, size: tuple[int, int], allowed: torch.Tensor | None
) -> None:
    inside = _inside(start, size)
    where = "the region" if inside else f"the {size[0]} x {size[1]} picture"
    cure = "start it inside"
    if inside and allowed is not None:
        cure = "start it on the region, or paint the region under it"
    raise ValueError(
        f"path {number + 1} starts at ({start[0]:.1f}, {start[1]:.1f}), outside {where}, where "
        f'nothing may move: {cure}, or set paths_outside to "ignore"'
    )


def _partings(seeds: _Seeds) -> tuple[np.ndarray, np.ndarray]:
    """Pairs [P, 2] of seeds that start within a pixel and part by more than half a one, and by how
    many pixels [P]."""
    from scipy.spatial import cKDTree

    pairs = cKDTree(seeds.starts).query_pairs(1.0, output_type="ndarray").reshape(-1, 2)
    a, b = pairs.T
    moves = seeds.displacements
    apart = np.abs(moves[a] - moves[b]).max(axis=(1, 2), initial=0)
    parting = apart > 0.5
    return pairs[parting], apart[parting]


def _refuse_parting(seeds: _Seeds, numbers: np.ndarray, pair: np.ndarray, apart: float) -> None:
    first, second = sorted(int(numbers[seed]) + 1 for seed in pair)
    x, y = seeds.starts[pair[0]]
    raise ValueError(
        f"paths {first} and {second} both start at ({x:.1f}, {y:.1f}) but move apart by "
        f"{apart:.1f} px: move one start by more than a pixel, or delete one path"
    )


def _merged(seeds: _Seeds, parting: np.ndarray) -> _Seeds:
    """Those of the parting seeds that start in one pixel become one, their mean."""
    pixels = np.floor(seeds.starts[parting] + 0.5)
    _, group, count = np.unique(pixels, axis=0, return_inverse=True, return_counts=True)
    kept = np.setdiff1d(np.arange(len(seeds.starts)), parting)

    def joined(values: np.ndarray) -> np.ndarray:
        sums = np.zeros((len(count), *values.shape[1:]))
        np.add.at(sums, group.reshape(-1), values[parting])
        mean = sums / count.reshape(-1, *(1,) * (values.ndim - 1))
        return np.concatenate([values[kept], mean])

    displacements = joined(seeds.displacements)
    return _Seeds(joined(seeds.starts), displacements, (displacements != 0).any(axis=(1, 2)))


def _window(size: tuple[int, int], allowed: torch.Tensor | None) -> _Window:
    if allowed is None:
        return _Window(0, 0, *size)
    rows, columns = box_of(allowed > 0)
    return _Window(columns.start, rows.start, columns.stop, rows.stop)


def _interpolate(
    flow: torch.Tensor,
    seeds: _Seeds,
    window: _Window,
    colours: np.ndarray | None,
    allowed: torch.Tensor | None,
    strength: tuple[float, float],
    on_step: OnStep | None,
) -> None:
    """Writes the field into `flow` [F, 2, H, W], frame by frame."""
    import cv2

    reach, edges = strength
    rows, columns = window.slices
    shape = edge_aware.grid_shape(*window.size)
    full = None if colours is None else np.ascontiguousarray(colours[rows, columns])
    small = full
    if full is not None and full.shape[:2] != shape:
        small = cv2.resize(full, shape[::-1], interpolation=cv2.INTER_AREA)
    part = None if allowed is None else allowed[rows, columns]
    grid = edge_aware.Grid(small, _domain(part, shape), open_border=allowed is None)
    cells, seed_of = _cells(seeds, window, shape)
    values = edge_aware.spread(grid, cells, reach, edges, seeds.moving[seed_of])
    upsample = edge_aware.upsampling(small, full, shape, window.size, edges)
    frame_of = _frames_of(seeds, seed_of, values, upsample, shape, len(flow))
    hold = _Hold.around(seeds, window)
    for index in range(1, len(flow)):
        frame = frame_of(index)
        hold.apply(frame, index)
        if part is not None:
            frame *= part
        flow[index, :, rows, columns] = frame
        if on_step is not None:
            on_step(index + 1, len(flow))


def _domain(part: torch.Tensor | None, shape: tuple[int, int]) -> np.ndarray:
    """[h, w] bool: the cells that hold some of the region, gaps of a few cells bridged."""
    import cv2

    if part is None:
        return np.ones(shape, dtype=bool)
    painted = (part > 0).float().numpy()
    if painted.shape != shape:
        painted = cv2.resize(painted, shape[::-1], interpolation=cv2.INTER_AREA)
    gap = 3 + 2 * round(0.005 * float(np.hypot(*shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (gap, gap))
    return cv2.dilate((painted > 0).astype(np.uint8), disc) > 0


def _cells(seeds: _Seeds, window: _Window, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Flat cells that hold a start, and the seed each of them stands for (its most central)."""
    pixels = np.floor(seeds.starts + 0.5) - (window.left, window.top)
    position = (pixels + 0.5) * np.array(shape[::-1]) / np.array(window.size) - 0.5
    column, row = np.round(position).T.clip(0).astype(np.int64)
    column, row = column.clip(max=shape[1] - 1), row.clip(max=shape[0] - 1)
    off_centre = np.hypot(position[:, 0] - column, position[:, 1] - row)
    order = np.lexsort((np.arange(len(row)), off_centre))
    cells, first = np.unique((row * shape[1] + column)[order], return_index=True)
    return cells, order[first]


def _frames_of(
    seeds: _Seeds,
    seed_of: np.ndarray,
    values: Callable[[np.ndarray], np.ndarray],
    upsample: JointBilateral,
    shape: tuple[int, int],
    frames: int,
) -> Callable[[int], torch.Tensor]:
    """The interpolated frame [2, H, W] of an index.

    The field is linear in the displacements: few tracks are spread as one weight map each, which
    every frame mixes; many are spread as the frames' own channels.
    """
    moves = seeds.displacements[seed_of]
    moving = np.flatnonzero(seeds.moving[seed_of])
    if len(moving) <= min(WEIGHT_MAPS, 2 * frames):
        unit = np.zeros((len(seed_of), len(moving)))
        unit[moving, np.arange(len(moving))] = 1.0
        maps = upsample(_maps(values(unit), shape))
        mix = torch.from_numpy(moves[moving]).float()
        flat = maps.flatten(1)
        return lambda index: (mix[:, index].T @ flat).view(2, *maps.shape[1:])
    channels = _maps(values(moves.reshape(len(moves), -1)), shape)
    return lambda index: upsample(channels[2 * index : 2 * index + 2])


def _maps(columns: np.ndarray, shape: tuple[int, int]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(columns.T)).view(-1, *shape)


@dataclass(frozen=True)
class _Hold:
    """The pixels near the starts, where the field is led over to the drawn displacement."""

    pixel: torch.Tensor
    strength: torch.Tensor
    moves: torch.Tensor

    @staticmethod
    def around(seeds: _Seeds, window: _Window) -> _Hold:
        """For every pixel within RELEASED of a start, the nearest start and how firmly it holds."""
        span = np.arange(-int(RELEASED) - 1, int(RELEASED) + 2)
        local = seeds.starts - (window.left, window.top)
        centre = np.floor(local + 0.5).astype(np.int64)
        dy, dx = (d.ravel() for d in np.meshgrid(span, span, indexing="ij"))
        x, y = centre[:, :1] + dx, centre[:, 1:] + dy
        distance = np.hypot(x - local[:, :1], y - local[:, 1:])
        width, height = window.size
        near = (distance < RELEASED) & (x >= 0) & (x < width) & (y >= 0) & (y < height)
        seed = np.broadcast_to(np.arange(len(local))[:, None], near.shape)[near]
        pixel, distance = (y * width + x)[near], distance[near]
        order = np.lexsort((seed, distance, pixel))
        pixel, first = np.unique(pixel[order], return_index=True)
        seed, distance = seed[order][first], distance[order][first]
        part = ((RELEASED - distance) / (RELEASED - HELD)).clip(0, 1)
        return _Hold(
            torch.from_numpy(pixel),
            torch.from_numpy(part * part * (3 - 2 * part)).float(),
            torch.from_numpy(seeds.displacements[seed].transpose(1, 2, 0).copy()).float(),
        )

    def apply(self, frame: torch.Tensor, index: int) -> None:
        """Changes a frame [2, H, W] in place."""
        flat = frame.view(2, -1)
        free = flat[:, self.pixel] * (1 - self.strength)
        flat[:, self.pixel] = free + self.moves[index] * self.strength
