"""Flow as a mixture of what was drawn: a learned interpolation of sparse flow.

Every cell asks all cells in which something is known, by softmax attention, and takes the mean of
what they say; then every pixel takes a convex combination of the cells about it, as RAFT's
upsampling does (arXiv 2003.12039, section 3.3). So what a user says arrives exactly, and a network
has to learn only which pixels move together.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor
from torchvision.models.optical_flow._utils import upsample_flow


def cells_of(flow: Tensor, known: Tensor, cell: int) -> tuple[Tensor, Tensor]:
    """What is known in cells of pixels.

    Args:
        flow: [B, 2, H, W]; known: [B, 1, H, W] in 0..1; H and W multiples of `cell`.

    Returns:
        The mean of the known flow [B, 2, h, w] and how much of a cell is known [B, 1, h, w].

    >>> flow, known = torch.full((1, 2, 2, 2), 3.0), torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
    >>> [part.flatten().tolist() for part in cells_of(flow, known, 2)]
    [[3.0, 3.0], [0.25]]
    """
    share = F.avg_pool2d(known, cell)
    return F.avg_pool2d(flow * known, cell) / share.clamp(min=1e-6), share


def mixed(
    queries: Tensor, keys: Tensor, rest: Tensor, near: Tensor, flow: Tensor, share: Tensor
) -> Tensor:
    """What each cell takes of the known ones; one that asks for none of them rests.

    Args:
        queries, keys: [B, D, h, w].
        rest: [D], the key of not moving.
        near: a number; its exponential is how much less a cell counts for its squared distance, in
            mean sides of the picture. Things hang together: what looks alike far away is another.
        flow: [B, 2, h, w] of the cells; share: [B, 1, h, w], 0 where nothing is known.

    Returns:
        [B, 2, h, w]
    """
    batch, width, rows, columns = queries.shape
    resting = rest.to(keys).view(1, -1, 1).expand(batch, -1, 1)
    asked = torch.cat([rearrange(keys, "b d h w -> b d (h w)"), resting], dim=2)
    scores = _exact(rearrange(queries, "b d h w -> b (h w) d") @ asked) * width**-0.5
    away = F.pad(_squared_distances(rows, columns).to(scores), (0, 1))
    heard = F.pad(share.flatten(1), (0, 1), value=1.0) > 0
    scores = (scores - near.exp() * away).masked_fill(~heard[:, None], -torch.inf)
    weight = torch.softmax(scores, dim=2)
    values = _exact(F.pad(rearrange(flow, "b xy h w -> b xy (h w)"), (0, 1)))
    return rearrange(values @ weight.mT, "b xy (h w) -> b xy h w", h=rows)


def spread(flow: Tensor, weights: Tensor, cell: int) -> Tensor:
    """Cells' flow [B, 2, h, w] at every pixel, [B, 2, cell h, cell w].

    Args:
        weights: [B, 9 cell^2, h, w], logits of each pixel's nine cells.
    """
    return upsample_flow(_exact(flow), _exact(weights), factor=cell) / cell


def _squared_distances(rows: int, columns: int) -> Tensor:
    """Between all cells, [h w, h w], in mean sides of the picture."""
    row, column = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    place = torch.stack([row, column]).flatten(1).float() * 2 / (rows + columns)
    return (place[:, :, None] - place[:, None]).square().sum(0)


def _exact(x: Tensor) -> Tensor:
    """In float32 at least, under autocast too."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
