"""One frame of a warped picture: what lands where, exactly where it can be, softly at outlines."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..networks.splat import SplatPlan
from . import tears
from .pixels import grown, read_at, spread
from .warp_scene import WarpScene, moved_by

_FAR = 1e9
_NEWTON_STEPS = 4


@dataclass(frozen=True)
class _Landed:
    """What lands where in one frame, by splatting.

    Args:
        colour: [3, H, W]
        share: [H, W] how much of each pixel the colour covers, 0..1.
        back: [2, H, W] displacement from the target back to the source of what is in front.
        importance: [H, W] of what is in front.
        foreground: [H, W] how much of each pixel the foreground covers, 0..1.
        background: [H, W] how much of each pixel the rest reaches, covered or not, 0..1.
    """

    colour: Tensor
    share: Tensor
    back: Tensor
    importance: Tensor
    foreground: Tensor
    background: Tensor


def changed(scene: WarpScene, flow: Tensor, abandoned: Tensor) -> tuple[Tensor, Tensor]:
    """One frame [3, H, W] and how far each of its pixels was filled in [H, W], computed within the
    rectangle that holds what moves and where it goes."""
    hole = torch.zeros_like(flow[0])
    row, column = (flow != 0).any(0).nonzero(as_tuple=True)
    if row.numel() == 0:
        return scene.picture, hole
    rows = _span(row, row + flow[1, row, column], flow.shape[1])
    columns = _span(column, column + flow[0, row, column], flow.shape[2])
    part, part_hole = _frame(
        scene.cropped(rows, columns),
        flow[:, rows, columns].contiguous(),
        abandoned[rows, columns],
    )
    frame = scene.picture.clone()
    frame[:, rows, columns] = part
    hole[rows, columns] = part_hole
    return frame, hole


def _span(start: Tensor, end: Tensor, extent: int) -> slice:
    """Where a line of `extent` pixels holds the motions from `start` to `end`, and some margin."""
    low = min(int(start.min()), int(end.clamp(0, extent).min())) - 4
    high = max(int(start.max()), int(end.clamp(0, extent).max())) + 5
    return slice(max(low, 0), min(high, extent))


def _frame(scene: WarpScene, flow: Tensor, abandoned: Tensor) -> tuple[Tensor, Tensor]:
    """One frame [3, H, W] and how far each of its pixels was filled in [H, W]."""
    still = (flow == 0).all(0)
    right, down = tears.torn_edges(flow)
    loose = tears.loose_pixels(right, down) | abandoned
    plan = SplatPlan(torch.where(loose, _FAR, flow)[None])
    scene.tick()
    landed_besides = plan.coverage[0, 0] - (still & ~loose).float()
    settled = still & ~abandoned & (landed_besides <= 0)
    scene.tick()

    landed = _splatted(scene, plan, flow)
    scene.tick()
    torn = tears.torn_cells(right, down) | tears.cells_of(abandoned)
    place, solved = _sources(flow, _slopes(flow), torn, landed.back, ~settled)
    scene.tick()
    level = landed.importance[~settled]
    own_level, slack = read_at(scene.importance, place)
    solved &= (own_level > level - slack) | (landed.share[~settled] < 1e-3)
    surface = _scattered(solved, ~settled)

    colour, share = landed.colour, torch.where(surface | settled, 1, landed.share)
    if not scene.average:
        colour[:, surface] = read_at(scene.picture, place[:, solved], "bicubic").clamp(0, 1)
    scene.tick()
    behind = _behind(scene, plan, flow)
    scene.tick()
    frame = colour * share if scene.plate is None else torch.lerp(behind, colour, share)
    if not scene.average and bool(scene.foreground.any()):
        settled &= ~_draw_rims(scene, flow, landed, behind, settled, frame, share)
    return torch.where(settled, scene.picture, frame), 1 - share


def _splatted(scene: WarpScene, plan: SplatPlan, flow: Tensor) -> _Landed:
    is_front = scene.foreground.float()[None]
    carried = torch.cat([scene.picture, -flow, scene.importance[:1], is_front])
    front, front_share, back, back_share = (
        layer[0] for layer in plan.layers(carried, scene.importance[0], scene.tick)
    )
    is_front_there = front[6] * front_share[0] + back[6] * back_share[0]
    background = (front_share + back_share)[0] - is_front_there
    front_share = front_share.clamp(0, 1)
    back_share = back_share.clamp(0, 1) * (1 - front_share)
    share = front_share + back_share
    if scene.average:
        colour, share = plan.average(scene.picture)[0], plan.coverage[0].clamp(0, 1)
    else:
        colour = (front[:3] * front_share + back[:3] * back_share) / share.clamp(min=1e-7)
    return _Landed(
        colour,
        share[0],
        spread(front[3:5], front_share[0]),
        front[5],
        (front[6] * front_share[0]).clamp(0, 1),
        background.clamp(0, 1),
    )


def _draw_rims(
    scene: WarpScene,
    flow: Tensor,
    landed: _Landed,
    behind: Tensor,
    settled: Tensor,
    frame: Tensor,
    share: Tensor,
) -> Tensor:
    """Draws the outline of the foreground over what is behind it, softly, into frame and share.

    The splat knows whole source pixels only, which makes steps where the outline turns or grows.
    Here the foreground's motion is carried on a little beyond it, and its soft outline moved along.
    Of settled pixels only those are drawn that the outline covers by half: a stretched surface
    lands beside them.

    Returns:
        [H, W] bool, the pixels drawn.
    """
    rim = grown((landed.foreground > 0) & (landed.foreground < 1), 3)
    if not bool(rim.any()):
        return rim
    own_flow, slopes = _continued(flow, scene.inward, scene.foreground)
    scene.tick()
    back = spread(landed.back, (landed.foreground > 0.1).float())
    place, solved = _sources(own_flow, slopes, torch.zeros_like(rim), back, rim)
    *colour, level, slack, outline = read_at(scene.cutout, place, "bicubic")
    solved &= level > landed.importance[rim] - slack
    alpha = outline.clamp(0, 1)
    solved &= (alpha >= 0.5) | ~settled[rim]
    rim = _scattered(solved, rim)
    alpha = alpha[solved]
    reached = landed.background[rim]
    drawn = torch.stack(colour)[:, solved].clamp(0, 1)
    frame[:, rim] = torch.lerp(behind[:, rim], drawn, alpha)
    share[rim] = alpha + (1 - alpha) * reached
    return rim


def _scattered(values: Tensor, where: Tensor) -> Tensor:
    """[H, W] bool, `values` [K] at the K pixels of `where`, False elsewhere."""
    out = torch.zeros_like(where)
    out[where] = values
    return out


def _sources(
    flow: Tensor, slopes: Tensor, torn: Tensor, guess: Tensor, wanted: Tensor
) -> tuple[Tensor, Tensor]:
    """Solves q + f(q) = p by Newton's method.

    Args:
        flow: [2, H, W]
        slopes: [4, H, W], as from `_slopes`.
        torn: [H, W] bool, squares of the reference picture that are no surface.
        guess: [2, H, W], q - p to start from.
        wanted: [H, W] bool, K pixels p to solve for.

    Returns:
        place [2, K] the q, and solved [K] bool: q lies on an unbroken surface of the picture.
    """
    _, height, width = flow.shape
    row, column = wanted.nonzero(as_tuple=True)
    target = torch.stack([column, row]).to(flow.dtype)
    place = target + guess[:, row, column]
    xx, xy, yx, yy = read_at(slopes, place)
    xx, yy = xx + 1, yy + 1
    det = xx * yy - xy * yx
    det = torch.where(det.abs() < 0.05, torch.where(det < 0, -0.05, 0.05), det)
    for _ in range(_NEWTON_STEPS):
        rx, ry = place + read_at(flow, place) - target
        place = place - torch.stack([yy * rx - xy * ry, xx * ry - yx * rx]) / det
    miss = (place + read_at(flow, place) - target).abs().amax(0)
    x, y = place
    inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    cell_x = x.floor().long().clamp(0, width - 1)
    cell_y = y.floor().long().clamp(0, height - 1)
    return place, (miss < 0.1) & inside & ~torn[cell_y, cell_x]


def _continued(flow: Tensor, inward: Tensor, front: Tensor) -> tuple[Tensor, Tensor]:
    """The foreground's motion [2, H, W] and its slopes [4, H, W], carried on linearly beyond it."""
    xx, xy, yx, yy = slopes = moved_by(_slopes(flow), inward)
    step = torch.where(front, 0, inward)
    dy, dx = -step
    beyond = torch.stack([xx * dx + xy * dy, yx * dx + yy * dy])
    return moved_by(flow, step) + beyond, slopes


