"""What Warp Preview takes for one frame of a large picture: memory, time, and until it is heard.

Run from the repository's root: `python -m benchmarks.warp_preview [--side 4096]`. Everything in the
picture moves, and an object in front by its own way. Each line is a process of its own: drawn in
strips, as the node does, and in one piece. Memory is by how much the process grows at most, the
clip that it returns included, and the field as large as the picture. The longest wait is the most
CPU time that lies between two moments at which an interrupt is heard.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

import testing.pack  # noqa: F401

# isort: split
import torch
from motion_i2v.models.fields.moved_mask import carried
from motion_i2v.models.networks import splat_strips
from motion_i2v.models.picture.warp import warp_picture
from motion_i2v.models.types import progress
from motion_i2v.models.types.motion_field import MotionField

STRIPS, WHOLE = "in strips", "in one piece"


def scene(side: int) -> tuple[torch.Tensor, MotionField]:
    """A picture with grain, and a field of a quarter of its size, whose borders are soft so."""
    small = side // 4
    place = (torch.arange(small) + 0.5) / small - 0.5
    x, y = place.expand(small, small), place[:, None].expand(small, small)
    behind = torch.stack([0.01 + 0.1 * x, 0.003 + 0.1 * y])
    ahead = torch.stack([0.08 + 0.2 * x, 0.05 + 0.2 * y])
    last = small * torch.where(x**2 + y**2 < 0.25**2, ahead, behind)
    generator = torch.Generator().manual_seed(0)
    tones = torch.rand(1, 3, side // 16, side // 16, generator=generator)
    picture = torch.nn.functional.interpolate(tones, (side, side), mode="bilinear")[0]
    picture.mul_(0.8).add_(torch.rand(side, side, generator=generator), alpha=0.2)
    return picture.movedim(0, -1).contiguous(), MotionField(torch.stack([0 * last, last]))


def most_memory() -> float:
    """GB that this process has taken at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


class Waits:
    """Told of every moment at which an interrupt is heard."""

    def __init__(self) -> None:
        self.longest, self._last = 0.0, time.process_time()

    def __call__(self, done: int, total: int) -> None:
        now = time.process_time()
        self.longest, self._last = max(self.longest, now - self._last), now


def measured(side: int, way: str) -> dict[str, float]:
    """GB, CPU seconds and longest waits of the frames, and of `moved` after them."""
    torch.set_num_threads(1)
    if way == WHOLE:
        splat_strips.BOUND = progress.LONG = 1 << 62
    picture, field = scene(side)
    began, start, waits = most_memory(), time.process_time(), Waits()
    clip = warp_picture(picture, field, on_step=waits)
    frames = {"GB": most_memory() - began, "s": time.process_time() - start, "wait": waits.longest}
    start, waits = time.process_time(), Waits()
    carried(None, field, on_frame=waits, size=(side, side))
    moved = {"moved s": time.process_time() - start, "moved wait": waits.longest}
    return frames | moved | {"all GB": most_memory() - began, "frames": len(clip[0])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=4096)
    parser.add_argument("--way", choices=(STRIPS, WHOLE), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        print(json.dumps(measured(arguments.side, arguments.way)))
        return
    print(f"torch {torch.__version__}, {arguments.side}x{arguments.side}, 2 frames, one CPU thread")
    told = []
    for way in (STRIPS, WHOLE):
        command = [sys.executable, "-m", __spec__.name, "--side", str(arguments.side), "--way", way]
        answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        told.append(json.loads(answer.splitlines()[-1]))
        print(way, "; ".join(f"{name} {value:.2f}" for name, value in told[-1].items()))
    for name, value in told[0].items():
        print(f"{name}: {value / max(told[1][name], 1e-9):.2f} of {WHOLE}")


if __name__ == "__main__":
    main()
