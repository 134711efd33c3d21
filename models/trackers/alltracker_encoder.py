"""AllTracker's encoder: three stages of a ConvNeXt, of which the last keeps its size."""

from __future__ import annotations

from torch import Tensor, nn

from .alltracker_blocks import ChannelNorm, SpaceBlock
from .alltracker_shape import AllTrackerShape


class ConvNeXtEncoder(nn.Module):
    """A picture [n, 3, h, w], normalised -> features [n, 2 * width, h/8, w/8]."""

    def __init__(self, shape: AllTrackerShape) -> None:
        super().__init__()
        first, second, third = shape.encoder
        stages = [
            nn.Sequential(*(SpaceBlock(width) for _ in range(depth)))
            for width, depth in zip(shape.encoder, shape.depths, strict=True)
        ]
        self.features = nn.Sequential(
            nn.Sequential(nn.Conv2d(3, first, 4, stride=4), ChannelNorm(first)),
            stages[0],
            nn.Sequential(ChannelNorm(first), nn.Conv2d(first, second, 2, stride=2)),
            stages[1],
            nn.Sequential(ChannelNorm(second), nn.Conv2d(second, third, 3, padding=2, dilation=2)),
            stages[2],
        )
        self.dot_conv = nn.Conv2d(third, 2 * shape.width, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.dot_conv(self.features(pictures))