def _slopes(flow: Tensor) -> Tensor:
    """[4, H, W] the derivatives of x along x and y, and of y along x and y."""
    return torch.stack([_slope(flow[i], along) for i in (0, 1) for along in (1, 0)])


def _slope(values: Tensor, along: int) -> Tensor:
    """Central differences of [H, W] along one axis; 0 where it has a single pixel."""
    if values.shape[along] < 2:
        return torch.zeros_like(values)
    return torch.gradient(values, dim=along)[0]


def _behind(scene: WarpScene, plan: SplatPlan, flow: Tensor) -> Tensor:
    """[3, H, W] what lies behind the foreground: the background plate, moved as the background
    moves; or without a plate the background itself, black where it does not reach."""
    weight = (~scene.foreground).float()
    moved = flow * weight
    if scene.plate is None:
        *colour, reached = plan.sum(torch.cat([scene.picture * weight, weight[None]]))[0]
        return torch.stack(colour) / reached.clamp(min=1)
    if not bool(moved.any()):
        return scene.plate
    carried = plan.sum(torch.cat([-moved, weight[None]]))[0]
    known = carried[2].clamp(0, 1)
    back = spread(carried[:2] / carried[2].clamp(min=1e-7), known)
    _, height, width = flow.shape
    row = torch.arange(height, device=flow.device, dtype=flow.dtype).view(-1, 1)
    column = torch.arange(width, device=flow.device, dtype=flow.dtype)
    place = torch.stack([back[0] + column, back[1] + row])
    plate = read_at(scene.plate, place.flatten(1), "bicubic", "reflection")
    return plate.clamp(0, 1).view_as(scene.plate)
