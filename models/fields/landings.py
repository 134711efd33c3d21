"""Which point of the reference picture has come to each pixel of a later frame.

Between its pixels a motion field is bilinear: every square of four neighbouring pixels (a cell)
becomes a quadrilateral, and the point that has come to a pixel is found inside it by solving
p + f(p) = r. Cells at the picture's border reach half a pixel out, where the border is repeated.
Where neighbours were torn apart there is no surface between them, and each of the cell's pixels
keeps a quarter of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from ..picture.tears import torn_cells, torn_edges

MOST_ZOOM = 8.0
"""Up to here a surface that grows as a whole is taken for one that grows, not for torn pixels."""

_PAIRS = 1 << 18  # of a cell and a pixel, solved at once
_SLACK = 1e-6  # of a cell's side, for rounding


@dataclass(frozen=True)
class Landings:
    """For each pixel of a later frame, the point of the reference picture that is seen there.

    Args:
        found: [H, W] bool, false where no point has come (uncovered, or from outside).
        pixels: [4, H*W] int64, the four pixels of the reference that the point lies between.
        weights: [4, H*W] float64, their bilinear shares; all 0 where no point was found.
    """

    found: Tensor
    pixels: Tensor
    weights: Tensor

    def of(self, maps: Tensor) -> Tensor:
        """What maps [C, H, W] of the reference say at those points: [C, H, W] float64."""
        return _mixed(maps.double(), self.pixels, self.weights).view(-1, *self.found.shape)


@dataclass(frozen=True)
class _Cells:
    place: Tensor  # [4, 2, N] the corners (upper left, upper right, lower left, lower right)
    pixel: Tensor  # [4, N] the pixels whose motion the corners have


def landings(flow: Tensor, seen: Tensor | None = None) -> Landings:
    """Finds the point p of the reference with p + flow(p) = r, for every pixel r.

    Exact where the flow is bilinear between pixels. Of several points, the one that has moved
    farthest is in front, as in `field_ops.inverted`.

    Args:
        flow: [2, H, W] px, finite, on the CPU; computed with in float64.
        seen: [H, W] visibility of the reference's pixels in that frame; points below 0.5 are
            hidden there, so what is seen is something else. None: all are seen.
    """
    flow = flow.double()
    parts = list(_candidates(flow, _cells(flow)))
    target, pixels, weights = (torch.cat(same, dim=-1) for same in zip(*parts, strict=True))
    if seen is not None:
        kept = _mixed(seen[None].double(), pixels, weights)[0] >= 0.5
        target, pixels, weights = target[kept], pixels[:, kept], weights[:, kept]
    far = _mixed(flow, pixels, weights).square().sum(0)
    winner = _first_of_largest(target, far, flow[0].numel())
    found = winner >= 0
    of_all = pixels.new_zeros(4, len(found)), weights.new_zeros(4, len(found))
    for whole, part in zip(of_all, (pixels, weights), strict=True):
        whole[:, found] = part[:, winner[found]]
    return Landings(found.view(flow.shape[1:]), *of_all)


def _cells(flow: Tensor) -> _Cells:
    """All cells of a picture, the torn ones in quarters that move with one pixel each."""
    height, width = flow.shape[-2:]
    x, y = (torch.arange(-1, n + 1).clamp(-0.5, n - 0.5).double() for n in (width, height))
    column, row = (torch.arange(-1, n + 1).clamp(0, n - 1) for n in (width, height))
    place = _corners(torch.stack(torch.meshgrid(x, y, indexing="xy")))
    pixel = _corners(row[:, None] * width + column)
    torn = _torn(flow)
    if not bool(torn.any()):
        return _Cells(place, pixel)
    quarters = (place[..., torn][:, None] + place[..., torn]) / 2
    quarters = rearrange(quarters, "corner quarter xy n -> corner xy (quarter n)")
    alone = pixel[:, torn].flatten().expand(4, -1)
    return _Cells(
        torch.cat([place[..., ~torn], quarters], dim=-1),
        torch.cat([pixel[:, ~torn], alone], dim=-1),
    )


def _torn(flow: Tensor) -> Tensor:
    """[(H + 1) * (W + 1)] bool: the cells that have a torn side, for the picture's own zoom."""
    padded = F.pad(flow[None], (1, 1, 1, 1), mode="replicate")[0]
    rows, columns = (torch.arange(n) for n in padded.shape[1:])
    start = torch.stack(torch.meshgrid(columns, rows, indexing="xy"))
    shrunk = (start + padded) / _zoom(flow) - start
    return torn_cells(*torn_edges(shrunk))[:-1, :-1].flatten()


