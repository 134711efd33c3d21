"""Outlines of sprites: random shapes, and a shape cut in two at a hinge."""

import cv2
import numpy as np

POINTS = 48


def shape(random: np.random.Generator, side: float, slender: bool = False) -> np.ndarray:
    """Draws a blob, ellipse, box or polygon about `side` px long: cover [h, w] uint8, 255 inside.

    Its edge is a pixel wide, and a margin of two pixels around it is empty. A slender one is
    about three times as long as wide.
    """
    kind = random.choice(4, p=(0.4, 0.2, 0.15, 0.25))
    corners = (_blob, _ellipse, _box, _polygon)[kind](random)
    if slender:
        corners = corners / np.ptp(corners, axis=0) * (1, random.uniform(0.25, 0.45))
    angle = random.uniform(0, 2 * np.pi)
    turned = corners @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    low, extent = turned.min(0), np.ptp(turned, axis=0)
    points = (turned - low) * (side / extent.max()) + 2.5
    width, height = np.ceil(points.max(0) + 3.5).astype(int)
    cover = np.zeros((height, width), np.uint8)
    cv2.fillPoly(cover, [np.round(points * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return cover


def hinged(
    random: np.random.Generator, cover: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    """Cuts a shape across its longer axis.

    Returns:
        the covers of the part that stays and of the part that turns, which overlap in a disc
        about the hinge so that no gap opens, and the hinge (x, y) in pixels of the cover.
    """
    rows, columns = np.nonzero(cover > 127)
    points = np.stack([columns, rows], axis=1).astype(np.float64)
    centre = points.mean(0)
    spread, axes = np.linalg.eigh(np.cov((points - centre).T) + np.eye(2) * 1e-3)
    along = axes[:, 1] * (1 if random.uniform() < 0.5 else -1)
    hinge = centre + along * random.uniform(-0.4, 0.4) * spread[1] ** 0.5
    y, x = np.mgrid[: cover.shape[0], : cover.shape[1]].astype(np.float32)
    beyond = ((x - hinge[0]) * along[0] + (y - hinge[1]) * along[1] + 0.5).clip(0, 1)
    disc = (1.6 * spread[0] ** 0.5 - np.hypot(x - hinge[0], y - hinge[1]) + 0.5).clip(0, 1)
    stays = (cover * np.maximum(1 - beyond, disc)).astype(np.uint8)
    turns = (cover * np.maximum(beyond, disc)).astype(np.uint8)
    return stays, turns, (float(hinge[0]), float(hinge[1]))


def _around(radius: np.ndarray) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, len(radius), endpoint=False)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _blob(random: np.random.Generator) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, POINTS, endpoint=False)
    radius = np.ones(POINTS)
    for wave in (2, 3, 4, 5):
        radius += random.normal(0, 0.32 / wave) * np.cos(wave * angle + random.uniform(0, 6.28))
    return _around(radius.clip(0.35))


def _ellipse(random: np.random.Generator) -> np.ndarray:
    return _around(np.ones(POINTS)) * (1, random.uniform(0.4, 1))


def _box(random: np.random.Generator) -> np.ndarray:
    return np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (1, random.uniform(0.3, 1))


def _polygon(random: np.random.Generator) -> np.ndarray:
    return _around(random.uniform(0.55, 1, int(random.integers(3, 9))))
