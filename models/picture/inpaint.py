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

from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from ..networks.splat_strips import blocks, parts
from ..types.progress import Tick, heard, nothing
from .pixels import box_of, distance_between, grown, halved, nearest, spread, with_margin

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
    painted = _led_in(tone, unknown, tick)
    painted += _grain(part, tone, unknown, tick)
    del tone
    tick()
    result = picture.clone(memory_format=torch.contiguous_format)
    tick()
    painted.clamp_(0, 1)
    done = 0
    for some in blocks(*unknown.shape):
        row, column = unknown[some].nonzero(as_tuple=True)
        result[:, rows, columns][:, some][:, row, column] = painted[:, done : done + len(row)]
        done += len(row)
        tick()
    return result


def _tone(picture: Tensor, unknown: Tensor, tick: Tick) -> Tensor:
    """[3, H, W] the smooth part of the picture, from known pixels alone."""
    height, width = unknown.shape
    tone = torch.empty_like(picture, memory_format=torch.contiguous_format)
    for rows in blocks(height, width, strips=4):
        near, inner = with_margin(rows, int(3 * SMOOTH), height)
        known = (~unknown[near]).to(picture)
        blurred = _blurred(torch.cat([picture[:, near] * known, known[None]]), SMOOTH)
        blurred = blurred[:, inner]
        tone[:, rows] = blurred[:3] / blurred[3].clamp(min=1e-6)
        tick()
    return tone


def _blurred(x: Tensor, sigma: float) -> Tensor:
    """Gaussian of [C, H, W], to three sigmas; beyond the borders counts as nothing."""
    import cv2

    rows = x.permute(1, 2, 0).contiguous().cpu().numpy()
    size = 2 * int(3 * sigma) + 1
    blurred = cv2.GaussianBlur(rows, (size, size), sigma, borderType=cv2.BORDER_CONSTANT)
    return torch.from_numpy(blurred.reshape(rows.shape)).permute(2, 0, 1).to(x)


def _led_in(tone: Tensor, unknown: Tensor, tick: Tick) -> Tensor:
    """The tones of the rim, led into the unknown part: [3, K] of its pixels.

    Where the rim has one family of tones this is the membrane. Where it has several that differ
    strongly (a dark collar before a light wall), each has a membrane of its own, and a narrow
    transition lies where they have equal claims; else one would cast a fog over the other.
    """
    families = _families(tone, unknown, tick)
    tick()
    pixels = unknown.flatten().nonzero()[:, 0]
    filled = tone.new_zeros(3, len(pixels))
    claims = filled.new_ones(len(families), len(pixels))
    if len(families) > 1:
        known = torch.stack(families).to(tone)
        tick()
        claims = _membrane(known, _levels(unknown, tick), tick).flatten(1)[:, pixels]
        del known
        claims.clamp_(min=0).pow_(SHARPNESS)
        claims /= claims.sum(0).clamp(min=1e-12)
        tick()
    for claim, family in zip(claims, families, strict=True):
        known = torch.where(family, tone, 0)
        tick()
        led = _membrane(known, _levels(~family, tick), tick)
        del known
        for one, colour in zip(filled, led, strict=True):
            one += claim * colour.flatten()[pixels]
            tick()
    return filled


def _families(tone: Tensor, unknown: Tensor, tick: Tick) -> list[Tensor]:
    """The known pixels, [H, W] bool each, parted by which of the rim's tones they resemble.

    Tones are parted in two, again and again, where they lie in two separate clumps.
    """
    rim = tone[:, grown(unknown, 2) & ~unknown]
    tick()
    centres = torch.stack(_centres(rim, _DEPTH))
    tick()
    alike = torch.empty_like(unknown, dtype=torch.uint8)
    for rows in blocks(*unknown.shape):
        apart = torch.cdist(tone[:, rows].flatten(1).T[None], centres[None])[0]
        alike[rows] = apart.argmin(1).view_as(unknown[rows])
        tick()
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


@dataclass(frozen=True)
class _Level:
    """Where a membrane spans at one size: [h, w] bool, and which share of each pixel of the next
    size, half as large, is known; None for the coarsest."""

    unknown: Tensor
    share: Tensor | None


