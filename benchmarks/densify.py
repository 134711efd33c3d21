"""What densifying a drawing costs, next to blurring the clip's frames once.

Run from the repository's root: `python benchmarks/densify.py`. Times are the best of several
rounds, in turns with the blur, so that only the ratio needs to be trusted.
"""

# ruff: noqa: E402

import time

import testing.pack

testing.pack.load()

import cv2
import numpy as np
import torch
from motion_i2v.models.densify.densify import densify
from motion_i2v.models.types.tracks import Tracks

# width, height, frames, tracks
CASES = [
    (512, 320, 16, 1),
    (512, 320, 16, 10),
    (512, 320, 16, 100),
    (512, 320, 16, 2000),
    (512, 320, 64, 10),
    (512, 320, 128, 10),
    (1024, 640, 16, 10),
    (1920, 1080, 16, 10),
]
ROUNDS = 3


def drawing(width: int, height: int, frames: int, count: int) -> Tracks:
    """Straight paths of random lengths from a jittered grid of starts."""
    rng = np.random.default_rng(0)
    columns = int(np.ceil((count * width / height) ** 0.5))
    rows = int(np.ceil(count / columns))
    cells = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).reshape(-1, 2)[:count]
    inside = cells + rng.uniform(0.3, 0.7, cells.shape)
    starts = inside * (width / columns, height / rows)
    moves = rng.normal(0, width / 30, starts.shape)
    points = starts + moves * np.linspace(0, 1, frames)[:, None, None]
    return Tracks(
        torch.from_numpy(points).float(),
        torch.ones(frames, count, dtype=torch.bool),
        (width, height),
    )


def scene(width: int, height: int) -> torch.Tensor:
    """[H, W, 3] soft blobs with sharp outlines, and some noise."""
    rng = np.random.default_rng(1)
    noise = cv2.GaussianBlur(rng.normal(0, 1, (height, width, 3)), (0, 0), width / 20)
    blobs = np.floor(noise / noise.std() * 2) / 6 + 0.5
    return torch.from_numpy((blobs + rng.normal(0, 0.01, blobs.shape)).clip(0, 1)).float()


def blur(picture: torch.Tensor, frames: int) -> None:
    for _ in range(frames):
        cv2.GaussianBlur(picture.numpy(), (0, 0), 5)


def main() -> None:
    print(f"{'clip':<24}{'tracks':>7}{'blur':>10}{'densify':>10}{'ratio':>8}")
    for width, height, frames, count in CASES:
        picture, tracks = scene(width, height), drawing(width, height, frames, count)
        best = [float("inf")] * 2
        for _ in range(ROUNDS):
            start = time.perf_counter()
            blur(picture, frames)
            middle = time.perf_counter()
            densify(tracks, (width, height), picture)
            best[0] = min(best[0], middle - start)
            best[1] = min(best[1], time.perf_counter() - middle)
        clip = f"{width}x{height}, {frames} frames"
        print(
            f"{clip:<24}{count:>7}{best[0] * 1e3:>8.0f}ms{best[1] * 1e3:>8.0f}ms"
            f"{best[1] / best[0]:>8.1f}"
        )


if __name__ == "__main__":
    main()
