"""Sparse-to-dense interpolation that stops at image edges.

The method is that of Revaud et al. 2015 ("EpicFlow", arXiv 1501.02565, section 3) with a closed
form for its smoothing: every pixel takes the value of the seed that is nearest along a path on
which edges are long (a geodesic distance, here by Dijkstra on the 8-connected grid), and the
labels are then smoothed by weighted least squares (Farbman et al. 2008; the colorization of Levin,
Lischinski & Weiss 2004 is the same sparse system), whose data term loosens with the distance to
the seed. OpenCV has this pair as `ximgproc.EdgeAwareInterpolator`, but only in contrib, with a
learned edge detector, and not for a handful of seeds. The result is carried back to full size by
joint bilateral upsampling (Kopf et al. 2007).

Two things are added for drawings, where few seeds stand for whole objects: the picture's border
seeds "the background, which is still", and edges are taken at two scales, so that a short gap in
an outline lets nothing through. `whole_objects.py` finds the objects that moving seeds start on;
edges inside them stop nothing, and their outlines let nothing through.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from ..picture.upsample import TAPS, Cells, JointBilateral
from . import whole_objects

CELLS = 48_000
"""The interpolation is solved on at most this many grid cells, whatever the picture's size."""

TOLERANCE = 2.5
"""A step of CIELAB colour from one cell to the next up to which nothing counts as an edge."""

SEED_WEIGHT = 1e4
"""Data weight of a cell that holds a seed, against 1 for the bond between two cells."""

FLAT_BOND, CLOSED_BOND = 2.0, 1e-5
"""CIELAB step over which a bond falls to 1/e; what is left of it across the strongest edge."""


@dataclass(frozen=True)
class Grid:
    """The cells that the interpolation is solved on.

    Args:
        lab: [h, w, 3] float32 CIELAB colours, or None for a picture without colours.
        domain: [h, w] bool, the cells that take part.
        open_border: whether still background comes in from the border.
    """

    lab: np.ndarray | None
    domain: np.ndarray
    open_border: bool

    @property
    def shape(self) -> tuple[int, int]:
        return self.domain.shape[0], self.domain.shape[1]

    @property
    def diagonal(self) -> float:
        return float(np.hypot(*self.shape))


def grid_shape(width: int, height: int) -> tuple[int, int]:
    """(h, w) of the grid for a picture of `width` x `height` pixels: its shape, at most CELLS.

    >>> grid_shape(400, 120)
    (120, 400)
    >>> grid_shape(1920, 400)
    (100, 480)
    """
    shrink = max(1.0, (width * height / CELLS) ** 0.5)
    return max(1, round(height / shrink)), max(1, round(width / shrink))


def spread(
    grid: Grid, seeds: np.ndarray, reach: float, edges: float, moving: np.ndarray | None = None
) -> Callable[[np.ndarray], np.ndarray]:
    """Prepares the interpolation of values at `seeds` over the grid.

    Args:
        grid: the cells.
        seeds: [S] int, distinct flat indices of cells inside the domain.
        reach: how far a value spreads where no edge stops it, as a part of the diagonal.
        edges: how much edges count; 0 for not at all.
        moving: [S] bool, which of the seeds ever move; None for all. What lies open to the other
            ones belongs to no moving object.

    Returns:
        A linear function from values [S, C] to [h * w, C] float32; it never leaves the range of
        its values and 0. Cells that no seed reaches are 0.
    """
    moving = np.ones(len(seeds), dtype=bool) if moving is None else moving
    bonds = _edges(grid)
    labels = _nearest_seed(grid, bonds, seeds, reach, edges)
    mask = _objects(grid, seeds, moving) if edges > 0 else None
    if mask is not None:
        more = whole_objects.filled(bonds, mask, seeds, reach, edges)
        labels = np.where(labels >= 0, labels, more)
    data = _data_weight(grid, seeds, labels, reach)
    factor = _factorised(grid, data, edges, mask)
    reached = labels >= 0
    pull = np.where(reached, data, 0.0)[:, None]
    seed_of = np.where(reached, labels, 0)

    def interpolate(values: np.ndarray) -> np.ndarray:
        return factor(pull * values[seed_of]).astype(np.float32)

    return interpolate


