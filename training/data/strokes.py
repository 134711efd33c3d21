"""What a user might draw on a clip: the sparse control that the trajectory ControlNet learns from.

Four kinds, mixed (the first two are Motion-I2V's, arXiv 2401.15977, section 3.2):
- "blocks": squares of 8x8 pixels, of which a random share is kept, the same over time;
- "strokes": a few points, mostly on what moves, each a square of known displacement;
- "brush": strokes, and a region outside of which everything is known to stay still;
- "nothing": no control at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from ...models.drawing.rasterize import at_latent_size, rasterize
from ...models.types.motion_field import encode
from ...models.types.tracks import Tracks

BLOCK = 8


@dataclass(frozen=True)
class Drawing:
    """How often each kind is drawn, and how.

    Args:
        blocks, strokes, brush: shares of the clips; what is left gets nothing.
        half_size: smallest and largest half side of a stroke's square, pixels.
        points: at most so many strokes on a clip.
        every: the share of drawings with strokes in which each thing that moves gets one, and now
            and then what rests gets a pin; where it is known what is one thing.
    """

    blocks: float = 0.3
    strokes: float = 0.45
    brush: float = 0.15
    half_size: tuple[int, int] = (6, 12)
    points: int = 5
    every: float = 0.0


USUAL = Drawing()


def draw(
    flow: torch.Tensor,
    generator: torch.Generator,
    drawing: Drawing = USUAL,
    objects: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draws on one clip.

    Args:
        flow: [F, 2, H, W] float32 px from frame 0.
        objects: int64 [H, W], which thing each pixel of frame 0 belongs to, 0 the background.

    Returns:
        flow01 [F - 1, 2, H, W], 0.5 where nothing is known, and the mask [F - 1, 1, H / 8, W / 8].
    """
    kind = float(torch.rand((), generator=generator))
    if kind < drawing.blocks:
        return _blocks(flow, generator)
    kind -= drawing.blocks
    if kind < drawing.strokes + drawing.brush:
        region = _brush(flow, generator) if kind >= drawing.strokes else None
        low, high = drawing.half_size
        half_size = int(torch.randint(low, high + 1, (), generator=generator))
        each = objects is not None and float(torch.rand((), generator=generator)) < drawing.every
        tracks = (
            _one_each(flow, objects, generator)
            if each
            else _tracks(flow, drawing.points, generator)
        )
        control = rasterize(tracks, half_size, region)
        return control.flow01, control.mask_latent
    none = torch.zeros_like(flow[1:])
    return encode(none), at_latent_size(none[:, :1])


def follow(flow: torch.Tensor, points: torch.Tensor) -> Tracks:
    """The tracks of some pixels of frame 0: points [P, 2] (x, y), whole numbers."""
    height, width = flow.shape[2:]
    x, y = points.long().unbind(1)
    moved = flow[:, :, y, x].transpose(1, 2)
    seen = torch.ones(flow.shape[0], len(points), dtype=torch.bool)
    return Tracks(points.float() + moved, seen, (width, height))


def _tracks(flow: torch.Tensor, most: int, generator: torch.Generator) -> Tracks:
    """A few pixels, four in five of them where it moves most, one anywhere."""
    height, width = flow.shape[2:]
    count = int(torch.randint(1, most + 1, (), generator=generator))
    speed = torch.hypot(*flow[-1])
    # Not against the rim of what moves: a person draws on a thing, not beside it.
    inner = -F.max_pool2d(-speed[None, None], 5, 1, 2)[0, 0]
    weight = (inner.flatten() + 1e-6) ** 2
    chosen = torch.multinomial(weight, count, replacement=True, generator=generator)
    anywhere = torch.randint(0, height * width, (count,), generator=generator)
    stray = torch.rand(count, generator=generator) < 0.2
    index = torch.where(stray, anywhere, chosen)
    return follow(flow, torch.stack([index % width, index // width], dim=1))


def _one_each(flow: torch.Tensor, objects: torch.Tensor, generator: torch.Generator) -> Tracks:
    """A pixel well inside each thing that moves, and of a third of those that rest; sometimes a
    second one."""
    width = flow.shape[3]
    speed = torch.hypot(*flow[-1])
    index = []
    for thing in torch.unique(objects):
        own = objects == thing
        where = well_inside(own)
        chance = 1.0 if float(speed[own].mean()) > 1 else 1 / 3
        if float(torch.rand((), generator=generator)) < chance:
            count = 1 + int(torch.rand((), generator=generator) < 0.3)
            chosen = torch.randint(0, len(where), (count,), generator=generator)
            index.append(where[chosen])
    if not index:
        return _tracks(flow, 1, generator)
    at = torch.cat(index)
    return follow(flow, torch.stack([at % width, at // width], dim=1))


def well_inside(own: torch.Tensor) -> torch.Tensor:
    """The numbers of those pixels of a thing [H, W] that are 3 px from its rim, where a person
    would draw; of all its pixels, where it is too slender."""
    inner = -F.max_pool2d(-own[None, None].float(), 7, 1, 3)[0, 0] > 0
    return (inner if bool(inner.any()) else own).flatten().nonzero()[:, 0]


def _brush(flow: torch.Tensor, generator: torch.Generator) -> torch.Tensor | None:
    """[H, W], 1 where something moves and a margin about it; None where nothing stays still."""
    moving = (flow.square().sum(dim=1) > 0.25).any(dim=0).float()
    if bool(moving.mean() > 0.7) or not bool(moving.any()):
        return None
    margin = int(torch.randint(0, 9, (), generator=generator))
    return F.max_pool2d(moving[None, None], 2 * margin + 1, 1, margin)[0, 0]


def _blocks(flow: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    height, width = flow.shape[2:]
    # The square of a uniform number: few blocks are what is hard, and what users draw.
    share = 0.01 + 0.6 * float(torch.rand((), generator=generator)) ** 2
    kept = torch.rand(height // BLOCK, width // BLOCK, generator=generator) < share
    mask = kept.float()[None, None]
    known = F.interpolate(mask, size=(height, width), mode="nearest")
    return encode(flow[1:] * known), mask.expand(flow.shape[0] - 1, -1, -1, -1).contiguous()
