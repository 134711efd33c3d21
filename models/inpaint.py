"""Paints over a part of a picture with texture from around it.

Patches of the unknown part are matched, coarse to fine, with patches that lie wholly in the known
part; every unknown pixel is the mean of what the matches of all patches over it say. Matches are
searched as in PatchMatch. All of it is deterministic.

Sources: Wexler, Shechtman and Irani, "Space-Time Completion of Video", PAMI 2007; Barnes et al.,
"PatchMatch", SIGGRAPH 2009; Gortler et al., "The Lumigraph", 1996 (`spread`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

RADIUS = 3
"""Patches are 7x7."""

TRUST = 0.8
"""How much less a patch counts with every pixel away from the known part."""

_ROUNDS = 4
_SEARCHES = 2
_WORK = 8000
"""Hidden pixels of a level that are still searched; finer levels only copy what was found."""

_FEWEST_SOURCES = 64


def inpaint(picture: Tensor, hidden: Tensor) -> Tensor:
    """Replaces the hidden pixels by texture from the others.

    Args:
        picture: [3, H, W] in 0..1.
        hidden: [H, W] bool.

    Returns:
        [3, H, W], equal to the picture where nothing is hidden; the picture itself where nothing
        or everything is.
    """
    if not bool(hidden.any()) or bool(hidden.all()):
        return picture
    rows, columns = _surroundings(hidden)
    part, part_hidden = picture[:, rows, columns], hidden[rows, columns]
    levels = _pyramid(part.cpu(), part_hidden.cpu())
    generator = torch.Generator().manual_seed(0)
    colours = spread(levels[-1][0], (~levels[-1][1]).float())
    offset = None
    for level in reversed(range(len(levels))):
        known, unknown = levels[level]
        if colours.shape != known.shape:
            colours = F.interpolate(
                colours[None], known.shape[1:], mode="bilinear", align_corners=False
            )[0]
        colours = torch.where(unknown, colours, known)
        # What costs more than a preview may is only carried over from the coarser level.
        search = offset is None or int(unknown.sum()) <= _WORK
        colours, offset = _completed(colours, unknown, offset, search, generator)
    result = picture.clone()
    result[:, rows, columns] = torch.where(part_hidden, colours.to(picture), part)
    return result


def spread(values: Tensor, weight: Tensor) -> Tensor:
    """Fills in smoothly where the weight is low, from wherever it is not.

    Args:
        values: [C, H, W]
        weight: [H, W] in 0..1; where it is 1 the values stay as they are.
    """
    return _pull_push(values[None] * weight, weight[None, None])[0]


def _pull_push(weighted: Tensor, weight: Tensor) -> Tensor:
    height, width = weight.shape[-2:]
    if max(height, width) > 1:
        coarse_weight = 4 * _halved(weight)
        kept = coarse_weight.clamp(max=1)
        gain = kept / coarse_weight.clamp(min=1e-12)
        coarse = _pull_push(4 * _halved(weighted) * gain, kept)
        behind = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
        return weighted + (1 - weight) * behind
    return weighted / weight.clamp(min=1e-12)


def _halved(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)


def _surroundings(hidden: Tensor) -> tuple[slice, slice]:
    """The rectangle of what is hidden, with as much around it again."""
    spans = []
    for axis, extent in ((1, hidden.shape[0]), (0, hidden.shape[1])):
        there = hidden.any(axis).nonzero()
        low, high = int(there.min()), int(there.max()) + 1
        margin = max((high - low) // 2, 32)
        spans.append(slice(max(low - margin, 0), min(high + margin, extent)))
    return spans[0], spans[1]


def _pyramid(picture: Tensor, hidden: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Halved until the hidden part is about a patch wide; known colours only are averaged."""
    from scipy.ndimage import distance_transform_edt

    levels = [(picture, hidden)]
    depth = float(distance_transform_edt(hidden.numpy()).max())
    while depth > RADIUS and min(hidden.shape) >= 8 * RADIUS:
        known = (~hidden).float()[None, None]
        share = _halved(known)
        picture = (_halved(picture[None] * known) / share.clamp(min=1e-6))[0]
        hidden = share[0, 0] < 0.5
        levels.append((picture, hidden))
        depth /= 2
    return levels


@dataclass(frozen=True)
class _Patches:
    """The patches of one level, by flat pixel index.

    Args:
        unknown: [H, W] bool.
        centre: [K] the patches that touch the unknown part.
        trust: [K] how much they count: less with every pixel away from the known part.
        source: [H*W] bool, the patches that lie in the known part.
    """

    unknown: Tensor
    centre: Tensor
    trust: Tensor
    source: Tensor

    @property
    def width(self) -> int:
        return self.unknown.shape[1]


