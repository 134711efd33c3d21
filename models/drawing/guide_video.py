"""Tracks as a guide video, in the form that LTX's motion-track IC-LoRA was trained on.

Source: Lightricks, ComfyUI-LTXVideo, "LTX Draw Sparse Tracks". On black, at a height or width of
1080 px, whichever is shorter, every place where a point is, and was in the last 50 frames, is a
disc: 8 px in radius and red now, 2 px and blue when it is 50 frames old, through yellow and green.
Later discs cover earlier ones. The frames are scaled down bilinearly, and red and blue change
places, which is how the frames of the training were stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch.nn.functional import interpolate

from ..types.tracks import Tracks

TRAIL = 50
"""How many frames before this one are still drawn."""
SHORT_SIDE = 1080
OLDEST, NEWEST = 2.0, 8.0
"""Radii of the discs, px at SHORT_SIDE."""
SIDES, FRAMES = 32, 8
"""The model's compression: sides are multiples of SIDES, and frames of FRAMES, plus one."""


def guide_video(tracks: Tracks, step: Callable[[int, int], None] | None = None) -> torch.Tensor:
    """Draws the tracks at the size that they belong to.

    Args:
        tracks: of 8n + 1 frames, over a picture whose sides are multiples of 32. A point that is
            hidden in a frame leaves no disc there, and shows no trail of that frame later.
        step: is called with (frames done, all frames).

    Returns:
        [F, H, W, 3] in 0..1.

    Raises:
        ValueError: where the frames or the size are not such; the message names the nearest.
    """
    check_guide(tracks.size, tracks.frames)
    width, height = tracks.size
    scale = SHORT_SIDE / min(width, height)
    canvas = int(width * scale), int(height * scale)
    ratio = np.array([canvas[0] / width, canvas[1] / height], dtype=np.float32)
    places = np.rint(tracks.points.cpu().numpy() * ratio).astype(np.int64)
    seen = tracks.visibility.cpu().numpy()
    video = torch.empty(tracks.frames, height, width, 3)
    for frame in range(tracks.frames):
        drawn = np.zeros((canvas[1], canvas[0], 3), dtype=np.float32)
        for age in range(min(frame, TRAIL), -1, -1):
            _stamp(drawn, places[frame - age][seen[frame - age]], age)
        planes = torch.from_numpy(drawn).permute(2, 0, 1)[None]
        small = interpolate(planes, (height, width), mode="bilinear", align_corners=False)
        video[frame] = small[0].flip(0).permute(1, 2, 0)
        if step is not None:
            step(frame + 1, tracks.frames)
    return video


def check_guide(size: tuple[int, int], frames: int) -> None:
    """Raises ValueError where LTX cannot take a guide of this size (W, H) and length."""
    for name, side in zip(("width", "height"), size, strict=True):
        if side % SIDES:
            near = max(SIDES, round(side / SIDES) * SIDES)
            raise ValueError(f"{name} is {side}; LTX needs a multiple of {SIDES}, such as {near}")
    if frames % FRAMES != 1:
        near = max(1, round((frames - 1) / FRAMES)) * FRAMES + 1
        raise ValueError(f"frames is {frames}; LTX needs {FRAMES}n + 1, such as {near}")


def _stamp(canvas: np.ndarray, places: np.ndarray, age: int) -> None:
    """Draws the discs of one age around `places` [P, 2], each cut off at the canvas' edges."""
    newness = 1 - age / TRAIL
    radius = OLDEST + (NEWEST - OLDEST) * newness
    reach = np.arange(-int(NEWEST), int(NEWEST) + 1)
    x, y = (axis.ravel() for axis in np.meshgrid(reach, reach))
    inside = x * x + y * y <= np.float32(radius) ** 2
    columns = (places[:, :1] + x[inside]).ravel()
    rows = (places[:, 1:] + y[inside]).ravel()
    kept = (columns >= 0) & (columns < canvas.shape[1]) & (rows >= 0) & (rows < canvas.shape[0])
    canvas[rows[kept], columns[kept]] = tuple(_colour(newness))


def _colour(newness: float) -> Iterator[float]:
    """Red, green and blue, of what is new (1, red) to what is old (0, blue)."""
    third = newness * 3
    yield min(max(third - 1, 0.0), 1.0)
    yield min(third, 1.0, 3 - third)
    yield min(max(1 - third, 0.0), 1.0)
