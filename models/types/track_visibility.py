"""Which points of tracks are seen in which frames, in every shape that nodes give it.

The core's nodes write [F, P], or [M, 1] from a mask of M frames; joining tracks there puts such
columns side by side, so that M rows of K columns stand for F frames of P points. Trackers add axes
of length 1.
"""

from __future__ import annotations

from typing import Any

import torch

from .as_numbers import as_numbers


def read_visibility(given: Any, frames: int, points: int) -> torch.Tensor:
    """Visibility as bool [F, P].

    Args:
        given: None (everything is seen), or bool or numbers (seen above 0.5) of the shape [F, P],
            [F], or [M, K]: M masks over the same clip, each frame has the nearest in time; K
            columns, see `for_points`. Axes of length 1 before or after these are left out.
        frames, points: F and P of the tracks.

    Raises:
        ValueError: for a batch, no row, or another number of columns than there can be.
    """
    if given is None:
        return torch.ones(frames, points, dtype=torch.bool)
    seen = as_numbers(given, "the tracks' visibility is [frames, points]")
    if seen.dtype != torch.bool:
        seen = seen > 0.5
    seen = _two_axes(seen, frames, points)
    return for_points(_for_frames(seen, frames), points)


def for_points(seen: torch.Tensor, points: int) -> torch.Tensor:
    """Gives every point its column: [F, K] to [F, P], for K columns of tracks that were joined.

    Each set that was joined has a column a point, or one for all its points, and the sets stand
    one after the other; the shape does not tell how long each is. A set without a mask never hides
    anything, so where one column alone does, that one is the mask of the P - K + 1 points that have
    no column of their own. Where several hide, they are masks of sets of equal length if P / K is
    whole. Else a point is seen where any column shows it that may be its own.

    >>> seen = torch.tensor([[True, True], [True, False]])
    >>> for_points(seen, 3).tolist()
    [[True, True, True], [True, False, False]]
    """
    columns = seen.shape[1]
    if columns == points:
        return seen
    if not 1 <= columns < points:
        raise ValueError(
            f"the tracks' visibility has {columns} columns for {points} points: give one a point, "
            "or one for all of them"
        )
    without = points - columns
    hides = torch.nonzero(~seen.all(dim=0)).flatten().tolist()
    if len(hides) <= 1:
        times = torch.ones(columns, dtype=torch.long, device=seen.device)
        times[hides[0] if hides else 0] += without
        return seen.repeat_interleave(times, dim=1)
    if points % columns == 0:
        return seen.repeat_interleave(points // columns, dim=1)
    candidates = [
        seen[:, max(0, point - without) : min(point, columns - 1) + 1] for point in range(points)
    ]
    return torch.stack([own.any(dim=1) for own in candidates], dim=1)


def _two_axes(seen: torch.Tensor, frames: int, points: int) -> torch.Tensor:
    if seen.ndim < 2:
        return seen.reshape(-1, 1)
    while seen.ndim > 2:
        shorter = [seen.squeeze(axis) for axis in (0, -1) if seen.shape[axis] == 1]
        if not shorter:
            raise ValueError(
                f"the tracks' visibility is [frames, points], got a batch {list(seen.shape)}: "
                "pick one of it"
            )
        whole = [one for one in shorter if list(one.shape[-2:]) == [frames, points]]
        seen = (whole or shorter)[0]
    return seen


def _for_frames(seen: torch.Tensor, frames: int) -> torch.Tensor:
    rows = seen.shape[0]
    if rows == frames:
        return seen
    if rows == 0:
        raise ValueError(
            f"the tracks' visibility has no frame; give it one, or all {frames} of the tracks"
        )
    time = torch.linspace(0, rows - 1, frames, dtype=torch.float64)
    return seen[time.round().long().to(seen.device)]
