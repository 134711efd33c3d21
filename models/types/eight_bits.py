"""Pictures as other libraries draw on and store them: eight bits a channel."""

from __future__ import annotations

import numpy as np
import torch


def eight_bits(frame: torch.Tensor) -> np.ndarray:
    """A frame [H, W, 3 or more] in 0..1 as [H, W, 3] uint8, rounded; what is beyond is cut off."""
    return frame[..., :3].detach().cpu().float().clamp(0, 1).mul(255).round().byte().numpy()
