"""Moves a picture by a motion field, with no learned model: a fast look at a motion.

For every frame, forward splatting tells what lands where and what is in front. Where a target
lies on one unbroken surface, its place in the reference picture is then solved for exactly and
read with a bicubic filter. The foreground's outline is drawn softly over what is behind it, and
what nothing reaches is taken from the background plate (see `holes`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..networks.splat import SplatPlan
from ..types.motion_field import MotionField
from . import holes
from .contours import Contours, contours, scale_of
from .inpaint import spread
from .region import region_of, resized

ORDERS = ("auto", "motion", "depth", "none")
SPLATTINGS = ("softmax", "average")
FILLS = ("background", "none")

MOTION_CONTRAST = 20.0
"""Importance of the pixel that moves most; a still one has 0."""

DEPTH_CONTRAST = 50.0
"""Importance of depth 1 over depth 0."""

SURFACE_CONTRAST = 10.0
"""Importance that the foreground has besides: its slow parts, too, cover what is behind."""

SEEN = 1 / 32
"""Pixels that never move further than this (in pixels) stay as they are."""

_FAR = 1e9
_NEWTON_STEPS = 4
_STEPS_A_FRAME = 12


@dataclass(frozen=True)
class _Scene:
    """What all frames have in common.

    Args:
        picture: [3, H, W]
        importance: [2, H, W], larger covers smaller; and how much of it is the same surface.
        foreground: [H, W] bool, what uncovers something when it moves.
        cutout: [6, H, W], the foreground's colours, the two of its importance, and its soft
            outline; all but the last are carried on beyond that outline.
        inward: [2, H, W] int64, from each pixel to the nearest well inside the foreground, y then
            x; 0 there.
        plate: [3, H, W], the picture without its foreground; None where holes stay black.
        average: mix all that lands in one place instead of ordering it.
        tick: to be called after every part of a frame.
    """

    picture: Tensor
    importance: Tensor
    foreground: Tensor
    cutout: Tensor
    inward: Tensor
    plate: Tensor | None
    average: bool
    tick: Callable[[], None]

    def cropped(self, row: slice, column: slice) -> _Scene:
        return _Scene(
            self.picture[:, row, column],
            self.importance[:, row, column],
            self.foreground[row, column],
            self.cutout[:, row, column],
            self.inward[:, row, column],
            None if self.plate is None else self.plate[:, row, column],
            self.average,
            self.tick,
        )


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


def warp_picture(
    picture: Tensor,
    field: MotionField,
    *,
    depth: Tensor | None = None,
    region: Tensor | None = None,
    order: str = "auto",
    splatting: str = "softmax",
    fill: str = "background",
    on_step: Callable[[int, int], None] | None = None,
) -> tuple[Tensor, Tensor]:
    """Moves a picture by a motion field, by forward splatting, and fills what it uncovers.

    Frame 0 is the picture, bit for bit, and so is every pixel that does not move (by SEEN, at
    most) and on which nothing lands. A field of another size is resized to the picture.

    Args:
        picture: [H, W, 3] in 0..1.
        field: F frames.
        depth: a MASK, [h, w] or [1, h, w] in 0..1, larger is nearer; resized to the picture.
        region: a MASK, resized to the picture: where it is 0 every frame is the picture, bit for
            bit; between 0 and 1 both are mixed. An empty one means that everything may move.
        order: what covers what: "motion" (the larger displacement in the clip is in front),
            "depth", "auto" (depth where it is given, else motion), "none" (nothing).
        splatting: "softmax" (what is in front covers what is behind) or "average" (everything that
            lands in one place is mixed; this is what stage 2 does with its features).
        fill: "background" (from what is behind the hole), or "none" (holes stay black).
        on_step: called with (steps done, steps in all), several times a frame.

    Returns:
        frames [F, H, W, 3], float32, and filled [F, H, W], float32: the share of each pixel that
        nothing in the picture reached, 1 in a hole.

    Raises:
        ValueError: for another shape, an unknown choice, order "depth" without a depth, a mask
            that is not finite.
    """
    _check(picture, depth, order, splatting, fill)
    height, width, _ = picture.shape
    size = (width, height)
    source = picture.to(torch.float32)
    near = None if depth is None else _nearness(depth, size)
    matte = None if region is None else region_of(region, size)
    matte = None if matte is None else matte.to(source.device)
    progress = _Progress(field.frames, on_step)
    frames = source.expand(field.frames, -1, -1, -1).contiguous()
    filled = source.new_zeros(field.frames, height, width)
    motion = _motion(field, source, progress.tick)
    if motion is None:
        progress.finish(field.frames)
        return frames, filled
    rows, columns = motion.window
    source = source[rows, columns].permute(2, 0, 1).contiguous()
    if near is not None:
        near = near[rows, columns].to(source.device)
    scene = _scene(source, motion, near, order, splatting, fill, progress.tick)
    progress.finish(0)
    for i in range(field.frames):
        flow = motion.flow(i)
        frame, hole = _changed(scene, flow, motion.abandoned(flow))
        if matte is not None:
            frame = torch.lerp(source, frame, matte[rows, columns])
            hole = hole * matte[rows, columns]
        frames[i, rows, columns] = frame.permute(1, 2, 0)
        filled[i, rows, columns] = hole
        progress.finish(i + 1)
    return frames, filled


class _Progress:
    """Tells how far a clip is, several times within each frame, so that it can be stopped there."""

    def __init__(self, frames: int, on_step: Callable[[int, int], None] | None) -> None:
        self._total = (frames + 1) * _STEPS_A_FRAME
        self._on_step = on_step
        self._done = 0
        self._end = _STEPS_A_FRAME

    def tick(self) -> None:
        """One more step within a frame (the preparation counts as one) is done."""
        self._tell(min(self._done + 1, self._end - 1))

    def finish(self, frames: int) -> None:
        """So many frames are done."""
        self._tell((frames + 1) * _STEPS_A_FRAME)
        self._end = self._done + _STEPS_A_FRAME

    def _tell(self, done: int) -> None:
        self._done = done
        if self._on_step is not None:
            self._on_step(done, self._total)


@dataclass(frozen=True)
class _Motion:
    """The field, as large as the picture and within a window of it, with its soft borders laid
    along contours, and without what is too slow to be seen.

    Args:
        field, size: (W, H) of the picture.
        window: rows and columns.
        still: [h, w] bool, pixels of the window that are taken to stay; None for no such.
    """

    field: MotionField
    size: tuple[int, int]
    device: torch.device
    window: tuple[slice, slice]
    contours: Contours | None = None
    still: Tensor | None = None

    def abandoned(self, flow: Tensor) -> Tensor:
        """[h, w] bool: pixels of one frame that go nowhere and are not to be seen."""
        if self.contours is None:
            return torch.zeros_like(flow[0], dtype=torch.bool)
        return self.contours.abandoned(flow)

    def flow(self, frame: int) -> Tensor:
        """[2, h, w] one frame's displacements."""
        rows, columns = self.window
        flow = _flow_of(self.field, frame, self.size)[:, rows, columns].to(self.device)
        if self.contours is not None:
            flow = self.contours.settle(flow)
        return flow if self.still is None else torch.where(self.still, 0, flow)

    def reach(self, tick: Callable[[], None]) -> Tensor:
        """[h, w] the largest displacement of the clip."""
        square = torch.zeros_like(self.flow(0)[0])
        for i in range(1, self.field.frames):
            flow = self.flow(i)
            square = torch.maximum(square, flow[0].square().addcmul_(flow[1], flow[1]))
            tick()
        return square.sqrt_()

    def torn(self, tick: Callable[[], None]) -> tuple[Tensor, Tensor, Tensor]:
        """What tears in the clip, as `torn_edges`, and [h, w] bool what is abandoned in it."""
        gone = torch.zeros_like(self.flow(0)[0], dtype=torch.bool)
        right, down = gone[:, 1:].clone(), gone[1:].clone()
        for i in range(1, self.field.frames):
            flow = self.flow(i)
            torn = holes.torn_edges(flow)
            right |= torn[0]
            down |= torn[1]
            gone |= self.abandoned(flow)
            tick()
        return right, down, gone


