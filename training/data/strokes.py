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
from .seeds import chance, whole

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
    kind = chance(generator)
    if kind < drawing.blocks:
        return _blocks(flow, generator)
    kind -= drawing.blocks
    if kind < drawing.strokes + drawing.brush:
        region = _brush(flow, generator) if kind >= drawing.strokes else None
        half_size = whole(*drawing.half_size, generator)
        if objects is not None and chance(generator) < drawing.every:
            tracks = _one_each(flow, objects, generator)
        else:
            tracks = _tracks(flow, drawing.points, generator)
        control = rasterize(tracks, half_size, region)
        return control.flow01, control.mask_latent
    none = torch.zeros_like(flow[1:])
    return encode(none), at_latent_size(none[:, :1])


def follow(flow: torch.Tensor, index: torch.Tensor) -> Tracks:
    """The tracks of some pixels of frame 0, by their numbers [P]."""
    height, width = flow.shape[2:]
    x, y = index % width, index // width
    moved = flow[:, :, y, x].transpose(1, 2)
    seen = torch.ones(flow.shape[0], len(index), dtype=torch.bool)
    return Tracks(torch.stack([x, y], dim=1).float() + moved, seen, (width, height))


def _tracks(flow: torch.Tensor, most: int, generator: torch.Generator) -> Tracks:
    """A few pixels, four in five of them where it moves most, one anywhere."""
    height, width = flow.shape[2:]
    count = whole(1, most, generator)
    speed = torch.hypot(*flow[-1])
    # Not against the rim of what moves: a person draws on a thing, not beside it.
    inner = -F.max_pool2d(-speed[None, None], 5, 1, 2)[0, 0]
    weight = (inner.flatten() + 1e-6) ** 2
    chosen = torch.multinomial(weight, count, replacement=True, generator=generator)
    anywhere = torch.randint(0, height * width, (count,), generator=generator)
    stray = torch.rand(count, generator=generator) < 0.2
    return follow(flow, torch.where(stray, anywhere, chosen))


def _one_each(flow: torch.Tensor, objects: torch.Tensor, generator: torch.Generator) -> Tracks:
    """One or two pixels of each thing that moves, and of a third of those that rest."""
    speed = torch.hypot(*flow[-1])
    index = []
    for thing in torch.unique(objects):
        own = objects == thing
        share = 1.0 if float(speed[own].mean()) > 1 else 1 / 3
        if chance(generator) < share:
            index.append(one_or_two(own, generator))
    return follow(flow, torch.cat(index)) if index else _tracks(flow, 1, generator)


def one_or_two(own: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """The numbers of pixels of a thing [H, W] that are 3 px from its rim, where a person would
    draw; of any of its pixels, where it is too slender."""
    inner = -F.max_pool2d(-own[None, None].float(), 7, 1, 3)[0, 0] > 0
    where = (inner if bool(inner.any()) else own).flatten().nonzero()[:, 0]
    count = 1 + int(chance(generator) < 0.3)
    return where[torch.randint(0, len(where), (count,), generator=generator)]


def _brush(flow: torch.Tensor, generator: torch.Generator) -> torch.Tensor | None:
    """[H, W], 1 where something moves and a margin about it; None where nothing stays still."""
    moving = (flow.square().sum(dim=1) > 0.25).any(dim=0).float()
    if bool(moving.mean() > 0.7) or not bool(moving.any()):
        return None
    margin = whole(0, 8, generator)
    return F.max_pool2d(moving[None, None], 2 * margin + 1, 1, margin)[0, 0]


def _blocks(flow: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    height, width = flow.shape[2:]
    # The square of a uniform number: few blocks are what is hard, and what users draw.
    share = 0.01 + 0.6 * chance(generator) ** 2
    kept = torch.rand(height // BLOCK, width // BLOCK, generator=generator) < share
    mask = kept.float()[None, None]
    known = F.interpolate(mask, size=(height, width), mode="nearest")
    return encode(flow[1:] * known), mask.expand(flow.shape[0] - 1, -1, -1, -1).contiguous()
