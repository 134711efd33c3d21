"""The outline of a warped picture's foreground, drawn softly over what is behind it."""

from __future__ import annotations

import torch
from torch import Tensor

from ..networks.splat_strips import parts
from .pixels import grown, read_at, spread
from .warp_landed import Landed
from .warp_places import Pixels, pixels_of, slope_of, sources
from .warp_scene import WarpScene, moved_by


def draw_rims(scene: WarpScene, flow: Tensor, there: Landed, frame: Tensor, share: Tensor) -> None:
    """Draws the outline of the foreground over what is behind it, softly, into frame and share.

    The splat knows whole source pixels only, which makes steps where the outline turns or grows.
    Here the foreground's motion is carried on a little beyond it, and its soft outline moved along.
    Of settled pixels only those are drawn that the outline covers by half: a stretched surface
    lands beside them.
    """
    row, column = pixels = pixels_of(grown(there.rim, 3))
    if not len(row):
        return
    place, solved = _places(scene, flow, there, pixels)
    cut_out = _cut_out(scene, place)
    for part in parts(len(row)):
        some = row[part], column[part]
        _draw(there, some, cut_out[:, part], solved[part], frame, share)
        scene.tick()


def _draw(
    there: Landed, pixels: Pixels, cut_out: Tensor, solved: Tensor, frame: Tensor, share: Tensor
) -> None:
    """Draws K pixels of the outline, where they are solved for and not behind what is there."""
    row, column = pixels
    *_, level, slack, outline = cut_out
    solved = solved & (level > there.importance[row, column] - slack)
    alpha = outline.clamp(0, 1)
    solved &= (alpha >= 0.5) | ~there.settled[row, column]
    row, column = drawn = row[solved], column[solved]
    alpha = alpha[solved]
    tint = cut_out[:3, solved].clamp(0, 1)
    frame[:, row, column] = torch.lerp(there.behind.at(drawn), tint, alpha)
    share[row, column] = alpha + (1 - alpha) * there.background[row, column]


def _places(scene: WarpScene, flow: Tensor, there: Landed, pixels: Pixels) -> tuple[Tensor, Tensor]:
    """Where in the picture the foreground is that reaches these pixels, as from `sources`."""
    row, column = pixels
    guess = []
    for back in there.back:
        guess.append(spread(back[None], there.core.float(), scene.tick)[0, row, column])
        scene.tick()
    first = torch.stack(guess)
    own, slopes = _continued(scene, flow, first + torch.stack([column, row]))
    found = []
    for part in parts(len(row)):
        found.append(sources(own, slopes[:, part], (row[part], column[part]), first[:, part]))
        scene.tick()
    place, solved = zip(*found, strict=True)
    return torch.cat(place, 1), torch.cat(solved)


def _continued(scene: WarpScene, flow: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
    """The foreground's motion [2, H, W], carried on linearly beyond it, and its slopes [4, K] at
    places [2, K]."""
    step = torch.where(scene.foreground, 0, scene.inward)
    dy, dx = -step
    own, slopes = torch.empty_like(flow), []
    for i, values in enumerate(flow):
        beyond = torch.zeros_like(values)
        for axis, way in ((1, dx), (0, dy)):
            slope = moved_by(slope_of(values, axis), scene.inward)
            beyond += slope * way
            scene.tick()
            read = [read_at(slope[None], place[:, part])[0] for part in parts(place.shape[1])]
            slopes.append(torch.cat(read))
            scene.tick()
        torch.add(moved_by(values, step), beyond, out=own[i])
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
