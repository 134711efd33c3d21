"""CoTracker (version 1): follows many points together through a window of 8 frames.

Written from a description of the method, not from its authors' code. Weights are the user's to
fetch; those that are known carry a non-commercial licence (CC-BY-NC 4.0).

Source: Karaev et al., "CoTracker: It is Better to Track Together" (arXiv 2307.07635).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn
from torchvision.models.optical_flow.raft import ResidualBlock

from .correlation import look_up, pyramid, square

STRIDE = 4
WINDOW = 8
FEATURES = 128
RADIUS = 3
TOKEN = 456
WIDTH = 384
HEADS = 8
DEPTH = 6
UPDATES = 6
FLOW_PAIRS = 32


class Encoder(nn.Module):
    """A frame [n, 3, h, w], normalised -> features [n, features, h/stride, w/stride]."""

    def __init__(self, features: int = FEATURES, stride: int = STRIDE) -> None:
        super().__init__()
        self.stride = stride
        norm = nn.InstanceNorm2d
        half, more = features // 2, features // 4 * 3
        self.conv1 = nn.Conv2d(3, half, 7, stride=2, padding=3)
        self.norm1 = norm(half)
        stages, width = [], half
        for out, step in ((half, 1), (more, 2), (features, 2), (features, 2)):
            first = ResidualBlock(width, out, norm_layer=norm, stride=step)
            stages.append(nn.Sequential(first, ResidualBlock(out, out, norm_layer=norm)))
            width = out
        self.layers = nn.ModuleList(stages)
        self.conv2 = nn.Conv2d(half + more + 2 * features, 2 * features, 3, padding=1)
        self.norm2 = norm(2 * features)
        self.conv3 = nn.Conv2d(2 * features, features, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        size = (pictures.shape[2] // self.stride, pictures.shape[3] // self.stride)
        x = self.norm1(self.conv1(pictures)).relu()
        scales = []
        for layer in self.layers:
            x = layer(x)
            scales.append(F.interpolate(x, size=size, mode="bilinear", align_corners=True))
        return self.conv3(self.norm2(self.conv2(torch.cat(scales, dim=1))).relu())


class Attention(nn.Module):
    """Self-attention with 8 heads: [n, tokens, 384] -> the same."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = rearrange(self.qkv(x), "n t (qkv head c) -> qkv n head t c", qkv=3, head=HEADS)
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.proj(rearrange(mixed, "n head t c -> n t (head c)"))


