"""Gaussian noise that moves with a motion field, and is white in every frame.

Noise of the latent's size is taken for the integral of white noise over each of its cells: a fine
grid of g x g samples a cell, each N(0, 1), carries it. Every sample z_i of the reference frame
lands somewhere in frame k, and where a surface grows in several places, n_i of them. Each of these
takes its share of the sample,

    m_ij = z_i / n_i + (e_j - mean of e over the n_i places) / sqrt(n_i),

with other noise e. The shares are independent, N(0, 1 / n_i), and add up to z_i: conditionally on
the sample this is how white noise divides ("How I Warped Your Noise", arXiv 2504.03072, section 3).
A cell's value in frame k is the sum of what has landed in it, over its standard deviation
(Go-with-the-Flow, arXiv 2501.08331, section 3.2),

    y = sum m_ij / sqrt(sum 1 / n_i).

Every share goes to one cell and what goes where does not depend on the noise, so each frame is
white, N(0, 1), whatever the field: contraction sums, expansion divides. Cells of two frames
correlate by the samples that they share. What is uncovered takes e, which is the same in all
frames; what comes from outside is noise too, which lies around the picture and moves as its border.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..picture.pixels import closed
from ..types.motion_field import MotionField, check_size
from .field_ops import squared_reach

COARSEST, FINEST = 4, 8
"""Bounds of g; between them a sample is two of the field's pixels wide."""

MOST_ZOOM = 8
"""Up to here a frame that grows as a whole is sampled more finely."""

_SAME_SURFACE = 0.5
"""Samples that land in one place are of one surface where their motions differ by no more than
this, in samples, from what the slope of the motion says."""


@dataclass(frozen=True)
class _Landed:
    """What is seen in one frame, K samples.

    Args:
        source: [K] int64, the samples of the reference frame, within the canvas.
        target: [K] int64, the places of the fine grid where they land.
        parts: [canvas] in how many places each is seen; None: once at most.
        uncovered: [U] int64, places of the fine grid that nothing has come to.
    """

    source: Tensor
    target: Tensor
    parts: Tensor | None
    uncovered: Tensor


@dataclass(frozen=True)
class _Canvas:
    """The fine grid (H, W) with what lies around it, as far as it is to be seen.

    Args:
        size: (W, H) of the fine grid.
        margin: samples to the left, right, above and below.
        rank: [canvas] a different number for each sample, the larger in front.
        order: [canvas] the sample of each rank.
    """

    size: tuple[int, int]
    margin: tuple[int, int, int, int]
    rank: Tensor
    order: Tensor

    @property
    def extent(self) -> tuple[int, int]:
        """(W, H) with the margin."""
        left, right, above, below = self.margin
        return self.size[0] + left + right, self.size[1] + above + below


