"""Paints over a part of a picture: tones led in from its rim, grain mirrored across it.

The tones are membranes: the smooth part of what is known, continued so that every hidden pixel is
the mean of its neighbours. They can't invent an object or a tone, which a preview must not. The
rim's strongly different tones have a membrane each, so that they keep apart behind it, too. The
fine texture, which a membrane lacks, is what lies opposite, across the nearest rim.

Sources: Perez, Gangnet and Blake, "Poisson Image Editing", SIGGRAPH 2003 (the membrane);
Bornemann and Deuflhard, "The cascadic multigrid method", Numer. Math. 1996; Otsu, "A threshold
selection method from gray-level histograms", IEEE Trans. SMC 1979 (which tones differ).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..types.progress import Tick, heard, nothing
from .pixels import box_of, distance_to, grown, halved, nearest, spread

SMOOTH = 5.0
"""What is finer than this many pixels is texture, what is coarser is tone."""

DISTINCT = 0.2
"""How far apart, in RGB, the means of two families of tones are."""

BLENDED = 0.1
"""Which part of the tones may lie in the middle third between two families; on a steady ramp, which
is one family, it is more."""

SHARPNESS = 6.0
"""How narrow the transition between two families of tones is."""

OUTSTANDING = 4.0
"""Grain stronger than this many times its median is an edge, not grain."""

_DEPTH = 2
_SWEEPS = 16
_SWEEPS_LARGE = 4
_LARGE = 512
_COARSEST = 8


def inpaint(picture: Tensor, hidden: Tensor, tick: Tick = nothing) -> Tensor:
    """Replaces the hidden pixels by what could be behind them.

    Args:
        picture: [3, H, W] in 0..1.
        hidden: [H, W] bool.
        tick: called after every part of the work.

    Returns:
        [3, H, W], equal to the picture where nothing is hidden; the picture itself where nothing
        or everything is.
    """
    if not bool(hidden.any()) or bool(hidden.all()):
        return picture
    # As much around it again, for the mirrored grain.
    rows, columns = box_of(hidden, lambda length: max(length // 2, 32))
    part, unknown = picture[:, rows, columns], hidden[rows, columns]
    tone = _tone(part, unknown, tick)
    tick()
    painted = _led_in(tone, unknown, tick)
    texture = torch.sub(part, tone, out=tone)
    painted += _grain(texture, unknown, nearest(~unknown, tick), tick)
    del tone, texture
    tick()
    result = picture.clone()
    result[:, rows, columns] = torch.where(unknown, painted.clamp_(0, 1), part)
    return result


def _tone(picture: Tensor, unknown: Tensor, tick: Tick) -> Tensor:
    """[3, H, W] the smooth part of the picture, from known pixels alone."""
    known = (~unknown).to(picture)
    seen = torch.cat([picture * known, known[None]])
    tick()
    blurred = _blurred(seen, SMOOTH, tick)
    return blurred[:3] / blurred[3].clamp(min=1e-6)


def _blurred(x: Tensor, sigma: float, tick: Tick) -> Tensor:
    """Gaussian of [C, H, W]; beyond the picture's border counts as nothing."""
    import cv2

    rows = x.permute(1, 2, 0).contiguous().cpu().numpy()
    size = 2 * int(3 * sigma) + 1
    blurred = heard(
        lambda: cv2.GaussianBlur(rows, (size, size), sigma, borderType=cv2.BORDER_CONSTANT),
        rows[..., 0].size,
        tick,
    )
    return torch.from_numpy(blurred.reshape(rows.shape)).permute(2, 0, 1).to(x)


def _led_in(tone: Tensor, unknown: Tensor, tick: Tick) -> Tensor:
    """Fills the unknown part with the tones of the rim: [3, H, W].

    Where the rim has one family of tones this is the membrane. Where it has several that differ
    strongly (a dark collar before a light wall), each has a membrane of its own, and a narrow
    transition lies where they have equal claims; else one would cast a fog over the other.
    """
    families = _families(tone, unknown, tick)
    if len(families) == 1:
        return _membrane(torch.where(unknown, 0, tone), unknown, tick)
    claims = _membrane(torch.stack(families).to(tone), unknown, tick).clamp(min=0)
    claims = claims.pow(SHARPNESS)
    claims = claims / claims.sum(0).clamp(min=1e-12)
    filled = torch.zeros_like(tone)
    for claim, family in zip(claims, families, strict=True):
        filled += claim * _membrane(torch.where(family, tone, 0), ~family, tick)
    return filled


