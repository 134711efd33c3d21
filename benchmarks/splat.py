"""What a plan for a motion field saves over splatting from scratch each time.

Run from the repository's root: `python benchmarks/splat.py`. Times are the best of several rounds;
the two ways alternate within one run, so that only their ratio needs to be trusted.
"""

import time
from collections.abc import Callable
from functools import partial

import testing.pack  # noqa: F401

# isort: split
import torch
from motion_i2v.models.networks.splat import SplatPlan, splat_average
from torch import Tensor

# name, fields, height, width, channels: the latent sizes of a 512x320 clip of 16 frames at which
# stage 2 warps, then one whole picture
CASES = [
    ("40x64, 320 channels", 15, 40, 64, 320),
    ("20x32, 320 channels", 15, 20, 32, 320),
    ("20x32, 640 channels", 15, 20, 32, 640),
    ("10x16, 640 channels", 15, 10, 16, 640),
    ("5x8, 1280 channels", 15, 5, 8, 1280),
    ("picture 512x320", 15, 320, 512, 3),
]


def smooth_field(fields: int, height: int, width: int) -> Tensor:
    """[fields, 2, height, width] a smooth random motion of about a tenth of the picture."""
    coarse = torch.randn(fields, 2, 4, 4, generator=torch.Generator().manual_seed(0)) * width / 10
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")


def best_times(ways: list[Callable[[], Tensor]], rounds: int) -> list[float]:
    """Seconds of each way: the best of several rounds, taken in turns."""
    best = [float("inf")] * len(ways)
    for _ in range(rounds + 1):
        for i, way in enumerate(ways):
            start = time.perf_counter()
            way()
            best[i] = min(best[i], time.perf_counter() - start)
    return best


def main() -> None:
    print(f"torch {torch.__version__}, {torch.get_num_threads()} CPU threads, 15 fields, float32")
    print(f"{'one source map, all fields':<28}{'scratch':>12}{'reused':>12}{'gain':>8}")
    for name, fields, height, width, channels in CASES:
        flow = smooth_field(fields, height, width)
        x = torch.randn(channels, height, width)
        plan = SplatPlan(flow)
        scratch, reused = best_times(
            [partial(splat_average, x, flow), partial(plan.average, x)],
            rounds=5 if height > 64 else 50,
        )
        assert torch.equal(splat_average(x, flow), plan.average(x))
        milliseconds = "".join(f"{t * 1e3:>9.2f} ms" for t in (scratch, reused))
        print(f"{name:<28}{milliseconds}{scratch / reused:>7.1f}x")


if __name__ == "__main__":
    main()
