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
    """What of a frame's landings the outline needs; None where there is no outline.

    What the landings say of the way back is used up.
    """
    pixels = _pixels_near(there.rim, tick)
    if not len(pixels[0]):
        return None
    core = there.core.float()
    for one in there.back:
        spread(one[None], core, tick)
    behind = core.new_empty(3, len(pixels[0]))
    del core
    for part in parts(len(pixels[0])):
        behind[:, part] = there.behind.at((pixels[0][part].long(), pixels[1][part].long()))
        tick()
    return Rims(
        pixels,
        _picked(there.back, pixels),
        _picked(there.importance, pixels),
        _picked(there.background, pixels),
        _picked(there.settled, pixels),
        behind,
    )


def _pixels_near(rim: Tensor, tick: Tick) -> Pixels:
    """Rows and columns, int32, of the pixels of a mask [H, W] bool and of those around it."""
    near, found = grown(rim, 3), []
    for rows in blocks(*rim.shape):
        found.append(torch.stack(pixels_of(near[rows], rows.start)).int())
    tick()
    row, column = torch.cat(found, dim=1)
    return row, column


def _picked(maps: Tensor, pixels: Pixels) -> Tensor:
    """[..., K] of maps [..., H, W]."""
    row, column = pixels
    picked = maps.new_empty(*maps.shape[:-2], len(row))
    for part in parts(len(row)):
        picked[..., part] = maps[..., row[part].long(), column[part].long()]
    return picked


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
        row, column = (one[drawn].long() for one in rims.pixels)
        tint, over = torch.stack([one[drawn] for one in colour]).clamp(0, 1), alpha[drawn]
        frame[:, row, column] = torch.lerp(rims.behind[:, drawn], tint, over)
        share[row, column] = over + (1 - over) * rims.background[drawn]
        scene.tick()


def _places(scene: WarpScene, flow: Tensor, rims: Rims) -> tuple[Tensor, Tensor]:
    """Where in the picture the foreground is that reaches these pixels, as from `sources`."""
    row, column = rims.pixels
    own, slopes = _continued(scene, flow, rims.guess + torch.stack([column, row]))
    place = torch.empty_like(rims.guess)
    solved = torch.empty_like(rims.settled)
    for part in parts(len(row)):
        some = row[part], column[part]
        place[:, part], solved[part] = sources(own, slopes[:, part], some, rims.guess[:, part])
        scene.tick()
    return place, solved


def _continued(scene: WarpScene, flow: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
    """The foreground's motion [2, H, W], carried on linearly beyond it, and its slopes [4, K] at
    places [2, K]."""
    own, slopes = torch.zeros_like(flow), place.new_empty(4, place.shape[1])
    for i, (values, carried) in enumerate(zip(flow, own, strict=True)):
        for axis in (1, 0):
            slope = slope_of(values, axis)
            scene.tick()
            slope = moved_by(slope, scene.inward)
            scene.tick()
            for rows in blocks(*slope.shape):
                carried[rows] -= slope[rows] * scene.beyond(rows)[axis]
            scene.tick()
            for part in parts(place.shape[1]):
                slopes[2 * i + 1 - axis, part] = read_at(slope[None], place[:, part])[0]
            scene.tick()
        for rows in blocks(*carried.shape):
            carried[rows] += moved_by(values, scene.beyond(rows), (rows.start, 0))
        scene.tick()
    return own, slopes


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
