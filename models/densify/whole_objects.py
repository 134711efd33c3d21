"""The object that a path starts on, told from the background in spite of the edges inside it.

Geodesic saliency (Wei, Wen, Zhu & Sun 2012, "Geodesic saliency using background priors"): the
picture's border is background, and what lies behind edges, seen from there, is not. An object is
the connected part of what is not background around a path's start. The edges are taken on a
coarse grid, where textures fade and outlines have no gaps; `cut_out.py` then finds its outline on
the fine one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..picture.cut_out import cut_out

COARSE_CELLS = 12_000
"""Cells of the grid on which objects are told apart."""

CLEAR = 0.15
"""Edge, as a part of a full one, that makes an object where the start lies behind a full one."""

FAINT = 0.3
"""A start behind less edge than this lies on the background itself."""

BAND = 0.015
"""How far an outline found on the coarse grid may be off, as a part of the diagonal."""

OPENLY = 0.01
"""What lies behind less edge than this is open to the border: background, never of an object."""

NECK = 2
"""Parts that hang on by less than so many coarse cells are not of one object."""

FURTHER = 1.5
"""Inside an object motion reaches so many times as far, lest the object is torn."""


SLOWED = 0.01
"""An edge inside the object is as long as this part of the picture's diagonal."""

OBJECTS = 32
"""With more moving paths than this they say themselves what moves."""


@dataclass(frozen=True)
class Edges:
    """A grid's bonds: neighbouring flat cells a, b, their distance, the edge between them 0..1."""

    shape: tuple[int, int]
    a: np.ndarray
    b: np.ndarray
    length: np.ndarray
    barrier: np.ndarray

    @property
    def diagonal(self) -> float:
        return float(np.hypot(*self.shape))

    def within(self, mask: np.ndarray) -> Edges:
        """The bonds both of whose cells lie in mask [h * w]."""
        keep = mask[self.a] & mask[self.b]
        parts = (part[keep] for part in (self.a, self.b, self.length, self.barrier))
        return Edges(self.shape, *parts)

    def shortest(self, cost: np.ndarray, sources: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """[h * w] cost of the cheapest way from any source, and that source (negative: none)."""
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import dijkstra

        cells = self.shape[0] * self.shape[1]
        graph = coo_matrix((cost, (self.a, self.b)), shape=(cells, cells)).tocsr()
        distance, _, source = dijkstra(
            graph, directed=False, indices=sources, min_only=True, return_predecessors=True
        )
        return distance, source


def border(shape: tuple[int, int]) -> np.ndarray:
    """Flat indices of the cells along the border of a grid.

    >>> border((3, 3)).tolist()
    [0, 1, 2, 3, 5, 6, 7, 8]
    """
    index = np.arange(shape[0] * shape[1]).reshape(shape)
    return np.unique(np.concatenate([index[0], index[-1], index[:, 0], index[:, -1]]))


def objects(coarse: Edges, moving: np.ndarray, still: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[h, w] bool: the objects around moving starts, and what is not open to the border at all.

    Args:
        coarse: the coarse grid.
        moving, still: flat indices of its cells where paths and pins start.
    """
    import cv2

    behind, _ = coarse.shortest(
        coarse.length * (coarse.barrier + 1e-6), np.concatenate([border(coarse.shape), still])
    )
    found = np.zeros(coarse.shape, dtype=bool)
    for start in moving:
        if behind[start] < FAINT:
            continue
        clear = behind >= CLEAR * min(1.0, behind[start])
        square = clear.reshape(coarse.shape).astype(np.uint8)
        # Opposite anchors, or a neck of an even number of cells would shift everything.
        neck = np.ones((NECK, NECK), np.uint8)
        thin = cv2.erode(square, neck, anchor=(0, 0))
        compact = cv2.dilate(thin, neck, anchor=(NECK - 1, NECK - 1))
        _, part = cv2.connectedComponents(compact, connectivity=4)
        if compact.flat[start]:
            found |= part == part.flat[start]
    return found, (behind >= OPENLY).reshape(coarse.shape)


def refined(lab: np.ndarray, found: np.ndarray, maybe: np.ndarray) -> np.ndarray:
    """[h, w] bool: the `objects` of a coarse grid, cut out of the fine one's colours [h, w, 3].

    Outlines move by up to BAND, so that parts which fade into the background are regained.
    """
    import cv2

    shape = lab.shape[:2]
    likely = cv2.resize(found.astype(np.float32), shape[::-1]) > 0.5
    band = max(2, round(BAND * float(np.hypot(*shape))))
    near = cv2.resize(maybe.astype(np.float32), shape[::-1])
    possible = _moved(likely, band)
    mask = cut_out(lab, _moved(likely, -1), possible & (near > 0.5), possible & (near > 0.25))
    return cv2.medianBlur(mask.astype(np.uint8), 5) > 0


def _moved(mask: np.ndarray, pixels: int) -> np.ndarray:
    """A mask [h, w] with its outline moved outwards; inwards for negative numbers."""
    import cv2

    width = 2 * abs(pixels) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    change = cv2.dilate if pixels > 0 else cv2.erode
    return change(mask.astype(np.uint8), disc) > 0


def filled(
    fine: Edges, mask: np.ndarray, seeds: np.ndarray, reach: float, edges: float
) -> np.ndarray:
    """[h * w] the seed that each cell of the objects follows; -1 outside and out of reach."""
    inside = fine.within(mask)
    distance, source = inside.shortest(
        inside.length * (1 + edges * SLOWED * fine.diagonal * inside.barrier), seeds
    )
    label_of = np.full(mask.size, -1)
    label_of[seeds] = np.arange(len(seeds))
    reached = (source >= 0) & (distance <= FURTHER * reach * fine.diagonal)
    return np.where(mask & reached, label_of[np.maximum(source, 0)], -1)