def _bonds(shape: tuple[int, int], diagonal: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Index pairs of neighbouring cells, and their distance."""
    index = np.arange(shape[0] * shape[1], dtype=np.int32).reshape(shape)
    pairs = [(index[:, :-1], index[:, 1:], 1.0), (index[:-1], index[1:], 1.0)]
    if diagonal:
        pairs += [
            (index[:-1, :-1], index[1:, 1:], 2**0.5),
            (index[:-1, 1:], index[1:, :-1], 2**0.5),
        ]
    return (
        np.concatenate([a.ravel() for a, _, _ in pairs]),
        np.concatenate([b.ravel() for _, b, _ in pairs]),
        np.concatenate([np.full(a.size, d) for a, _, d in pairs]),
    )


def _colour_step(grid: Grid, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """CIELAB difference over each bond, the larger of a fine and a coarse scale's."""
    import cv2

    if grid.lab is None:
        return np.zeros(len(a))
    fine = cv2.bilateralFilter(grid.lab, 5, 8, 2)
    coarse = cv2.GaussianBlur(fine, (0, 0), 2.0)
    steps = [
        gain * np.linalg.norm(lab.reshape(-1, 3)[a] - lab.reshape(-1, 3)[b], axis=1)
        for lab, gain in ((fine, 1.0), (coarse, 2.0))
    ]
    return np.maximum(*steps)


def _nearest_seed(
    grid: Grid, bonds: whole_objects.Edges, seeds: np.ndarray, reach: float, edges: float
) -> np.ndarray:
    """[h * w] the index of the seed that each cell belongs to; -1 for the background."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import dijkstra

    cells = grid.domain.size
    inside = bonds.within(grid.domain.ravel())
    a, b = inside.a, inside.b
    cost = inside.length * (1 + edges * grid.diagonal * inside.barrier)
    sources = seeds
    if grid.open_border:
        border = whole_objects.border(grid.shape)
        a = np.concatenate([a, border])
        b = np.concatenate([b, np.full(len(border), cells)])
        cost = np.concatenate([cost, np.full(len(border), 0.7 * reach * grid.diagonal)])
        sources = np.append(seeds, cells)
    graph = coo_matrix((cost, (a, b)), shape=(cells + 1, cells + 1)).tocsr()
    _, _, source = dijkstra(
        graph, directed=False, indices=sources, min_only=True, return_predecessors=True
    )
    label_of = np.full(cells + 1, -1)
    label_of[seeds] = np.arange(len(seeds))
    source = source[:cells]
    labels = np.where(source >= 0, label_of[np.maximum(source, 0)], -1)
    if grid.open_border:
        labels[_distance_to_seed(grid, seeds, labels) > reach * grid.diagonal] = -1
    return labels


def _objects(grid: Grid, seeds: np.ndarray, moving: np.ndarray) -> np.ndarray | None:
    """[h * w] bool: the objects that moving seeds start on; None where none is told apart."""
    import cv2

    if grid.lab is None or not grid.open_border or moving.sum() > whole_objects.OBJECTS:
        return None
    rows, columns = grid.shape
    shrink = max(1.0, (rows * columns / whole_objects.COARSE_CELLS) ** 0.5)
    shape = max(1, round(rows / shrink)), max(1, round(columns / shrink))
    small = cv2.resize(grid.lab, shape[::-1], interpolation=cv2.INTER_AREA)
    y, x = np.divmod(seeds, columns)
    cells = (y * shape[0] // rows) * shape[1] + x * shape[1] // columns
    coarse = _edges(Grid(small, np.ones(shape, dtype=bool), True))
    found, maybe = whole_objects.objects(coarse, cells[moving], cells[~moving])
    return whole_objects.refined(grid.lab, found, maybe).ravel() if found.any() else None


def _edges(grid: Grid) -> whole_objects.Edges:
    a, b, length = _bonds(grid.shape, diagonal=True)
    return whole_objects.Edges(grid.shape, a, b, length, _barrier(grid, a, b, length))


def _barrier(grid: Grid, a: np.ndarray, b: np.ndarray, length: np.ndarray) -> np.ndarray:
    """How much of an edge each bond crosses, 0..1."""
    step = np.maximum(0, _colour_step(grid, a, b) / length - TOLERANCE)
    return 1 - np.exp(-((step / 8) ** 2))


def _distance_to_seed(grid: Grid, seeds: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """[h * w] straight distance to the cell's own seed; any number where it has none."""
    y, x = np.divmod(np.arange(len(labels)), grid.shape[1])
    seed_y, seed_x = np.divmod(seeds[np.maximum(labels, 0)], grid.shape[1])
    return np.hypot(x - seed_x, y - seed_y)


def _data_weight(grid: Grid, seeds: np.ndarray, labels: np.ndarray, reach: float) -> np.ndarray:
    """[h * w] how firmly each cell holds to its label: 1 / (smoothing length in cells)^2.

    The length grows with the distance to the seed (in the background: to the nearest moving cell),
    so that two seeds blend over about half their distance, however far apart they are.
    """
    import cv2

    background = (labels < 0).reshape(grid.shape)
    outside = cv2.distanceTransform(background.astype(np.uint8), cv2.DIST_L2, 5).ravel()
    length = np.where(
        labels >= 0,
        0.6 * _distance_to_seed(grid, seeds, labels),
        0.6 * np.minimum(outside + 0.1 * reach * grid.diagonal, grid.diagonal),
    )
    weight = 1 / np.maximum(length, 0.7) ** 2
    weight[seeds] = SEED_WEIGHT
    return weight


def _factorised(
    grid: Grid, data: np.ndarray, edges: float, objects: np.ndarray | None
) -> Callable[[np.ndarray], np.ndarray]:
    """Solves (data + Laplacian of the bonds) x = right side; the matrix is factorised once."""
    from scipy.sparse import coo_matrix, diags
    from scipy.sparse.linalg import splu

    a, b, _ = _bonds(grid.shape, diagonal=False)
    step = np.maximum(0, _colour_step(grid, a, b) - TOLERANCE / 2)
    bond = np.exp(-edges * step / FLAT_BOND) + CLOSED_BOND
    if objects is not None:
        bond[objects[a] != objects[b]] = CLOSED_BOND
    bond[~(grid.domain.ravel()[a] & grid.domain.ravel()[b])] = 0
    upper = coo_matrix((bond, (a, b)), shape=(len(data), len(data))).tocsr()
    bonds = upper + upper.T
    system = (diags(np.asarray(bonds.sum(axis=1)).ravel() + data) - bonds).tocsc()
    factor = splu(
        system,
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    return factor.solve


def upsampling(
    small: np.ndarray | None,
    full: np.ndarray | None,
    shape: tuple[int, int],
    size: tuple[int, int],
    edges: float,
) -> JointBilateral:
    """What enlarges maps of the grid to the pixels that it stands for.

    Args:
        small: [h, w, 3] float32 CIELAB colours of the cells, or None to go by distance alone.
        full: [H, W, 3] float32 CIELAB colours of the pixels, or None.
        shape: (h, w) of the grid.
        size: (W, H) of the picture.
        edges: how much likeness counts; 0 for not at all.
    """
    import cv2

    cells = Cells(size, (shape[1], shape[0]))
    guide = pixels = None
    if small is not None and full is not None:
        # Noise in the colours would fray the outlines.
        guide = _planes(cv2.bilateralFilter(small, 5, 20, 2))
        pixels = _planes(cv2.medianBlur(full, 5))
    weights = []
    for dx, dy in TAPS:
        y = torch.exp(-((cells.y - dy) ** 2) / (2 * 0.7**2))
        x = torch.exp(-((cells.x - dx) ** 2) / (2 * 0.7**2))
        weight = y[:, None] * x[None, :]
        if guide is not None and pixels is not None and edges > 0:
            unlike = (cells.beside(guide, (dx, dy)) - pixels).square_().sum(0)
            weight = weight * torch.exp(unlike * (-0.5 * (edges / 6.0) ** 2)) + weight * 1e-6
        weights.append(weight)
    return JointBilateral(cells, weights)


def _planes(colours: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(colours.transpose(2, 0, 1)))
