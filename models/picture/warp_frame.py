"""One frame of a warped picture: what lands where, exactly where it can be, softly at outlines.

In large pictures part by part, so that they take no more memory than the maps of one frame, and an
interrupt is heard between two parts.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..networks.splat_strips import blocks
from . import tears
from .pixels import read_at, window_of
from .warp_landed import Landed, landed
from .warp_places import made_where_reached, pixels_of, reached_rows, slopes_of, sources
from .warp_rims import draw_rims
from .warp_scene import WarpScene

_STRIPS = 8
"""The motion's slopes are made for so many strips at once."""


def draw(scene: WarpScene, flow: Tensor, abandoned: Tensor, frame: Tensor, hole: Tensor) -> None:
    """Draws one frame, within the rectangle that holds what moves and where it goes.

    Args:
        flow: [2, H, W]
        abandoned: [H, W] bool, pixels that go nowhere and are not to be seen.
        frame: [3, H, W], the picture, which becomes the frame.
        hole: [H, W], 0, which becomes how far each pixel was filled in.
    """
    window = window_of((flow != 0).any(0), flow)
    if window is None:
        return
    scene.tick()
    rows, columns = window
    _draw(
        scene.cropped(rows, columns),
        flow[:, rows, columns].contiguous(),
        abandoned[rows, columns],
        frame[:, rows, columns],
        hole[rows, columns],
    )


def _draw(scene: WarpScene, flow: Tensor, abandoned: Tensor, frame: Tensor, share: Tensor) -> None:
    still = (flow == 0).all(0)
    scene.tick()
    right, down = tears.torn_edges(flow)
    scene.tick()
    loose = tears.loose_pixels(right, down) | abandoned
    torn = tears.torn_cells(right, down) | tears.cells_of(abandoned)
    del right, down
    scene.tick()
    there = landed(scene, flow, loose, still & ~abandoned, frame, share)
    del loose, still
    height, width = share.shape
    for part in blocks(height, width, strips=_STRIPS):
        row = torch.arange(part.start, part.stop, device=flow.device)[:, None]
        reached = reached_rows(there.back[1, part] + row, height, margin=2)
        slopes = made_where_reached(slopes_of, flow, reached, scene.tick)
        for rows in blocks(part.stop, width, first=part.start):
            _draw_surfaces(scene, flow, slopes, torn, there, rows, frame, share)
            scene.tick()
        del slopes
    del torn
    if not scene.average and bool(scene.foreground.any()):
        draw_rims(scene, flow, there, frame, share)
    torch.sub(1, share, out=share)


def _draw_surfaces(
    scene: WarpScene,
    flow: Tensor,
    slopes: Tensor,
    torn: Tensor,
    there: Landed,
    rows: slice,
    frame: Tensor,
    share: Tensor,
) -> None:
    """Draws some rows: from the splatted colours in frame, which cover a share of each pixel, the
    exact ones where there is a surface, over what is behind."""
    row, column = pixels = pixels_of(~there.settled[rows], rows.start)
    covered = share[row, column]
    share[rows] = 1
    if not len(row):
        return
    guess = there.back[:, row, column]
    slopes = read_at(slopes, torch.stack([column, row]) + guess)
    place, solved = sources(flow, slopes, pixels, guess, torn)
    own_level, slack = read_at(scene.importance, place)
    solved &= (own_level > there.importance[row, column] - slack) | (covered < 1e-3)
    covered = torch.where(solved, 1, covered)
    colour = frame[:, row, column]
    if not scene.average:
        colour[:, solved] = read_at(scene.picture, place[:, solved], "bicubic").clamp(0, 1)
    if scene.plate is None:
        colour = colour * covered
    else:
        colour = torch.lerp(there.behind.at(pixels), colour, covered)
    frame[:, row, column], share[row, column] = colour, covered
