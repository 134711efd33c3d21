"""AllTracker, on a clip of two windows: its encoder, the flow, and the two chances of every pixel.

The numbers in `alltracker_numbers` are what its authors' code gives (github.com/aharley/
alltracker, commit c1ed462b7cfe9b4c6d07d8880ae5ed103b0848e0, torch 2.11.0, CPU, float32). Its `Net`
was made narrow by its own arguments (a width of 32, fewer blocks; encoder stages of 16, 24 and 40
channels), given the weights of `tensors`, and called with two updates on the frames of `pictures`,
each value 0..255. Kept is every 16th pixel of every result, and a part of the first frame's
features. The frames' sides are not multiples of anything, so that padding is compared, too.
"""

from pathlib import Path

import numpy
import torch
from motion_i2v.models.trackers import weights
from motion_i2v.models.trackers.alltracker import AllTracker
from motion_i2v.models.trackers.clip_frames import ClipFrames

from tests.parity.seeded import Folder, relative_error

NUMBERS = Path(__file__).with_name("alltracker_numbers")
NETWORKS = ("alltracker",)
BAR = 1e-4
SIZE = (275, 201)
FRAMES, UPDATES = 18, 2
EVERY = 16


def tensors(folder: Folder, net: str) -> dict[str, torch.Tensor]:
    """The seeded weights; flow grows slowly, or every place would soon lie outside the picture."""
    named = folder.weights(net)
    return {n: t * 0.3 if n.startswith("flow_head.2.") else t for n, t in named.items()}


def pictures(frames: int) -> torch.Tensor:
    """uint8 [F, 3, H, W]: a seeded pattern of squares that moves by (3, 2) px a frame."""
    random = numpy.random.RandomState(5)
    w, h = SIZE
    squares = random.randint(0, 256, (3, h // 8 + 8, w // 8 + 16)).astype(numpy.uint8)
    large = squares.repeat(8, axis=1).repeat(8, axis=2)
    moved = [large[:, 2 * i : 2 * i + h, 3 * i : 3 * i + w] for i in range(frames)]
    return torch.from_numpy(numpy.stack(moved))


def compared(folder: Folder, net: str, frames: int) -> dict[str, float]:
    """The relative errors of one network on a clip of so many frames."""
    given = folder.tensors(net)
    network = weights.build(tensors(folder, net), weights.ALLTRACKER, net)
    clip = ClipFrames(pictures(frames).permute(0, 2, 3, 1) / 255)
    found = list(AllTracker(network, UPDATES).followed(clip))
    flow, chances = (torch.stack(part)[..., ::EVERY, ::EVERY] for part in zip(*found, strict=True))
    return {
        "features": relative_error(network.features(clip.picture(0))[::EVERY], given["features"]),
        "flow": relative_error(flow, given["flow"]),
        "chances": relative_error(chances, given["chances"]),
    }


def run(folder: Folder) -> dict[str, float]:
    return compared(folder, "alltracker", FRAMES)