def _zoom(flow: Tensor) -> float:
    """How long the sides of cells have become, in px: the median along x or y, 1..MOST_ZOOM."""
    right = flow[:, :, 1:] - flow[:, :, :-1] + flow.new_tensor([1, 0]).view(2, 1, 1)
    down = flow[:, 1:] - flow[:, :-1] + flow.new_tensor([0, 1]).view(2, 1, 1)
    sides = [edges.norm(dim=0) for edges in (right, down) if edges.numel()]
    return min(max([1.0, *(float(side.median()) for side in sides)]), MOST_ZOOM)


def _corners(grid: Tensor) -> Tensor:
    """The corners [4, ..., N] of the cells between the nodes of a grid [..., rows, columns]."""
    above, below = grid[..., :-1, :], grid[..., 1:, :]
    four = [above[..., :-1], above[..., 1:], below[..., :-1], below[..., 1:]]
    return torch.stack(four).flatten(-2)


def _candidates(flow: Tensor, cells: _Cells) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yields pixels that cells have come to [M], the cells' own pixels and their shares [4, M]."""
    height, width = flow.shape[-2:]
    landed = cells.place + flow.flatten(1)[:, cells.pixel].transpose(0, 1)
    for cell, x, y in _pairs(landed, (width, height)):
        pair, u, v = _solved(landed[..., cell], torch.stack([x, y]).double())
        weights = torch.stack([(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v])
        yield y[pair] * width + x[pair], cells.pixel[:, cell[pair]], weights


def _pairs(landed: Tensor, size: tuple[int, int]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yields cells [K] and pixels x, y [K] of the picture (W, H) that lie in the cells' boxes."""
    last = landed.new_tensor(size)[:, None] - 1
    low = (landed.amin(0) - _SLACK).ceil().clamp(min=0)
    high = torch.minimum((landed.amax(0) + _SLACK).floor(), last)
    extent = (high - low + 1).clamp(min=0).long()
    count = extent[0] * extent[1]
    some = count.nonzero()[:, 0]
    at_once = max(1, _PAIRS // max(1, int(count.max())))
    for part in (*some.split(at_once), some[:0]):
        cell = part.repeat_interleave(count[part])
        first = (count[part].cumsum(0) - count[part]).repeat_interleave(count[part])
        within, across = torch.arange(len(cell)) - first, extent[0, cell]
        x, y = low[:, cell].long()
        yield cell, x + within % across, y + within // across


def _solved(corners: Tensor, r: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Finds the points r [2, K] in their quadrilaterals [4, 2, K]: which of them, u and v [M].

    r = a + u b + v c + u v d: without u, a quadratic in v, with up to two solutions where the
    quadrilateral is folded.
    """
    a, right, below, opposite = corners
    b, c, d, e = right - a, below - a, opposite - right - below + a, r - a
    square, linear, constant = -_cross(c, d), _cross(e, d) - _cross(c, b), _cross(e, b)
    root = (linear.square() - 4 * square * constant).sqrt()
    # The stable form: of a parallelogram `square` is 0, and the second solution infinite. Where
    # there is none, and in cells that have shrunk to a line, v is NaN, and in no bounds.
    q = -(linear + torch.copysign(root, linear)) / 2
    v = torch.stack([constant / q, q / square])
    solution, pair = _within_cell(v).nonzero(as_tuple=True)
    v = v[solution, pair]
    side, rest = b[:, pair] + v * d[:, pair], e[:, pair] - v * c[:, pair]
    u = (side[0] * rest[0] + side[1] * rest[1]) / (side[0] * side[0] + side[1] * side[1])
    found = _within_cell(u)
    return pair[found], u[found], v[found]


def _within_cell(part: Tensor) -> Tensor:
    return (part >= -_SLACK) & (part <= 1 + _SLACK)


def _cross(first: Tensor, second: Tensor) -> Tensor:
    return first[0] * second[1] - first[1] * second[0]


def _mixed(maps: Tensor, pixels: Tensor, weights: Tensor) -> Tensor:
    """[C, M]: maps [C, H, W] at pixels [4, M], in the shares [4, M]."""
    flat = maps.flatten(1)
    return torch.stack([(one[pixels] * weights).sum(0) for one in flat])


def _first_of_largest(target: Tensor, value: Tensor, count: int) -> Tensor:
    """[count] the first entry with the largest value among those of each target; -1 for none."""
    largest = value.new_zeros(count).scatter_reduce(0, target, value, "amax", include_self=False)
    entry = torch.arange(len(target))
    entry = torch.where(value == largest[target], entry, len(target))
    none = torch.full((count,), len(target))
    first = none.scatter_reduce(0, target, entry, "amin")
    return torch.where(first < len(target), first, -1)