def _completed(
    colours: Tensor,
    unknown: Tensor,
    offset: Tensor | None,
    search: bool,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """One level: matching and mixing in turns.

    Args:
        colours: [3, H, W], a first guess in the unknown part.
        offset: [2, h, w] of the coarser level, y then x from each patch to its match, or None.
        search: match anew; otherwise only mix once.

    Returns:
        The colours and this level's [2, H, W] offsets.
    """
    height, width = unknown.shape
    patches = _patches(unknown)
    if int(patches.source.sum()) < _FEWEST_SOURCES:
        return colours, torch.zeros(2, height, width)
    match = _first_matches(patches, offset)
    for _ in range(_ROUNDS if search else 1):
        feature = F.unfold(colours[None], 2 * RADIUS + 1, padding=RADIUS)[0].T.contiguous()
        cost = _cost(feature, patches.centre, match)
        for _ in range(_SEARCHES if search else 0):
            match, cost = _better(patches, feature, match, cost, generator)
        colours = _mixed(colours, patches, match, cost)
    offset = torch.zeros(2, height * width)
    offset[:, patches.centre] = torch.stack(
        [match // width - patches.centre // width, match % width - patches.centre % width]
    ).float()
    return colours, offset.view(2, height, width)


def _patches(unknown: Tensor) -> _Patches:
    from scipy.ndimage import distance_transform_edt

    size = 2 * RADIUS + 1
    touched = F.max_pool2d(unknown[None].float(), size, stride=1, padding=RADIUS)[0] > 0
    source = ~touched
    # Patches that reach beyond the picture are matched, but are no sources.
    inside = torch.zeros_like(source)
    inside[RADIUS:-RADIUS, RADIUS:-RADIUS] = True
    centre = touched.flatten().nonzero()[:, 0]
    away = torch.from_numpy(distance_transform_edt(unknown.numpy())).float().flatten()[centre]
    return _Patches(unknown, centre, TRUST**away, (source & inside).flatten())


def _first_matches(patches: _Patches, offset: Tensor | None) -> Tensor:
    """[K] the coarser level's matches, or the nearest sources."""
    from scipy.ndimage import distance_transform_edt

    height, width = patches.unknown.shape
    nearest = distance_transform_edt(
        ~patches.source.view(height, width).numpy(), return_distances=False, return_indices=True
    )
    row, column = torch.from_numpy(nearest).long().flatten(1)[:, patches.centre]
    match = row * width + column
    if offset is None:
        return match
    fine = 2 * F.interpolate(offset[None], (height, width), mode="nearest")[0].flatten(1)
    carried, allowed = _shifted(patches, patches.centre, fine[:, patches.centre].long())
    return torch.where(allowed, carried, match)


def _shifted(patches: _Patches, start: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels moved by [2, K] (y, x), and whether each arrives at a source."""
    height, width = patches.unknown.shape
    row, column = start // width + step[0], start % width + step[1]
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    place = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
    return place, inside & patches.source[place]


def _cost(feature: Tensor, centre: Tensor, match: Tensor) -> Tensor:
    return (feature[centre] - feature[match]).square().mean(1)


def _better(
    patches: _Patches,
    feature: Tensor,
    match: Tensor,
    cost: Tensor,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Tries the neighbours' matches, then random ones ever nearer to the current."""
    height, width = patches.unknown.shape
    centre = patches.centre
    own = feature[centre]
    at = torch.full((height * width,), -1)
    at[centre] = torch.arange(len(centre))

    def keep_better(place: Tensor, allowed: Tensor) -> None:
        nonlocal match, cost
        tried = (own - feature[place]).square().mean(1)
        wins = allowed & (tried < cost)
        match, cost = torch.where(wins, place, match), torch.where(wins, tried, cost)

    for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0), (0, 4), (4, 0), (0, -4), (-4, 0)):
        row, column = centre // width + dy, centre % width + dx
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        neighbour = at[row.clamp(0, height - 1) * width + column.clamp(0, width - 1)]
        step = torch.tensor([[-dy], [-dx]]).expand(2, len(centre))
        place, allowed = _shifted(patches, match[neighbour], step)
        keep_better(place, allowed & inside & (neighbour >= 0))
    reach = max(height, width)
    while reach >= 1:
        step = torch.randint(-reach, reach + 1, (2, len(centre)), generator=generator)
        keep_better(*_shifted(patches, match, step))
        reach //= 3
    return match, cost


def _mixed(colours: Tensor, patches: _Patches, match: Tensor, cost: Tensor) -> Tensor:
    """Every unknown pixel from the matches of the patches over it, good matches counting more."""
    height, width = patches.unknown.shape
    certainty = torch.exp(-cost / (2 * cost.quantile(0.5).clamp(min=1e-5)))
    weight = torch.zeros(height * width)
    weight[patches.centre] = certainty * patches.trust
    target = torch.zeros(height * width, dtype=torch.int64)
    target[patches.centre] = match
    flat = colours.flatten(1)
    pixel = patches.unknown.flatten().nonzero()[:, 0]
    row, column = pixel // width, pixel % width
    total = torch.zeros(3, len(pixel))
    weights = torch.zeros(len(pixel))
    for dy in range(-RADIUS, RADIUS + 1):
        for dx in range(-RADIUS, RADIUS + 1):
            y, x = row - dy, column - dx
            inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
            patch = y.clamp(0, height - 1) * width + x.clamp(0, width - 1)
            share = torch.where(inside, weight[patch], 0)
            seen = (target[patch] + dy * width + dx).clamp(0, height * width - 1)
            total += share * flat[:, seen]
            weights += share
    mixed = colours.flatten(1).clone()
    sure = weights > 0
    mixed[:, pixel[sure]] = total[:, sure] / weights[sure]
    return mixed.view_as(colours)
