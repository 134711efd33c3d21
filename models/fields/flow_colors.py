"""The colour wheel of optical flow: hue is direction, saturation is speed.

Baker et al. 2011, "A Database and Evaluation Methodology for Optical Flow": the wheel has 55 hues,
unevenly spaced so that they look even, and white stands still.
"""

from __future__ import annotations

import torch

SPANS = (
    ((255, 0, 0), 15),
    ((255, 255, 0), 6),
    ((0, 255, 0), 4),
    ((0, 255, 255), 11),
    ((0, 0, 255), 13),
    ((255, 0, 255), 6),
)
"""The wheel's corners, and the number of hues from each to the next: 55 in all."""


def wheel() -> torch.Tensor:
    """[55, 3] float32 RGB in 0..1, from red over yellow, green, cyan, blue and magenta.

    >>> wheel().shape, wheel()[0].tolist()
    (torch.Size([55, 3]), [1.0, 0.0, 0.0])
    """
    hues = []
    for index, (corner, steps) in enumerate(SPANS):
        start = torch.tensor(corner, dtype=torch.float32)
        end = torch.tensor(SPANS[(index + 1) % len(SPANS)][0], dtype=torch.float32)
        part = torch.arange(steps, dtype=torch.float32)[:, None] / steps
        hues.append(start + (end - start) * part)
    return torch.cat(hues).floor() / 255


def flow_to_color(flow: torch.Tensor, scale: float | None = None) -> torch.Tensor:
    """Colours of displacements.

    Args:
        flow: [..., 2, H, W] pixels.
        scale: the displacement, in pixels, that gets the full colour; positive. Longer ones are
            darkened to three quarters, as in the reference implementation of the paper. None
            takes the longest displacement given.

    Returns:
        [..., H, W, 3] float32 RGB in 0..1.

    >>> flow_to_color(torch.zeros(2, 1, 1), scale=8.0).tolist()
    [[[1.0, 1.0, 1.0]]]
    """
    if flow.ndim < 3 or flow.shape[-3] != 2:
        raise ValueError(f"flow is [..., 2, height, width], got {list(flow.shape)}")
    if scale is None:
        scale = float(torch.linalg.vector_norm(flow.float(), dim=-3).max()) or 1.0
    if not scale > 0:
        raise ValueError(f"the colour scale is {scale} px; give a positive number of pixels")
    x, y = (flow.float() / scale).unbind(-3)
    speed = torch.hypot(x, y)
    hues = wheel().to(flow.device)
    turn = (torch.atan2(-y, -x) / torch.pi + 1) / 2 * (len(hues) - 1)
    before = turn.floor().long()
    part = (turn - before)[..., None]
    hue = torch.lerp(hues[before], hues[(before + 1) % len(hues)], part)
    speed = speed[..., None]
    return torch.where(speed <= 1, 1 - speed * (1 - hue), 0.75 * hue)
