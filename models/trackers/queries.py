"""Which points are tracked: half of them at motion boundaries, half anywhere."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..types.progress import Tick, nothing
from .clip_frames import ClipFrames
from .raft import Raft

BOUNDARY = 0.025
POOL = 8


def motion_boundary(flow: Tensor) -> Tensor:
    """How near each pixel is to a jump of the motion: [h, w], from 0 to 1; NaN if there is none.

    Args:
        flow: [2, h, w] px.

    Source: DOT (arXiv 2312.00786), section 3; Sobel magnitude, dilated, stretched to 0..1.
    """
    h, w = flow.shape[1:]
    share = flow / flow.new_tensor([w - 1, h - 1]).view(2, 1, 1)
    kernel = flow.new_tensor([[-0.5, -1, -0.5], [0, 0, 0], [0.5, 1, 0.5]])
    kernels = torch.stack([kernel, kernel.T])[:, None]
    slopes = F.conv2d(F.pad(share[:, None], (1, 1, 1, 1), mode="reflect"), kernels)
    steep = ((slopes**2).sum(1) + 1e-12).sqrt().mean(0)
    # One row and column too many come out; the reference keeps the last ones.
    wide = F.max_pool2d(steep[None], POOL, stride=1, padding=POOL // 2)[0, -h:, -w:]
    wide = wide - wide.min()
    return wide / wide.max()


def sample_queries(
    clip: ClipFrames, raft: Raft, count: int, seed: int, tick: Tick = nothing
) -> Tensor:
    """Draws points to track, as many in each frame.

    Args:
        clip: what is tracked.
        raft: measures the flow of each frame to the one before (of the first, to the second).
        count: of points; the remainder of an even split goes to the first frame.
        seed: the same seed draws the same points, on every device.

    Returns:
        [count, 3]: frame, x, y in pixels; on the CPU.
    """
    random = np.random.default_rng(seed)
    device = next(raft.parameters()).device
    frames = len(clip)
    queries, previous, following = [], None, None
    for i in range(frames):
        current = following or raft.features(clip.picture(i).to(device))
        following = raft.features(clip.picture(1).to(device)) if i == 0 else None
        other = following if previous is None else previous
        assert other is not None
        flow = raft.flow(current, other)
        points = count // frames + (count % frames if i == 0 else 0)
        queries.append(_points(motion_boundary(flow) > BOUNDARY, i, points, random))
        previous = current
        tick()
    return torch.cat(queries)


def _points(boundary: Tensor, frame: int, count: int, random: np.random.Generator) -> Tensor:
    h, w = boundary.shape
    there = np.flatnonzero(boundary.cpu().numpy())
    at_boundary = random.choice(there, min(count // 2, len(there)), replace=False)
    anywhere = count - len(at_boundary)
    x = np.concatenate([at_boundary % w, random.integers(0, w, anywhere)])
    y = np.concatenate([at_boundary // w, random.integers(0, h, anywhere)])
    return torch.from_numpy(np.stack([np.full(count, frame), x, y], axis=-1).astype(np.float32))