class Block(nn.Module):
    """Attention and a feed-forward, each after a plain layer norm and added."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = Attention()
        self.mlp = nn.Sequential(
            nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(approximate="tanh"), nn.Linear(4 * WIDTH, WIDTH)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(_normal(x))
        return x + self.mlp(_normal(x))


class Updater(nn.Module):
    """Tokens [P, 8, 456] -> change of place and feature [P, 8, 130]."""

    def __init__(self) -> None:
        super().__init__()
        self.input_transform = nn.Linear(TOKEN, WIDTH)
        self.time_blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.space_blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.flow_head = nn.Linear(WIDTH, 2 + FEATURES)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.input_transform(tokens)
        for over_time, over_points in zip(self.time_blocks, self.space_blocks, strict=True):
            x = over_time(x)
            x = over_points(x.transpose(0, 1)).transpose(0, 1)
        return self.flow_head(x)


class PointState(NamedTuple):
    """Points in a window.

    places: [8, P, 2] in cells. logits: [8, P], of being visible.
    """

    places: Tensor
    logits: Tensor


class CoTracker(nn.Module):
    """Updates the points of one window; `windows.py` moves the window along the clip."""

    def __init__(self) -> None:
        super().__init__()
        self.fnet = Encoder()
        self.updateformer = Updater()
        self.norm = nn.GroupNorm(1, FEATURES)
        self.ffeat_updater = nn.Linear(FEATURES, FEATURES)
        self.vis_predictor = nn.Linear(FEATURES, 1)

    def forward(
        self, maps: Tensor, start: PointState, feature: Tensor, given: Tensor
    ) -> PointState:
        """Follows points through a window.

        Args:
            maps: [8, 128, h, w], features of the frames.
            start: first guess.
            feature: [P, 128], of each point in the frame where it was queried.
            given: [8, P], 1 in frames that the window is to find, 0 in those it is not.

        Returns:
            the points' places and visibility.
        """
        places, logits = start
        features = feature.expand(WINDOW, -1, -1)
        h, w = maps.shape[2:]
        where = position_table(h, w, maps)
        fixed = sample_map(where, places[0]) + time_table(maps)[:, None]
        for _ in range(UPDATES):
            moved = embed_flow(places - places[:1])
            alike = _correlations(maps, features, places)
            state = _state(given, logits)
            tokens = torch.cat([moved, alike, features, state], dim=-1) + fixed
            change = self.updateformer(tokens.transpose(0, 1)).transpose(0, 1)
            places = places + change[..., :2]
            features = features + self._learned(change[..., 2:])
        return PointState(places, self.vis_predictor(features)[..., 0])

    def _learned(self, change: Tensor) -> Tensor:
        flat = self.norm(change.reshape(-1, FEATURES))
        return F.gelu(self.ffeat_updater(flat)).view(change.shape)


def _state(given: Tensor, logits: Tensor) -> Tensor:
    """What a token is told of masks and visibility, [8, P, 2].

    Not each point's own two numbers, as one would expect: the reference lays all points' masks and
    then all visibilities in one row and cuts that into pairs. The weights were trained so.
    """
    count = given.shape[1]
    return torch.cat([given, logits], dim=1).T.reshape(count, WINDOW, 2).transpose(0, 1)


def embed_flow(flow: Tensor) -> Tensor:
    """[..., 2] -> [..., 130]: x, y, then 32 sines and cosines of x, then of y.

    Frequencies reach 968.75 a cell: float32 is needed.
    """
    rates = torch.arange(FLOW_PAIRS, device=flow.device, dtype=flow.dtype) * (2000.0 / 64)
    angles = flow[..., None] * rates
    waves = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-3)
    return torch.cat([flow, waves], dim=-1)


def time_table(like: Tensor) -> Tensor:
    """Sinusoidal embedding of the window's frames, [8, 456]."""
    frames = torch.arange(WINDOW, dtype=torch.float64)
    return _sines(frames, TOKEN // 2).to(like)


def position_table(h: int, w: int, like: Tensor) -> Tensor:
    """Sinusoidal embedding of the cells, [456, h, w]: the first half tells x, the second y."""
    across = _sines(torch.arange(w, dtype=torch.float64), TOKEN // 4).T
    down = _sines(torch.arange(h, dtype=torch.float64), TOKEN // 4).T
    half = TOKEN // 2
    both = [across[:, None].expand(half, h, w), down[:, :, None].expand(half, h, w)]
    return torch.cat(both).to(like)


def sample_map(values: Tensor, places: Tensor) -> Tensor:
    """Bilinear values [P, C] of [C, h, w] at places [P, 2]; outside, those of the edge."""
    h, w = values.shape[1:]
    low = places.floor()
    part = places - low
    x0, y0 = (low[:, d].long() for d in (0, 1))
    flat = values.flatten(1)
    out: Tensor | float = 0.0
    for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)):
        weight_x = part[:, 0] if dx else 1 - part[:, 0]
        weight_y = part[:, 1] if dy else 1 - part[:, 1]
        index = (y0 + dy).clamp(0, h - 1) * w + (x0 + dx).clamp(0, w - 1)
        out = out + flat[:, index] * (weight_x * weight_y)
    assert isinstance(out, Tensor)
    return out.T


def _correlations(maps: Tensor, features: Tensor, places: Tensor) -> Tensor:
    """Each point's likeness to its surroundings, [8, P, 196]; one frame at a time."""
    offsets = square(RADIUS, maps)
    h, w = maps.shape[2:]
    found = []
    for frame, feature, centre in zip(maps, features, places, strict=True):
        volume = (feature @ frame.flatten(1)) / math.sqrt(FEATURES)
        found.append(look_up(list(pyramid(volume.view(-1, 1, h, w))), centre, offsets))
    return torch.stack(found)


def _normal(x: Tensor) -> Tensor:
    return F.layer_norm(x, (WIDTH,), eps=1e-6)


def _sines(values: Tensor, count: int) -> Tensor:
    """[n] -> [n, 2 count]: sines, then cosines."""
    rates = 10000.0 ** (-torch.arange(count, dtype=torch.float64) / count)
    angles = values[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)
