"""What lands where in one frame of a warped picture, and what lies behind it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..networks.splat_strips import Strip, strips
from .pixels import read_at, spread
from .warp_places import Pixels
from .warp_scene import WarpScene

WHOLE = 1 - 1e-6
"""A share from which a pixel is covered; averaging by splatting makes 1 / (1 + 1e-7) of 1."""


@dataclass(frozen=True)
class Behind:
    """What lies behind the foreground: the background plate, moved as the background moves; or
    without a plate the background itself, black where it does not reach.

    Args:
        picture: [3, H, W]
        back: [2, H, W] displacement from the target back into the picture; None: none.
    """

    picture: Tensor
    back: Tensor | None

    def at(self, pixels: Pixels) -> Tensor:
        """[3, K]"""
        row, column = pixels
        if self.back is None:
            return self.picture[:, row, column]
        place = self.back[:, row, column] + torch.stack([column, row])
        return read_at(self.picture, place, "bicubic", "reflection").clamp(0, 1)


@dataclass(frozen=True)
class Landed:
    """What lands where in one frame, by splatting.

    Args:
        back: [2, H, W] displacement from the target back to the source of what is in front.
        importance: [H, W] of what is in front.
        rim, core: [H, W] bool, where the foreground covers a part of a pixel; more than a tenth.
        background: [H, W] how much of each pixel the rest reaches, covered or not, 0..1.
        settled: [H, W] bool, pixels that stay, and on which nothing lands.
        behind: what lies behind the foreground.
    """

    back: Tensor
    importance: Tensor
    rim: Tensor
    core: Tensor
    background: Tensor
    settled: Tensor
    behind: Behind


def landed(
    scene: WarpScene, flow: Tensor, loose: Tensor, stays: Tensor, colour: Tensor, share: Tensor
) -> Landed:
    """Splats one frame, strip by strip.

    Args:
        flow: [2, H, W]
        loose: [H, W] bool, pixels that land nowhere.
        stays: [H, W] bool, pixels that do not move and are seen.
        colour: [3, H, W], is given the colours, except where pixels are settled.
        share: [H, W], is given how much of each pixel they cover, 0..1.
    """
    back, (ahead, importance, background) = torch.empty_like(flow), _empty(share, 3)
    rim, core, settled = _empty(loose, 3)
    below = _below(scene, flow)
    for strip in strips(flow, loose, scene.tick):
        rows = strip.rows
        scene.tick()
        besides = strip.coverage[0] - (stays[rows] & ~loose[rows]).float()
        settled[rows] = stays[rows] & (besides <= 0)
        scene.tick()
        tint, covered, front = _splatted(scene, strip, flow)
        colour[:, rows] = torch.where(settled[rows], colour[:, rows], tint)
        share[rows], ahead[rows] = covered, front.share
        back[:, rows], importance[rows] = front.back, front.importance
        rim[rows] = (front.cover > 0) & (front.cover < WHOLE)
        core[rows] = front.cover > 0.1
        background[rows] = front.background
        scene.tick()
        below.add(strip, flow)
        del strip
    # Map by map: each takes some more of its size.
    for one in back:
        spread(one[None], ahead, scene.tick)
    del ahead
    return Landed(back, importance, rim, core, background, settled, below.behind())


@dataclass(frozen=True)
class _Front:
    """What is in front in a strip: `share` [h, w] of the pixels, the rest as in `Landed`."""

    share: Tensor
    back: Tensor
    importance: Tensor
    cover: Tensor
    background: Tensor


def _splatted(scene: WarpScene, strip: Strip, flow: Tensor) -> tuple[Tensor, Tensor, _Front]:
    """The colours [3, h, w] of a strip, how much of each pixel they cover, what is in front."""
    picture = strip.gathered(scene.picture)
    importance = strip.gathered(scene.importance[:1])
    is_front = strip.gathered(scene.foreground[None]).float()
    carried = torch.cat([picture, -strip.gathered(flow), importance, is_front])
    front, front_share, back, back_share = strip.layers(carried, importance[0], scene.tick)
    is_front_there = front[6] * front_share[0] + back[6] * back_share[0]
    background = (front_share + back_share)[0] - is_front_there
    front_share = front_share.clamp(0, 1)
    back_share = back_share.clamp(0, 1) * (1 - front_share)
    share = front_share + back_share
    if scene.average:
        colour, share = strip.average(picture), strip.coverage.clamp(0, 1)
    else:
        colour = (front[:3] * front_share + back[:3] * back_share) / share.clamp(min=1e-7)
    cover = (front[6] * front_share[0]).clamp(0, 1)
    seen = _Front(front_share[0], front[3:5], front[5], cover, background.clamp(0, 1))
    return colour, share[0], seen


class _Plain:
    """Behind the foreground lies a picture that stays."""

    def __init__(self, picture: Tensor) -> None:
        self.picture = picture

    def add(self, strip: Strip, flow: Tensor) -> None:
        """Nothing is to be splatted."""

    def behind(self) -> Behind:
        return Behind(self.picture, None)


class _Bare(_Plain):
    """Without a plate: the background's own colours, where they land."""

    def __init__(self, scene: WarpScene) -> None:
        super().__init__(torch.empty_like(scene.picture, memory_format=torch.contiguous_format))
        self.scene = scene

    def add(self, strip: Strip, flow: Tensor) -> None:
        weight = (~strip.gathered(self.scene.foreground[None])).float()
        carried = torch.cat([strip.gathered(self.scene.picture) * weight, weight])
        *colour, reached = strip.sum(carried)
        self.picture[:, strip.rows] = torch.stack(colour) / reached.clamp(min=1)


class _Moving(_Plain):
    """The plate moves as the background does."""

    def __init__(self, plate: Tensor, scene: WarpScene, flow: Tensor) -> None:
        super().__init__(plate)
        self.scene = scene
        self.back, (self.known,) = torch.empty_like(flow), _empty(scene.importance[0], 1)

    def add(self, strip: Strip, flow: Tensor) -> None:
        weight = (~strip.gathered(self.scene.foreground[None])).float()
        moved = strip.gathered(flow) * weight
        x, y, reached = strip.sum(torch.cat([-moved, weight]))
        self.known[strip.rows] = reached.clamp(0, 1)
        self.back[:, strip.rows] = torch.stack([x, y]) / reached.clamp(min=1e-7)

    def behind(self) -> Behind:
        for one in self.back:
            spread(one[None], self.known, self.scene.tick)
        return Behind(self.picture, self.back)


def _below(scene: WarpScene, flow: Tensor) -> _Plain:
    if scene.plate is None:
        return _Bare(scene)
    moves = bool(((flow != 0).any(0) & ~scene.foreground).any())
    return _Moving(scene.plate, scene, flow) if moves else _Plain(scene.plate)


def _empty(like: Tensor, count: int) -> list[Tensor]:
    return [torch.empty_like(like, memory_format=torch.contiguous_format) for _ in range(count)]
