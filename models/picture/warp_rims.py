"""The outline of a warped picture's foreground, drawn softly over what is behind it.

The splat knows whole source pixels only, which makes steps where the outline turns or grows. Here
the foreground's motion is carried on a little beyond it, and its soft outline moved along.

A stretched foreground is nearly all outline: some rows of the frame are drawn at once, and of what
they are read from only the rows are made that are reached.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from ..networks.splat_strips import blocks, parts
from .pixels import grown, read_at, spread
from .warp_landed import Landed
from .warp_places import Pixels, made_where_reached, pixels_of, reached_rows, sources
from .warp_scene import WarpScene, moved_by

_STRIPS = 4
"""So many strips are drawn at once."""


def draw_rims(scene: WarpScene, flow: Tensor, there: Landed, frame: Tensor, share: Tensor) -> None:
    """Draws the outline of the foreground over what is behind it, softly, into frame and share.

    Args:
        flow: [2, H, W]
        there: what of it lands where; what it says of the way back is used up.
        frame: [3, H, W]
        share: [H, W]
    """
    near = grown(there.rim, 3)
    scene.tick()
    if not bool(near.any()):
        return
    core = there.core.float()
    for one in there.back:
        spread(one[None], core, scene.tick)
    del core
    _place(scene, flow, there, near)
    height, width = near.shape
    for rows in blocks(height, width, strips=_STRIPS):
        pixels = pixels_of(near[rows], rows.start)
        if len(pixels[0]):
            _draw(scene, there, pixels, frame, share)


def _draw(scene: WarpScene, there: Landed, pixels: Pixels, frame: Tensor, share: Tensor) -> None:
    """Draws some pixels that have their places. Of settled ones only those are drawn that the
    outline covers by half: a stretched surface lands beside them."""
    row, column = pixels
    *colour, level, slack, outline = _cut_out(scene, there.back[:, row, column])
    solved = level > there.importance[row, column] - slack
    alpha = outline.clamp_(0, 1)
    solved &= (alpha >= 0.5) | ~there.settled[row, column]
    for part in parts(len(solved)):
        drawn = solved[part].nonzero()[:, 0] + part.start
        row, column = at = pixels[0][drawn], pixels[1][drawn]
        tint, over = torch.stack([one[drawn] for one in colour]).clamp(0, 1), alpha[drawn]
        frame[:, row, column] = torch.lerp(there.behind.at(at), tint, over)
        share[row, column] = over + (1 - over) * there.background[row, column]
        scene.tick()


def _place(scene: WarpScene, flow: Tensor, there: Landed, near: Tensor) -> None:
    """Puts where in the picture the foreground is that reaches the pixels of a mask [H, W] bool, as
    from `sources`, in the place of the way back; and leaves in the mask what is solved."""
    own = _continued(scene, flow)
    height, width = near.shape
    for rows in blocks(height, width, strips=_STRIPS):
        row, column = pixels_of(near[rows], rows.start)
        if not len(row):
            continue
        reached = reached_rows(there.back[1, row, column] + row, height, margin=2)
        slopes = made_where_reached(partial(_slopes, scene), flow, reached, scene.tick)
        for part in parts(len(row)):
            at = row[part], column[part]
            guess = there.back[:, at[0], at[1]]
            slope = read_at(slopes, guess + torch.stack(at[::-1]))
            there.back[:, at[0], at[1]], near[at] = sources(own, slope, at, guess)
            scene.tick()


def _continued(scene: WarpScene, flow: Tensor) -> Tensor:
    """The foreground's motion [2, H, W], carried on linearly beyond it."""
    own = torch.zeros_like(flow)
    for rows in blocks(*own.shape[1:]):
        step = scene.beyond(rows)
        slopes = _slopes(scene, flow, rows)
        for i, (values, carried) in enumerate(zip(flow, own[:, rows], strict=True)):
            carried -= slopes[2 * i] * step[1]
            carried -= slopes[2 * i + 1] * step[0]
            carried += moved_by(values, step, (rows.start, 0))
        scene.tick()
    return own


def _slopes(scene: WarpScene, flow: Tensor, rows: slice) -> Tensor:
    """[4, h, W] the derivatives of the foreground's motion, as from `slopes_of`, of some rows; what
    is not well inside the foreground has those of the nearest pixel that is."""
    _, height, width = flow.shape
    row = torch.arange(rows.start, rows.stop, device=flow.device)[:, None]
    y = (row + scene.inward[0, rows]).clamp_(0, height - 1)
    x = (torch.arange(width, device=flow.device) + scene.inward[1, rows]).clamp_(0, width - 1)
    left, right = (x - 1).clamp_(min=0), (x + 1).clamp_(max=width - 1)
    above, below = (y - 1).clamp_(min=0), (y + 1).clamp_(max=height - 1)
    along_x = (flow[:, y, right] - flow[:, y, left]) / (right - left).clamp_(min=1)
    along_y = (flow[:, below, x] - flow[:, above, x]) / (below - above).clamp_(min=1)
    return torch.stack([along_x, along_y], dim=1).flatten(0, 1)


def _cut_out(scene: WarpScene, place: Tensor) -> Tensor:
    """[6, K] the foreground's `cutout` at places [2, K]."""
    values = place.new_empty(6, place.shape[1])
    rows = reached_rows(place[1], scene.foreground.shape[0], margin=3)
    for value, one in zip(values, scene.cutout.maps(rows), strict=True):
        for part in parts(len(value)):
            value[part] = read_at(one[None], place[:, part], "bicubic")[0]
            scene.tick()
    return values