def _families(tone: Tensor, unknown: Tensor, tick: Tick) -> list[Tensor]:
    """The known pixels, [H, W] bool each, parted by which of the rim's tones they resemble.

    Tones are parted in two, again and again, where they lie in two separate clumps.
    """
    rim = tone[:, grown(unknown, 2) & ~unknown]
    tick()
    centres = torch.stack(_centres(rim, _DEPTH))
    tick()
    alike = torch.cdist(tone.flatten(1).T[None], centres[None])[0].argmin(1).view(unknown.shape)
    families = [(alike == i) & ~unknown for i in range(len(centres))]
    return [family for family in families if bool(family.any())]


def _centres(tones: Tensor, depth: int) -> list[Tensor]:
    """The means of the clumps in which tones [3, K] lie."""
    centre = tones.mean(1)
    parts = _parted(tones) if depth else None
    if parts is None:
        return [centre]
    return [c for part in parts for c in _centres(tones[:, part], depth - 1)]


def _parted(tones: Tensor) -> tuple[Tensor, Tensor] | None:
    """Parts tones [3, K] in two along their main direction (Otsu 1979), if two clumps they are."""
    count = tones.shape[1]
    if count < 8:
        return None
    offset = tones - tones.mean(1, keepdim=True)
    direction = torch.linalg.eigh((offset @ offset.T).double().cpu()).eigenvectors[:, -1]
    along = (direction.to(tones) @ offset).double()
    values = along.sort().values
    sums, below = values.cumsum(0)[:-1], torch.arange(1, count).to(values)
    gap = (sums[-1] + values[-1] - sums) / (count - below) - sums / below
    best = int((gap.square() * below * (count - below)).argmax())
    apart = float(gap[best])
    middle = float(sums[best]) / (best + 1) + apart / 2
    between = float(((values - middle).abs() < apart / 6).double().mean())
    if apart < DISTINCT or between > BLENDED:
        return None
    low = along <= values[best]
    return low, ~low


def _membrane(values: Tensor, unknown: Tensor, tick: Tick) -> Tensor:
    """Fills the unknown part so that each pixel is the mean of its four neighbours.

    Coarse to fine: every level starts from the one below, so that few sweeps do.

    Args:
        values: [C, H, W], 0 in the unknown part.
        unknown: [H, W] bool, not all of it.
    """
    height, width = unknown.shape
    known = (~unknown).to(values)
    if min(height, width) <= _COARSEST or not bool(unknown.any()):
        filled = spread(values, known)
    else:
        share = halved(known[None])
        coarse = halved(values[None])[0] / share.clamp(min=1e-6)
        tick()
        below = _membrane(torch.where(share[0] > 0, coarse, 0), share[0] == 0, tick)
        up = F.interpolate(below[None], (height, width), mode="bilinear", align_corners=False)[0]
        tick()
        filled = torch.where(unknown, up, values)
        tick()
        del up, values
    for _ in range(_SWEEPS if max(height, width) <= _LARGE else _SWEEPS_LARGE):
        for one in filled:
            one.copy_(_swept(one, unknown))
            tick()
    return filled


def _swept(x: Tensor, unknown: Tensor) -> Tensor:
    """[H, W] with the mean of the four neighbours where it is unknown."""
    padded = F.pad(x[None, None], (1, 1, 1, 1), mode="replicate")[0, 0]
    around = padded[1:-1, :-2] + padded[1:-1, 2:]
    around = around.add_(padded[:-2, 1:-1]).add_(padded[2:, 1:-1]).div_(4)
    return torch.where(unknown, around, x)


def _grain(texture: Tensor, unknown: Tensor, rim: Tensor, tick: Tick) -> Tensor:
    """[3, H, W] the texture, mirrored into the unknown part across the nearest known pixel.

    It fades with the distance, and there is none where the mirrored place is unknown itself. What
    stands out from the texture around is an object, and is not repeated. The rim is used up.
    """
    height, width = unknown.shape
    distance = distance_to(rim).float().to(unknown.device)
    fading = 1 - distance / (distance.max() + 1)
    tick()
    row, column = rim.mul_(2)
    row -= torch.arange(height, device=unknown.device)[:, None]
    column -= torch.arange(width, device=unknown.device)
    tick()
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    row.clamp_(0, height - 1)
    column.clamp_(0, width - 1)
    there = inside & ~unknown[row, column]
    tick()
    mirrored = torch.empty_like(texture)
    for one, known in zip(mirrored, texture, strict=True):
        one[:] = torch.where(there, fading * known[row, column], 0)
        tick()
    usual = mirrored[:, there & unknown].abs()
    if usual.numel() == 0:
        return mirrored
    bound = OUTSTANDING * float(usual.median())
    return mirrored.clamp_(-bound, bound)
