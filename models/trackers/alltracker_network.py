"""AllTracker's network: updates the flow from one frame to all those of a window at once.

Written anew from the published method; its authors' code and weights are under the MIT licence.

Source: Harley et al., "AllTracker: Efficient Dense Point Tracking at High Resolution", ICCV 2025
(arXiv 2506.07310).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.optical_flow._utils import make_coords_grid, upsample_flow
from torchvision.models.optical_flow.raft import MotionEncoder

from .alltracker_blocks import AT_ONCE, SpaceBlock, TimeBlock, in_parts
from .alltracker_encoder import ConvNeXtEncoder
from .alltracker_shape import AllTrackerShape
from .correlation import DEFAULT_BYTES, BorderCorrelation
from .cotracker import Encoder
from .steps import Tick

CELL = 8
MULTIPLE = 64
SMALLEST = 256
RADIUS = 4
SQUARE = (2 * RADIUS + 1) ** 2
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's colours, by which pictures are normalised."""


class WindowState(NamedTuple):
    """What is known of a window of S frames.

    flow: [S, 2, h, w] cells. seen: [S, 2, h, w], logits (by the eighth) of being visible, and of
    the flow being right. hidden: [S, width, h, w], of the last update.
    """

    flow: Tensor
    seen: Tensor
    hidden: Tensor


class WindowUpdater(nn.Module):
    """One update of a window's features from what lies around the places that were found."""

    def __init__(self, shape: AllTrackerShape) -> None:
        super().__init__()
        width = shape.width
        self.motion_encoder = MotionEncoder(
            in_channels_corr=BorderCorrelation.LEVELS * SQUARE,
            corr_layers=(4 * width, width + width // 2),
            flow_layers=(2 * width, width // 2),
            out_channels=width,
        )
        self.motion_encoder.convflow1[0] = nn.Conv2d(2, 2 * width, 5, padding=2)
        self.compressor = nn.Conv2d(3 * width + 2, width, 1)
        pairs = [kind(width) for _ in range(shape.blocks) for kind in (TimeBlock, SpaceBlock)]
        self.refine = nn.ModuleList(pairs)
        self.final_conv = nn.Conv2d(width, width, 1)

    def forward(
        self, state: WindowState, context: Tensor, correlations: list[BorderCorrelation]
    ) -> Tensor:
        """New features [S, width, h, w]; a few frames at a time but in the blocks over time."""
        cells = context.shape[2:]
        start = make_coords_grid(1, *cells, device=str(context.device)).to(context)
        at_once = AT_ONCE // cells.numel()

        def gathered(number: Tensor, flow: Tensor, seen: Tensor, hidden: Tensor) -> Tensor:
            places = (start + flow).unbind()
            found = [correlations[i](p) for i, p in zip(number.tolist(), places, strict=True)]
            motion = self.motion_encoder(flow, torch.stack(found))
            return self.compressor(torch.cat([hidden, context[number], motion, seen], dim=1))

        numbers = torch.arange(len(context), device=context.device)
        x = in_parts(gathered, at_once, numbers, *state)
        for block in self.refine:
            x = block(x) if isinstance(block, TimeBlock) else in_parts(block, at_once, x)
        return self.final_conv(x)


class AllTrackerNetwork(nn.Module):
    """Follows the pixels of one frame through a window; alltracker.py moves it along a clip."""

    time_emb: Tensor

    def __init__(self, shape: AllTrackerShape | None = None) -> None:
        super().__init__()
        self.shape = shape or AllTrackerShape()
        width = self.shape.width
        self.encoder = (
            ConvNeXtEncoder(self.shape) if self.shape.encoder else Encoder(width, stride=CELL)
        )
        self.update_block = WindowUpdater(self.shape)
        self.flow_head = _head(width, 2, 3)
        self.visconf_head = _head(width, 2, 3)
        self.upsample_weight = _head(width, 9 * CELL * CELL, 1)
        self.register_buffer("time_emb", torch.zeros(1, self.shape.frames, width))

    def features(self, picture: Tensor) -> Tensor:
        """The features [C, h, w] of a frame [3, H, W] in 0..1, with its edges padded."""
        mean, spread = (picture.new_tensor(values).view(3, 1, 1) for values in (MEAN, SPREAD))
        sides = padding(picture.shape[-2:])
        return self.encoder(F.pad(((picture - mean) / spread)[None], sides, mode="replicate"))[0]

    def forward(
        self, anchor: Tensor, maps: Tensor, start: WindowState | None, updates: int, tick: Tick
    ) -> WindowState:
        """Follows the cells of the first frame through a window.

        Args:
            anchor: [C, h, w], features of the clip's first frame.
            maps: [S, C, h, w], features of the window's frames.
            start: first guess, of which `hidden` is not used; None: nothing moves.
            updates: how often the guess is bettered.
            tick: called after each.
        """
        frames, _, h, w = maps.shape
        hidden, context = anchor.chunk(2) if self.shape.encoder else (anchor, anchor)
        context = context + self._times(frames).to(context)[:, :, None, None]
        rest = anchor.new_zeros(frames, 2, h, w)
        flow, seen = (rest, rest) if start is None else (start.flow, start.seen)
        state = WindowState(flow, seen, hidden.expand(frames, -1, -1, -1))
        most_bytes = DEFAULT_BYTES // frames
        correlations = [BorderCorrelation(anchor, m, RADIUS, most_bytes) for m in maps]
        at_once = AT_ONCE // (h * w)
        for _ in range(updates):
            hidden = self.update_block(state, context, correlations)
            flow = state.flow + in_parts(self.flow_head, at_once, hidden)
            seen = state.seen + in_parts(self.visconf_head, at_once, hidden)
            state = WindowState(flow, seen, hidden)
            tick()
        return state

    def picture(self, state: WindowState, i: int, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Frame i of a window at the size (H, W) of its pictures.

        Returns:
            flow [2, H, W] px, and chances [2, H, W] of being visible, and of the flow being right.
        """
        frame = slice(i, i + 1)
        mask = self.upsample_weight(state.hidden[frame]) / 4
        # Displacements grow by the size of a cell; logits do, too: the weights were trained so.
        cells = torch.cat([state.flow[frame], state.seen[frame]], dim=1)
        fine = upsample_flow(cells, mask, factor=CELL)[0]
        left, _, top, _ = padding(size)
        fine = fine[:, top : top + size[0], left : left + size[1]]
        return fine[:2], fine[2:].sigmoid()

    def _times(self, frames: int) -> Tensor:
        """[S, width]: which frame of the window each is; one alone counts as the second."""
        return self.time_emb[0, 1:2] if frames == 1 else self.time_emb[0]


def padding(size: tuple[int, int] | torch.Size) -> tuple[int, int, int, int]:
    """What pictures of (H, W) get at the left, right, top and bottom.

    To multiples of 64, and at least 256: below that the reference does not work.
    """
    h, w = (max(SMALLEST, -(-side // MULTIPLE) * MULTIPLE) - side for side in size)
    return w // 2, w - w // 2, h // 2, h - h // 2


def _head(width: int, out: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(width, 2 * width, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(2 * width, out, kernel, padding=kernel // 2),
    )
