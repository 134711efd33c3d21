"""The outline of a warped picture's foreground, drawn softly over what is behind it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..networks.splat_strips import blocks, parts
from ..types.progress import Tick
from .pixels import grown, read_at, spread
from .warp_landed import Landed
from .warp_places import Pixels, pixels_of, slope_of, sources
from .warp_scene import WarpScene, moved_by


@dataclass(frozen=True)
class Rims:
    """The K pixels at which the outline of the foreground may lie, and what is there without it.

    Args:
        pixels: their rows and columns.
        guess: [2, K] displacement from there back to the foreground, roughly.
        importance, background, settled: [K], as in `Landed`.
        behind: [3, K], what lies behind the foreground.
    """

    pixels: Pixels
    guess: Tensor
    importance: Tensor
    background: Tensor
    settled: Tensor
    behind: Tensor


def rims_of(there: Landed, tick: Tick) -> Rims | None:
    """What of a frame's landings the outline needs; None where there is no outline."""
    row, column = pixels = pixels_of(grown(there.rim, 3))
    if not len(row):
        return None
    guess = []
    for back in there.back:
        guess.append(spread(back[None], there.core.float(), tick)[0, row, column])
        tick()
    behind = []
    for part in parts(len(row)):
        behind.append(there.behind.at((row[part], column[part])))
        tick()
    return Rims(
        pixels,
        torch.stack(guess),
        there.importance[row, column],
        there.background[row, column],
        there.settled[row, column],
        torch.cat(behind, dim=1),
    )


def draw_rims(scene: WarpScene, flow: Tensor, rims: Rims, frame: Tensor, share: Tensor) -> None:
    """Draws the outline of the foreground over what is behind it, softly, into frame and share.

    The splat knows whole source pixels only, which makes steps where the outline turns or grows.
    Here the foreground's motion is carried on a little beyond it, and its soft outline moved along.
    Of settled pixels only those are drawn that the outline covers by half: a stretched surface
    lands beside them.
    """
    place, solved = _places(scene, flow, rims)
    *colour, level, slack, outline = _cut_out(scene, place)
    solved &= level > rims.importance - slack
    alpha = outline.clamp_(0, 1)
    solved &= (alpha >= 0.5) | ~rims.settled
    for part in parts(len(solved)):
        drawn = solved[part].nonzero()[:, 0] + part.start
        row, column = (one[drawn] for one in rims.pixels)
        tint, over = torch.stack([one[drawn] for one in colour]).clamp(0, 1), alpha[drawn]
        frame[:, row, column] = torch.lerp(rims.behind[:, drawn], tint, over)
        share[row, column] = over + (1 - over) * rims.background[drawn]
        scene.tick()


def _places(scene: WarpScene, flow: Tensor, rims: Rims) -> tuple[Tensor, Tensor]:
    """Where in the picture the foreground is that reaches these pixels, as from `sources`."""
    row, column = rims.pixels
    own, slopes = _continued(scene, flow, rims.guess + torch.stack([column, row]))
    found = []
    for part in parts(len(row)):
        some = row[part], column[part]
        found.append(sources(own, slopes[:, part], some, rims.guess[:, part]))
        scene.tick()
    place, solved = zip(*found, strict=True)
    return torch.cat(place, 1), torch.cat(solved)


def _continued(scene: WarpScene, flow: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
    """The foreground's motion [2, H, W], carried on linearly beyond it, and its slopes [4, K] at
    places [2, K]."""
    step = torch.where(scene.foreground, 0, scene.inward)
    scene.tick()
    own, slopes = torch.zeros_like(flow), []
    for i, values in enumerate(flow):
        for axis in (1, 0):
            slope = moved_by(slope_of(values, axis), scene.inward)
            scene.tick()
            for rows in blocks(*slope.shape):
                own[i, rows] -= slope[rows] * step[axis, rows]
            scene.tick()
            read = [read_at(slope[None], place[:, part])[0] for part in parts(place.shape[1])]
            slopes.append(torch.cat(read))
            del slope
            scene.tick()
        own[i] += moved_by(values, step)
        scene.tick()
    return own, torch.stack(slopes)


def _cut_out(scene: WarpScene, place: Tensor) -> Tensor:
    """[6, K] the foreground's `cutout` at places [2, K]."""
    height = scene.foreground.shape[0]
    low, high = (int(end) for end in place[1].clamp(0, height).aminmax())
    rows = slice(max(low - 3, 0), min(high + 4, height))
    values = place.new_empty(6, place.shape[1])
    for value, one in zip(values, scene.cutout.maps(rows), strict=True):
        for part in parts(len(value)):
            value[part] = read_at(one[None], place[:, part], "bicubic")[0]
            scene.tick()
    return values