def _motion(field: MotionField, picture: Tensor, tick: Callable[[], None]) -> _Motion | None:
    """The field within the window that changes, and some margin; None where nothing moves."""
    height, width, _ = picture.shape
    everywhere = slice(0, height), slice(0, width)
    raw = _Motion(field, (width, height), picture.device, everywhere)
    reach = raw.reach(tick)
    moving = reach >= SEEN
    if not bool(moving.any()):
        return None
    low, high = field.flow.amin((0, 2, 3)), field.flow.amax((0, 2, 3))
    scale = low.new_tensor([width / field.size[0], height / field.size[1]])
    low, high = low * scale, high * scale
    rows, columns = (
        _window(moving.any(axis), float(low[axis]), float(high[axis])) for axis in (1, 0)
    )
    raw = replace(raw, window=(rows, columns))
    right, down, _ = raw.torn(tick)
    part = picture[rows, columns].permute(2, 0, 1).contiguous()
    edges = contours(part, reach[rows, columns], right, down, scale_of((width, height)), tick)
    tick()
    settled = replace(raw, contours=edges)
    return replace(settled, still=settled.reach(tick) < SEEN)


def _window(moving: Tensor, back: float, ahead: float) -> slice:
    """Along one axis: what moves and where it goes, with as much around it again for the fill."""
    there = moving.nonzero()
    low, high, extent = int(there.min()), int(there.max()) + 1, len(moving)
    margin = max((high - low) // 2, 32) + 32
    start = low - margin + max(min(back, 0.0), -extent)
    end = high + margin + min(max(ahead, 0.0), extent)
    return slice(max(int(start), 0), min(int(end) + 1, extent))


def _scene(
    source: Tensor,
    motion: _Motion,
    near: Tensor | None,
    order: str,
    splatting: str,
    fill: str,
    tick: Callable[[], None],
) -> _Scene:
    """Looks once through the clip for what is in front and what it will uncover."""
    reach = motion.reach(tick)
    right, down, gone = motion.torn(tick)
    # By the clip's largest displacement: the order must not flip while something turns back.
    importance = MOTION_CONTRAST * reach / reach.max().clamp(min=1e-6)
    by_depth = near is not None and order in ("auto", "depth")
    if near is not None and by_depth:
        importance = DEPTH_CONTRAST * near
    if motion.contours is not None and motion.contours.front is not None and not by_depth:
        front = motion.contours.front
    else:
        front = holes.foreground(importance, right, down)
    plate = None
    if fill == "background":
        hidden = front | holes.loose_pixels(right, down) | gone
        tick()
        plate = holes.background_plate(source, hidden, tick)
    tick()
    importance = importance + SURFACE_CONTRAST * front
    if order == "none":
        importance = torch.zeros_like(importance)
    importance = torch.stack([importance, _slack(importance, right, down)])
    inward = holes.inward(front)
    cutout = _cutout(source, importance, front, inward)
    average = splatting == "average" or order == "none"
    return _Scene(source, importance, front, cutout, inward, plate, average, tick)


def _cutout(source: Tensor, importance: Tensor, front: Tensor, inward: Tensor) -> Tensor:
    weight = front.float()
    taps = torch.tensor([0.25, 0.5, 0.25]).to(source)
    outline = F.pad(weight[None, None], (1, 1, 1, 1), mode="replicate")
    outline = F.conv2d(F.conv2d(outline, taps.view(1, 1, 1, 3)), taps.view(1, 1, 3, 1))[0]
    carried = _moved_by(torch.cat([source, importance]), torch.where(front, 0, inward))
    return torch.cat([carried, outline])


def _moved_by(image: Tensor, step: Tensor) -> Tensor:
    """Reads [C, H, W] at every pixel plus whole steps [2, H, W], y then x."""
    _, height, width = image.shape
    row = torch.arange(height, device=image.device).view(-1, 1) + step[0]
    column = torch.arange(width, device=image.device) + step[1]
    return image[:, row.clamp(0, height - 1), column.clamp(0, width - 1)]


def _slack(importance: Tensor, right: Tensor, down: Tensor) -> Tensor:
    """[H, W] how far importances may differ on one surface nearby: thrice what untorn neighbours
    differ by, and 1."""
    slack = torch.zeros_like(importance)
    for torn, axis in ((right, 1), (down, 0)):
        step = torch.where(torn, 0, importance.diff(dim=axis).abs())
        for start in (0, 1):
            part = slack.narrow(axis, start, step.shape[axis])
            part.copy_(torch.maximum(part, step))
    return 1 + 3 * slack


def _changed(scene: _Scene, flow: Tensor, abandoned: Tensor) -> tuple[Tensor, Tensor]:
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


def _frame(scene: _Scene, flow: Tensor, abandoned: Tensor) -> tuple[Tensor, Tensor]:
    """One frame [3, H, W] and how far each of its pixels was filled in [H, W]."""
    still = (flow == 0).all(0)
    right, down = holes.torn_edges(flow)
    loose = holes.loose_pixels(right, down) | abandoned
    plan = SplatPlan(torch.where(loose, _FAR, flow)[None])
    scene.tick()
    landed_besides = plan.coverage[0, 0] - (still & ~loose).float()
    settled = still & ~abandoned & (landed_besides <= 0)
    scene.tick()

    landed = _splatted(scene, plan, flow)
    scene.tick()
    torn = holes.torn_cells(right, down) | holes.cells_of(abandoned)
    place, solved = _sources(flow, _slopes(flow), torn, landed.back, ~settled)
    scene.tick()
    level = landed.importance[~settled]
    own_level, slack = _at(scene.importance, place)
    solved &= (own_level > level - slack) | (landed.share[~settled] < 1e-3)
    surface = _scattered(solved, ~settled)

    colour, share = landed.colour, torch.where(surface | settled, 1, landed.share)
    if not scene.average:
        colour[:, surface] = _at(scene.picture, place[:, solved], "bicubic").clamp(0, 1)
    scene.tick()
    behind = _behind(scene, plan, flow)
    scene.tick()
    frame = colour * share if scene.plate is None else torch.lerp(behind, colour, share)
    if not scene.average and bool(scene.foreground.any()):
        settled &= ~_draw_rims(scene, flow, landed, behind, settled, frame, share)
    return torch.where(settled, scene.picture, frame), 1 - share


def _splatted(scene: _Scene, plan: SplatPlan, flow: Tensor) -> _Landed:
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
    scene: _Scene,
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
    rim = (landed.foreground > 0) & (landed.foreground < 1)
    rim = F.max_pool2d(rim[None].float(), 7, stride=1, padding=3)[0] > 0
    if not bool(rim.any()):
        return rim
    own_flow, slopes = _continued(flow, scene.inward, scene.foreground)
    scene.tick()
    back = spread(landed.back, (landed.foreground > 0.1).float())
    place, solved = _sources(own_flow, slopes, torch.zeros_like(rim), back, rim)
    *colour, level, slack, outline = _at(scene.cutout, place, "bicubic")
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
    xx, xy, yx, yy = _at(slopes, place)
    xx, yy = xx + 1, yy + 1
    det = xx * yy - xy * yx
    det = torch.where(det.abs() < 0.05, torch.where(det < 0, -0.05, 0.05), det)
    for _ in range(_NEWTON_STEPS):
        rx, ry = place + _at(flow, place) - target
        place = place - torch.stack([yy * rx - xy * ry, xx * ry - yx * rx]) / det
    miss = (place + _at(flow, place) - target).abs().amax(0)
    x, y = place
    inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    cell_x = x.floor().long().clamp(0, width - 1)
    cell_y = y.floor().long().clamp(0, height - 1)
    return place, (miss < 0.1) & inside & ~torn[cell_y, cell_x]


def _continued(flow: Tensor, inward: Tensor, front: Tensor) -> tuple[Tensor, Tensor]:
    """The foreground's motion [2, H, W] and its slopes [4, H, W], carried on linearly beyond it."""
    xx, xy, yx, yy = slopes = _moved_by(_slopes(flow), inward)
    step = torch.where(front, 0, inward)
    dy, dx = -step
    beyond = torch.stack([xx * dx + xy * dy, yx * dx + yy * dy])
    return _moved_by(flow, step) + beyond, slopes


def _slopes(flow: Tensor) -> Tensor:
    """[4, H, W] the derivatives of x along x and y, and of y along x and y."""
    return torch.stack([_slope(flow[i], along) for i in (0, 1) for along in (1, 0)])


def _slope(values: Tensor, along: int) -> Tensor:
    """Central differences of [H, W] along one axis; 0 where it has a single pixel."""
    if values.shape[along] < 2:
        return torch.zeros_like(values)
    return torch.gradient(values, dim=along)[0]


def _behind(scene: _Scene, plan: SplatPlan, flow: Tensor) -> Tensor:
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
    plate = _at(scene.plate, place.flatten(1), "bicubic", "reflection")
    return plate.clamp(0, 1).view_as(scene.plate)


def _at(image: Tensor, place: Tensor, mode: str = "bilinear", padding: str = "border") -> Tensor:
    """Reads [C, H, W] at places [2, K] in pixels, x then y: [C, K]."""
    _, height, width = image.shape
    extent = place.new_tensor([max(width - 1, 1), max(height - 1, 1)])
    grid = 2 * place.T / extent - 1
    return F.grid_sample(
        image[None], grid[None, None], mode=mode, padding_mode=padding, align_corners=True
    )[0, :, 0]


def _flow_of(field: MotionField, frame: int, size: tuple[int, int]) -> Tensor:
    """[2, H, W] one frame's displacements at a size (W, H)."""
    if field.size == size:
        return field.flow[frame]
    pair = torch.stack([field.flow[0], field.flow[frame]])
    return MotionField(pair).resized(size).flow[1]


def _nearness(depth: Tensor, size: tuple[int, int]) -> Tensor:
    """[H, W] a depth mask at another size."""
    single = depth[0] if depth.ndim == 3 and depth.shape[0] == 1 else depth
    if single.ndim != 2 or 0 in single.shape:
        raise ValueError(
            f"the depth is one mask [height, width] of the first frame, got {list(depth.shape)}"
        )
    low, high = (float(x) for x in single.aminmax())
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"the depth lies in 0 (far) to 1 (near), got {low:.3g}..{high:.3g}: normalise it, "
            "and check it for NaN"
        )
    return resized(single.detach().cpu().float(), size)


def _check(picture: Tensor, depth: Tensor | None, order: str, splatting: str, fill: str) -> None:
    if picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise ValueError(
            f"the picture has shape {tuple(picture.shape)}; a warp needs [height, width, 3]"
        )
    if not bool(torch.isfinite(picture).all()):
        raise ValueError("the picture holds NaN or infinite values; its colours must lie in 0..1")
    for name, choice, choices in (
        ("order", order, ORDERS),
        ("splatting", splatting, SPLATTINGS),
        ("fill", fill, FILLS),
    ):
        if choice not in choices:
            raise ValueError(f"{name} is {choice!r}; it must be one of {', '.join(choices)}")
    if order == "depth" and depth is None:
        raise ValueError(
            'the order is "depth", but no depth is connected: connect a depth mask, '
            'or choose "motion"'
        )