def _levels(unknown: Tensor, tick: Tick) -> list[_Level]:
    """From a mask [H, W] bool, not all of it, the finest first."""
    levels = []
    while min(unknown.shape) > _COARSEST and bool(unknown.any()):
        share = halved((~unknown).float()[None])[0]
        levels.append(_Level(unknown, share))
        unknown = share == 0
        tick()
    return [*levels, _Level(unknown, None)]


def _membrane(values: Tensor, levels: list[_Level], tick: Tick) -> Tensor:
    """Fills the unknown part so that each pixel is the mean of its four neighbours.

    Coarse to fine: every level starts from the one below, so that few sweeps do.

    Args:
        values: [C, H, W], 0 in the unknown part; filled in in place, and returned.
        levels: of the unknown part, as from `_levels`.
    """
    (level, *coarser), size = levels, values.shape[1:]
    if level.share is None:
        spread(values, (~level.unknown).to(values))
    else:
        coarse = halved(values).div_(level.share.clamp(min=1e-6))
        tick()
        coarse = _membrane(coarse, coarser, tick)
        up = heard(partial(_enlarged, coarse, size), values.numel(), tick)
        for one, rough in zip(values, up, strict=True):
            torch.where(level.unknown, rough, one, out=one)
            tick()
        del up
    for _ in range(_SWEEPS if max(size) <= _LARGE else _SWEEPS_LARGE):
        for one in values:
            _sweep(one, level.unknown)
            tick()
    return values


def _enlarged(x: Tensor, size: torch.Size) -> Tensor:
    """[C, *size] from [C, h, w], bilinearly."""
    return F.interpolate(x[None], size, mode="bilinear", align_corners=False)[0]


def _sweep(values: Tensor, unknown: Tensor) -> None:
    """Gives the unknown pixels of [H, W] the mean of what their four neighbours were."""
    height, width = values.shape
    above = values[:1].clone()
    for rows in blocks(height, width):
        part, hidden = values[rows], unknown[rows]
        last = part[-1:].clone()
        if bool(hidden.any()):
            below = values[rows.stop : rows.stop + 1] if rows.stop < height else last
            padded = F.pad(torch.cat([above, part, below])[None], (1, 1), mode="replicate")[0]
            around = padded[1:-1, :-2] + padded[1:-1, 2:]
            around = around.add_(padded[:-2, 1:-1]).add_(padded[2:, 1:-1]).div_(4)
            torch.where(hidden, around, part, out=part)
        above = last


def _grain(picture: Tensor, tone: Tensor, unknown: Tensor, tick: Tick) -> Tensor:
    """The texture, mirrored into the unknown part across the nearest known pixel: [3, K].

    It fades with the distance, and there is none where the mirrored place is unknown itself. What
    stands out from the texture around is an object, and is not repeated.
    """
    height, width = unknown.shape
    pixels = unknown.nonzero().T.int()
    count = pixels.shape[1]
    rim = nearest(~unknown, tick)
    mirror = torch.empty_like(pixels)
    distance, there = tone.new_empty(count), unknown.new_empty(count)
    for part in parts(count):
        at = pixels[:, part].long()
        opposite = rim[:, at[0], at[1]].long()
        distance[part] = distance_between(at, opposite).float().to(tone.device)
        y, x = opposite.mul_(2).sub_(at)
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        y.clamp_(0, height - 1)
        x.clamp_(0, width - 1)
        there[part] = inside & ~unknown[y, x]
        mirror[:, part] = opposite
        tick()
    del rim
    fading = 1 - distance / (distance.max() + 1)
    mirrored = tone.new_empty(3, count)
    for part in parts(count):
        y, x = mirror[:, part].long()
        texture = picture[:, y, x] - tone[:, y, x]
        mirrored[:, part] = torch.where(there[part], fading[part] * texture, 0)
        tick()
    usual = mirrored[:, there].abs()
    if usual.numel() == 0:
        return mirrored
    bound = OUTSTANDING * float(usual.median())
    return mirrored.clamp_(-bound, bound)
