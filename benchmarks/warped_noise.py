"""How long noise along a field takes, beside independent noise of the same shape.

Run from the repository's root: `python benchmarks/warped_noise.py`. 81 frames of 832x480 in latent
size: as image latents [81, 4, 60, 104], and as a video's [1, 16, 21, 60, 104]. Times are the best
of several rounds. Memory is by how much a process grows at most, for three lengths.
"""

import resource
import subprocess
import sys
import time

import testing.pack  # noqa: F401

# isort: split
import torch
from motion_i2v.models.host.noise_source import WarpedNoise
from motion_i2v.models.types.motion_field import MotionField, still

SIZE, FRAMES, ROUNDS = (832, 480), 81, 3
SHAPES = {"image latents": (81, 4, 60, 104), "video latents": (1, 16, 21, 60, 104)}


def fields() -> dict[str, MotionField]:
    """Motions that grow evenly over the clip."""
    columns, rows = (torch.arange(n) - (n - 1) / 2 for n in SIZE)
    x, y = columns.expand(SIZE[1], -1), rows[:, None].expand(-1, SIZE[0])
    part = torch.linspace(0, 1, FRAMES).view(-1, 1, 1)
    zero, disc = 0 * part * x, (x**2 + y**2 < 120**2).float()
    cos, sin = part.cos() - 1, part.sin()
    ways = {
        "still": (zero, zero),
        "object": (part * 300 * disc, part * 80 * disc),
        "pan": (zero + 400 * part, zero),
        "closer": (part * x, part * y),
        "away": (-0.6 * part * x, -0.6 * part * y),
        "turned": (cos * x - sin * y, sin * x + cos * y),
    }
    return {name: MotionField(torch.stack(way, 1)) for name, way in ways.items()}


def best(source: WarpedNoise, shape: tuple[int, ...]) -> float:
    """Seconds."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        source.generate_noise({"samples": torch.empty(shape)})
        times.append(time.perf_counter() - start)
    return min(times)


def grown(frames: int) -> int:
    """How many MB this process grows by, at most, for so many image latents of a small field."""
    field = still(frames, (104, 60))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    WarpedNoise(field, 0).generate_noise({"samples": torch.empty(frames, 4, 60, 104)})
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024


def main() -> None:
    print(f"torch {torch.__version__}, {torch.get_num_threads()} CPU threads, {FRAMES} frames")
    moving = fields()
    for kind, shape in SHAPES.items():
        for name, field in moving.items():
            carried = best(WarpedNoise(field, 0), shape)
            independent = best(WarpedNoise(field, 0, 1.0), shape)
            print(f"{kind:<15}{name:<9}{carried:6.2f} s; independent noise {independent:.3f} s")
    for frames in (41, 81, 161):
        command = [sys.executable, __file__, str(frames)]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        print(f"memory of {frames} frames: {told.strip()} MB")


if __name__ == "__main__":
    if sys.argv[1:]:
        print(grown(int(sys.argv[1])))
    else:
        main()
