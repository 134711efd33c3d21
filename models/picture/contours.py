"""Lays the ragged border of a soft motion along the contour of the thing that moves.

A field that was spread by colours or tracked fades out within a few pixels of an object's outline,
here sooner, there later. Torn apart as it is, it leaves bites in the outline and specks at the old
place. So the pixels near such a border are told apart anew, by the colours on both sides, and
follow the mover or the rest wholly. A border without a transition, as a brushed region has it, is
meant as it is and stays.

Source of the idea: the trimap of image matting; Chuang et al., "A Bayesian approach to digital
matting", CVPR 2001 (Gaussian colours of the sure pixels nearby, on either side).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..networks.splat_strips import blocks
from ..types.progress import Tick, heard, nothing
from . import tears
from .pixels import distance_between, nearest

BAND = 4.0
"""How far a border may be off, in pixels of a picture of 720 pixels' diagonal."""

SPECK = 32
"""Fewer pixels (of such a picture) than this are no part of their own beside a mover."""

FRINGE = 2.0
"""How wide the mover's colour reaches beyond its contour, in pixels of such a picture."""

_COLOUR_LIMIT = 4.0
_PRIOR = 3.0
_NOISE = 0.02


@dataclass(frozen=True)
class Contours:
    """Which pixels move as another one does, and which hold some of a mover's colour.

    Args:
        pixel, source: [K] int64, indices into the H*W pixels.
        fringe, mover: [L] int64, pixels beside a contour, and the one of the mover next to each.
        front: [H, W] bool, what is within the contours; None where there are none.
    """

    pixel: Tensor
    source: Tensor
    fringe: Tensor
    mover: Tensor
    front: Tensor | None = None

    def settle(self, flow: Tensor) -> Tensor:
        """Lays the borders of one frame's flow [2, H, W] along the contours, in place."""
        width = flow.shape[2]
        from_row, from_column = self.source // width, self.source % width
        flow[:, self.pixel // width, self.pixel % width] = flow[:, from_row, from_column]
        return flow

    def abandoned(self, flow: Tensor) -> Tensor:
        """[H, W] bool: the fringe that a mover has left behind, by a frame's settled flow."""
        gone = torch.zeros_like(flow[0], dtype=torch.bool).flatten()
        if self.fringe.numel():
            flat = flow.flatten(1)
            apart = (flat[:, self.fringe] - flat[:, self.mover]).square().sum(0)
            gone[self.fringe] = apart > tears.TEAR**2
        return gone.view_as(flow[0])


def scale_of(size: tuple[int, int]) -> float:
    """How much larger than one of 720 pixels' diagonal a picture (W, H) is, at least 1.

    >>> scale_of((1280, 960)) == 1600 / 720, scale_of((64, 64))
    (True, 1.0)
    """
    return max(1.0, float(np.hypot(*size)) / 720)


def contours(
    picture: Tensor,
    reach: Tensor,
    right: Tensor,
    down: Tensor,
    scale: float = 1.0,
    tick: Tick = nothing,
) -> Contours:
    """Finds the borders of a clip's motion that fade out, and where they belong.

    Pixels that never move at all (0 exactly) keep still.

    Args:
        picture: [3, H, W] in 0..1.
        reach: [H, W] each pixel's largest displacement in the clip.
        right, down: the torn edges of the whole clip, as from `tears.torn_edges`.
        scale: as from `scale_of`.
        tick: called after every part of the work.
    """
    nothing = torch.zeros(0, dtype=torch.int64, device=picture.device)
    loose = tears.loose_pixels(right, down) & (reach > 0)
    if not bool(loose.any()):
        return Contours(nothing, nothing, nothing, nothing)
    band = round(BAND * scale)
    tick()
    front = tears.foreground(reach, right, down, tick)
    tick()
    whole = _without_specks(front, reach, SPECK * scale**2, tick)
    tick()
    unsure = _grown(loose, 4 * band, tick) | _grown(front != whole, band, tick)
    tick()
    unsure &= _near_border(whole, band, tick)
    tick()
    unsure = (unsure | loose | (front != whole)) & (reach > 0)
    tick()
    member = _told_apart(picture, whole, unsure, band, tick)
    tick()
    member = torch.where(unsure, _without_specks(member, reach, SPECK * scale**2, tick), whole)
    pixels, sources = [], []
    for side in (member, ~member):
        pixel, source = _nearest(unsure & side, side & ~unsure, 4 * band, tick)
        pixels.append(pixel)
        sources.append(source)
        tick()
    beside = _grown(unsure, band, tick) & ~member & (reach > 0)
    tick()
    fringe, mover = _nearest(beside, member, FRINGE * scale, tick)
    return Contours(torch.cat(pixels), torch.cat(sources), fringe, mover, member)


def _grown(mask: Tensor, radius: int, tick: Tick) -> Tensor:
    import cv2

    if not bool(mask.any()):
        return mask
    elsewhere = (~mask).cpu().numpy().astype(np.uint8)
    distance = heard(
        lambda: cv2.distanceTransform(elsewhere, cv2.DIST_L2, cv2.DIST_MASK_PRECISE),
        mask.numel(),
        tick,
    )
    return torch.from_numpy(distance <= radius).view(mask.shape).to(mask.device)


def _near_border(mask: Tensor, radius: int, tick: Tick) -> Tensor:
    return _grown(mask, radius, tick) & _grown(~mask, radius, tick)


def _without_specks(front: Tensor, reach: Tensor, size: float, tick: Tick) -> Tensor:
    mask, moved = front.cpu().numpy(), reach.cpu().numpy()
    kept = heard(lambda: _with_whole_parts(mask, moved, size), front.numel(), tick)
    return torch.from_numpy(kept).to(front.device)


def _with_whole_parts(mask: np.ndarray, moved: np.ndarray, size: float) -> np.ndarray:
    """Gives small parts of either side to what surrounds them.

    Of the front only those that something nearby outruns: a small thing may move alone. Of the
    rest none that keeps still exactly.
    """
    from scipy.ndimage import label, maximum_filter

    result = mask.copy()
    parts, _ = label(mask, np.ones((3, 3)))
    small = np.bincount(parts.ravel()) < size
    small[0] = False
    if small.any():
        fastest = np.zeros(len(small))
        np.maximum.at(fastest, parts.ravel(), moved.ravel())
        around = np.zeros(len(small))
        nearby = maximum_filter(moved, size=15)
        np.maximum.at(around, parts.ravel(), nearby.ravel())
        outrun = small & (fastest < 0.9 * around)
        result[outrun[parts]] = False
    parts, _ = label(~mask)
    small = np.bincount(parts.ravel()) < size
    small[0] = False
    held = np.zeros(len(small), dtype=bool)
    held[parts[moved == 0]] = True
    result[(small & ~held)[parts]] = True
    return result


def _told_apart(picture: Tensor, front: Tensor, unsure: Tensor, band: int, tick: Tick) -> Tensor:
    """[H, W] bool: what belongs to the front, by the colours of the sure pixels around."""
    sides = [_likeness(picture, side & ~unsure, 4 * band, tick) for side in (front, ~front)]
    colour = sides[0].sub_(sides[1]).nan_to_num_(0.0, 0.0, 0.0)
    del sides
    colour = colour.clamp_(-_COLOUR_LIMIT, _COLOUR_LIMIT)
    tick()
    score = _mean(front.to(picture), band).mul_(2).sub_(1).mul_(_PRIOR).add_(colour)
    del colour
    tick()
    for _ in range(2):
        score = _mean(score, max(1, band // 3))
        tick()
    return torch.where(unsure, score > 0, front)


def _likeness(picture: Tensor, sure: Tensor, window: int, tick: Tick) -> Tensor:
    """[H, W] the logarithm of how likely each colour is beside those of the sure pixels [H, W]
    around, up to a constant; NaN where there are none."""
    known = sure.to(picture)
    weight = _mean(known, window)
    share = weight.clamp(min=1e-6)
    tick()
    apart, mean_square, square = (torch.zeros_like(known) for _ in range(3))
    tick()
    for colour in picture:
        mean = _mean(colour * known, window).div_(share)
        for rows in blocks(*sure.shape):
            apart[rows] += (colour[rows] - mean[rows]).square_()
            mean_square[rows] += mean[rows].square_()
            square[rows] += colour[rows].square()
        tick()
    variance = _mean(square.mul_(known), window).div_(share)
    del square, known, share
    tick()
    for rows in blocks(*sure.shape):
        spread = (variance[rows] - mean_square[rows]).clamp_(min=0) / 3 + _NOISE**2
        log = -apart[rows] / (2 * spread) - 1.5 * spread.log()
        apart[rows] = torch.where(weight[rows] > 1e-3, log, torch.nan)
    tick()
    return apart


def _mean(x: Tensor, radius: int) -> Tensor:
    """[H, W] the mean within a square window."""
    import cv2

    size = 2 * radius + 1
    return torch.from_numpy(cv2.blur(x.cpu().numpy(), (size, size)).reshape(x.shape)).to(x)


def _nearest(wanted: Tensor, among: Tensor, limit: float, tick: Tick) -> tuple[Tensor, Tensor]:
    """[K] flat indices of `wanted` pixels with one of `among` within the limit, and of that one."""
    if not bool(among.any()):
        nothing_near = torch.zeros(0, dtype=torch.int64, device=among.device)
        return nothing_near, nothing_near
    pixel = wanted.nonzero().T
    place = nearest(among, tick)[:, pixel[0], pixel[1]].long()
    near = (distance_between(pixel, place) <= limit).to(wanted.device)
    (row, column), (to_row, to_column) = pixel[:, near], place[:, near]
    width = among.shape[1]
    return row * width + column, to_row * width + to_column