def warped_noise(
    field: MotionField,
    channels: int,
    size: tuple[int, int],
    generator: torch.Generator,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Noise for each frame of a field, on the CPU.

    A frame in which nothing has moved is frame 0 to the bit. One frame does not depend on which
    others are asked for, but for the order of what overlaps: what moves furthest is in front.

    Args:
        field: F frames, of any size.
        size: (W, H) of the latents.
        generator: on the CPU; frame 0 depends on it alone.

    Returns:
        [F, channels, H, W]

    Raises:
        ValueError: for a size or a number of channels below 1.
    """
    check_size(size)
    if channels < 1:
        raise ValueError(f"noise has at least 1 channel, not {channels}")
    width, height = size
    fine = min(max(round(field.size[0] / width / 2), COARSEST), FINEST)
    field = _on_cpu(field.resized((width * fine, height * fine)))
    canvas = _canvas(field)
    noise, other = _drawn(channels, canvas, generator, dtype)
    row, column = (torch.arange(n * fine) // fine for n in (height, width))
    cell = (row[:, None] * width + column).flatten()
    frames = torch.empty(field.frames, channels, height * width, dtype=dtype)
    for i in range(field.frames):
        landed = _landed(canvas, field.flow[i], field.seen(i), fine)
        _sum_up(landed, noise, other, cell, frames[i])
    return frames.view(field.frames, channels, height, width)


def _on_cpu(field: MotionField) -> MotionField:
    if field.flow.device.type == "cpu":
        return field
    return MotionField(
        field.flow.cpu(), None if field.visibility is None else field.visibility.cpu()
    )


def _canvas(field: MotionField) -> _Canvas:
    (width, height), flow = field.size, field.flow
    sides = flow[:, 0, :, 0], -flow[:, 0, :, -1], flow[:, 1, 0], -flow[:, 1, -1]
    margin = [
        min(max(0, int(side.max().ceil())), extent)
        for side, extent in zip(sides, (width, width, height, height), strict=True)
    ]
    order = _padded(squared_reach(field)[None], margin).argsort(stable=True)[0]
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order))
    left, right, above, below = margin
    return _Canvas(field.size, (left, right, above, below), rank, order)


def _padded(maps: Tensor, margin: list[int] | tuple[int, ...]) -> Tensor:
    """[C, canvas] of maps [C, H, W]: the border goes on outside."""
    return F.pad(maps[None], tuple(margin), mode="replicate")[0].flatten(1)


def _drawn(
    channels: int, canvas: _Canvas, generator: torch.Generator, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """The samples z [channels, canvas] and the other noise e [channels, H * W]."""
    width, height = canvas.size
    noise = torch.randn(channels, height, width, generator=generator, dtype=dtype)
    other = torch.randn(channels, height * width, generator=generator, dtype=dtype)
    if any(canvas.margin):
        left, _, above, _ = canvas.margin
        columns, rows = canvas.extent
        around = torch.randn(channels, rows, columns, generator=generator, dtype=dtype)
        around[:, above : above + height, left : left + width] = noise
        noise = around
    return noise.flatten(1), other


def _landed(canvas: _Canvas, flow: Tensor, seen: Tensor | None, fine: int) -> _Landed:
    """Where the samples of the canvas land in one frame [2, H, W], and which of them are seen."""
    zoom = _zoom(flow[:, ::fine, ::fine] / fine)
    columns, rows = canvas.extent
    motion = _padded(flow, canvas.margin)
    x, y, source, part = _places(motion.view(2, rows, columns), zoom)
    x, y = (x - canvas.margin[0] + 0.5).floor(), (y - canvas.margin[2] + 0.5).floor()
    inside = (x >= 0) & (x < canvas.size[0]) & (y >= 0) & (y < canvas.size[1])
    if seen is not None:
        inside &= (_padded(seen[None].float(), canvas.margin)[0] > 0)[source]
    sample = inside.nonzero()[:, 0]
    source, target = source[sample], (y[sample] * canvas.size[0] + x[sample]).long()
    key = canvas.rank[source] * zoom**2 + part[sample]
    owner = key.new_full((canvas.size[0] * canvas.size[1],), -1)
    owner.scatter_reduce_(0, target, key, "amax")
    in_front = owner[target] == key
    kept = in_front
    if zoom == 1:
        behind = (~in_front).nonzero()[:, 0]
        ahead = canvas.order[owner[target[behind]]]  # a key is a rank here
        kept = in_front.index_put(
            (behind,), _one_surface(motion, columns, rows, source[behind], ahead)
        )
    source, target = source[kept], target[kept]
    parts = torch.bincount(source, minlength=len(canvas.rank)) if zoom > 1 else None
    return _Landed(source, target, parts, _uncovered(owner >= 0, canvas.size))


def _zoom(flow: Tensor) -> int:
    """In how many parts a sample's side is to be divided, so that they lie close in the frame."""
    right = flow.diff(dim=2) + flow.new_tensor([1, 0]).view(2, 1, 1)
    down = flow.diff(dim=1) + flow.new_tensor([0, 1]).view(2, 1, 1)
    sides = [float(torch.hypot(*step).median()) for step in (right, down) if step.numel()]
    return max(1, min(int(max([1.0, *sides]) + 0.5), MOST_ZOOM))


def _places(motion: Tensor, zoom: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x, y where the parts of the canvas's samples [2, rows, columns] land; of which samples they
    are, and which part of each, below zoom^2."""
    _, rows, columns = motion.shape
    if zoom > 1:
        motion = F.interpolate(motion[None], scale_factor=zoom, mode="bilinear")[0]
    row, column = (torch.arange(n * zoom) for n in (rows, columns))
    x = motion[0] + (column + 0.5) / zoom - 0.5
    y = motion[1] + ((row + 0.5) / zoom - 0.5)[:, None]
    source = (row // zoom)[:, None] * columns + column // zoom
    part = (row % zoom)[:, None] * zoom + column % zoom
    return x.flatten(), y.flatten(), source.flatten(), part.flatten()


def _one_surface(motion: Tensor, columns: int, rows: int, behind: Tensor, ahead: Tensor) -> Tensor:
    """[K] bool: samples that land behind others, but are of the same surface."""
    x, y = behind % columns, behind // columns
    expected = motion[:, behind].clone()
    for place, other, extent, step in (
        (x, ahead % columns, columns, 1),
        (y, ahead // columns, rows, columns),
    ):
        before, after = (place > 0).long(), (place < extent - 1).long()
        rise = motion[:, behind + step * after] - motion[:, behind - step * before]
        expected += rise / (before + after).clamp(min=1) * (other - place)
    return (expected - motion[:, ahead]).abs().amax(0) < _SAME_SURFACE


def _uncovered(covered: Tensor, size: tuple[int, int]) -> Tensor:
    """[U] places that nothing has come to; gaps of up to two samples lie within a surface."""
    if bool(covered.all()):
        return covered.new_empty(0, dtype=torch.int64)
    return (~closed(covered.view(size[1], size[0]))).flatten().nonzero()[:, 0]


def _sum_up(landed: _Landed, noise: Tensor, other: Tensor, cell: Tensor, out: Tensor) -> None:
    """Writes one frame [channels, cells]."""
    source, target, parts = landed.source, landed.target, landed.parts
    cells = out.shape[1]
    where = cell[torch.cat([target, landed.uncovered])]
    variance = None
    if parts is not None:
        share = 1 / parts[source].to(noise.dtype)
        variance = torch.cat([share, share.new_ones(len(landed.uncovered))])
    deviation = torch.bincount(where, variance, minlength=cells).to(noise.dtype).sqrt()
    for one, rest, row in zip(noise, other, out, strict=True):
        values = one[source]
        if parts is not None:
            fresh = rest[target]
            mean = torch.bincount(source, fresh, minlength=len(parts)) / parts.clamp(min=1)
            values = values * share + (fresh - mean[source]) * share.sqrt()
        values = torch.cat([values, rest[landed.uncovered]])
        torch.div(torch.bincount(where, values, minlength=cells), deviation, out=row)
