"""CoTracker over a whole clip: windows of 8 frames that overlap by 4, and the two directions."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor

from .clip_frames import ClipFrames
from .cotracker import STRIDE, WINDOW, CoTracker, PointState, sample_map
from .steps import Tick, nothing

SIZE = (512, 384)
SUPPORT = 6
MARGIN = 8
VISIBLE = 0.9
HOP = WINDOW // 2
SURELY = 10.0


def window_starts(frames: int, hop: int = HOP) -> range:
    """The first frames of windows of two hops over a clip."""
    return range(0, max(1, frames - hop), hop)


def follow(
    net: CoTracker, clip: ClipFrames, queries: Tensor, tick: Tick = nothing
) -> tuple[Tensor, Tensor]:
    """Follows points from the window in which they are queried to the clip's end.

    Args:
        net: the network, in float32.
        clip: frames, read at sides that are multiples of 4.
        queries: [P, 3] frame, x, y in pixels of what is read.
        tick: called once a window.

    Returns:
        places [F, P, 2] px (0 in windows before a point's own), and logits [F, P] of being visible.
    """
    frames, count = len(clip), len(queries)
    device = next(net.parameters()).device
    # Their order matters to the network (see `cotracker._state`), among points of one frame too:
    # it is the reference's, which is torch's own for an unstable sort on the CPU.
    order = torch.sort(queries[:, 0].cpu()).indices.to(queries.device)
    queries = queries[order].to(device)
    time, start_place = queries[:, 0], queries[:, 1:] / STRIDE
    maps = _Maps(net, clip, device)
    places = torch.zeros(frames, count, 2, device=device)
    logits = torch.zeros(frames, count, device=device)
    feature = torch.zeros(count, net.norm.num_channels, device=device)
    state: PointState | None = None
    for first in window_starts(frames):
        known = 0 if state is None else state.logits.shape[1]
        active = int((time < first + WINDOW).sum())
        for frame in time[known:active].unique().tolist():
            of_frame = torch.nonzero(time[:active] == frame)[:, 0]
            feature[of_frame] = sample_map(maps[int(frame)], start_place[of_frame])
        if active:
            state = _begin(state, start_place[:active])
            given = _given(first, frames, time[:active], known)
            state = net(maps.window(first), state, feature[:active], given)
            last = min(frames, first + WINDOW)
            places[first:last, :active] = state.places[: last - first] * STRIDE
            logits[first:last, :active] = state.logits[: last - first]
        tick()
    back = torch.argsort(order).to(device)
    return places[:, back], logits[:, back]


def predict(
    net: CoTracker, clip: ClipFrames, queries: Tensor, both_ways: bool = False, tick: Tick = nothing
) -> tuple[Tensor, Tensor]:
    """Tracks at the network's own size, with a grid of points for support.

    Args:
        net: the network.
        clip: what is tracked, read at the size that the queries are in.
        queries: [P, 3] frame, x, y in pixels.
        both_ways: also track back from each query to the clip's beginning.
        tick: called once a window and direction.

    Returns:
        tracks [F, P, 2] px, and visible [F, P] bool. Without `both_ways`, frames in windows before
        a query's own are at (0, 0) and hidden.
    """
    w, h = clip.read_size
    scale = queries.new_tensor([SIZE[0] / w, SIZE[1] / h])
    scaled = torch.cat([queries[:, :1], queries[:, 1:] * scale], dim=1)
    asked = torch.cat([scaled, support_grid(queries)])
    small = _Resized(clip)
    places, logits = follow(net, small, asked, tick)
    if both_ways:
        turned = torch.cat([len(clip) - 1 - asked[:, :1], asked[:, 1:]], dim=1)
        back_places, back_logits = follow(net, small.reversed(), turned, tick)
        missing = places == 0
        places = torch.where(missing, back_places.flip(0), places)
        logits = torch.where(missing[..., 0], back_logits.flip(0), logits)
    count = len(queries)
    places, seen = places[:, :count], logits[:, :count].sigmoid() > VISIBLE
    frame, point = queries[:, 0].long().to(places.device), torch.arange(count)
    places[frame, point] = scaled[:, 1:].to(places)
    seen[frame, point] = True
    return places / scale.to(places), seen


def support_grid(like: Tensor) -> Tensor:
    """The 36 points [36, 3] in frame 0 that help to follow the others."""
    w, h = SIZE
    x = torch.linspace(MARGIN, w - MARGIN, SUPPORT)
    y = torch.linspace(MARGIN, h - MARGIN, SUPPORT)
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    grid = torch.stack([torch.zeros_like(rows), columns, rows], dim=-1)
    return grid.view(-1, 3).to(like)


class _Resized(ClipFrames):
    """A clip at the network's size, enlarged or shrunk from the size at which it is read.

    Plain bilinear, without a filter against aliasing: the weights were trained so.
    """

    clip: ClipFrames

    def __init__(self, clip: ClipFrames) -> None:
        object.__setattr__(self, "clip", clip)
        super().__init__(clip.frames, SIZE)

    def reversed(self) -> ClipFrames:
        return _Resized(self.clip.reversed())

    def picture(self, i: int) -> Tensor:
        size = (SIZE[1], SIZE[0])
        picture = self.clip.picture(i)[None]
        return torch.nn.functional.interpolate(
            picture, size=size, mode="bilinear", align_corners=False
        )[0]


class _Maps:
    """Feature maps of the frames, at most a window's worth of them."""

    def __init__(self, net: CoTracker, clip: ClipFrames, device: torch.device) -> None:
        self.net, self.clip, self.device = net, clip, device
        self.kept: OrderedDict[int, Tensor] = OrderedDict()

    def __getitem__(self, frame: int) -> Tensor:
        if frame not in self.kept:
            picture = self.clip.picture(frame)[None].to(self.device)
            self.kept[frame] = self.net.fnet(2 * picture - 1)[0]
            while len(self.kept) > WINDOW:
                self.kept.popitem(last=False)
        return self.kept[frame]

    def window(self, first: int) -> Tensor:
        """[8, 128, h, w]; beyond the clip, its last frame again."""
        last = len(self.clip) - 1
        return torch.stack([self[min(first + i, last)] for i in range(WINDOW)])


def _begin(before: PointState | None, places: Tensor) -> PointState:
    """The first guess: what the last window found, its end repeated; new points stand still."""
    new = places.expand(WINDOW, -1, -1)
    sure = torch.full_like(new[..., 0], SURELY)
    if before is None:
        return PointState(new, sure)
    known = before.logits.shape[1]

    def carried(values: Tensor, fresh: Tensor) -> Tensor:
        old = torch.cat([values[HOP:], values[-1:].expand_as(values[HOP:])])
        return torch.cat([old, fresh[:, known:]], dim=1)

    return PointState(carried(before.places, new), carried(before.logits, sure))


def _given(first: int, frames: int, time: Tensor, known: int) -> Tensor:
    """[8, P]: 1 in frames from the query on that no earlier window has covered."""
    frame = first + torch.arange(WINDOW, device=time.device)[:, None]
    wanted = (frame >= time) & (frame < frames)
    wanted[:HOP, :known] = False
    return wanted.to(torch.float32)
