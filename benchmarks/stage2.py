"""What motion-augmented attention costs, next to ordinary attention over the same tokens.

Run from the repository's root: `python -m benchmarks.stage2 [--step] [--full] [--gpu] [--half]`.
"Ordinary" is temporal attention over the same 2 N - 1 tokens a pixel that are simply there, with no
warp: queries of the N real frames, keys and values projected from all tokens. "From scratch" warps
N - 1 frames in every call and projects them all. The ways take turns in one process, and the best
of several rounds counts, so that their ratios can be trusted.

--step measures a whole call of an SD 1.5 UNet besides, at real widths with --full (5 GB of weights
in float32).
"""

# ruff: noqa: E402

import argparse
import contextlib
import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

import testing.pack

testing.pack.load()

import psutil
import torch
import torch.nn.functional as F
from motion_i2v.models.files.layout import entries
from motion_i2v.models.files.network_shapes import UNetShape
from motion_i2v.models.networks.motion_attention import MotionAttention
from motion_i2v.models.networks.reference_warp import ReferenceWarp
from motion_i2v.models.networks.splat import splat_average
from motion_i2v.models.networks.temporal import plain_attention, positions
from torch import Tensor

FRAMES, ROUNDS = 16, 3
NARROW, FULL = (32, 64, 128, 128), (320, 640, 1280, 1280)
# channels, height, width: the layers of a 512x320 clip
LAYERS = [(320, 40, 64), (640, 20, 32), (1280, 10, 16), (1280, 5, 8)]
WAYS = ("ordinary", "ours", "real frames only", "from scratch")


def smooth_field(height: int, width: int) -> Tensor:
    """[N - 1, 2, height, width] a smooth random motion of about a tenth of the picture."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(FRAMES - 1, 2, 4, 4, generator=generator) * width / 10
    return F.interpolate(coarse, (height, width), mode="bicubic")


def tokens_of(x: Tensor, warped: Tensor) -> Tensor:
    """[z0, w1, z1, w2, z2, ...] of frames [P, N, C] and warped tokens [P, N - 1, C]."""
    pairs = torch.stack([warped, x[:, 1:]], dim=2).flatten(1, 2)
    return torch.cat([x[:, :1], pairs], dim=1)


def ordinary(layer: MotionAttention, x: Tensor, tokens: Tensor) -> Tensor:
    """Attention of the real frames to all tokens, each of them projected."""
    table = positions(x.shape[2], x.device, x.dtype)[: tokens.shape[1]]
    tokens = tokens + table
    q, k, v = layer.to_q(x + table[::2]), layer.to_k(tokens), layer.to_v(tokens)
    return layer.to_out[0](layer.attention(q, k, v, layer.heads))


class OrdinaryAttention(MotionAttention):
    """In a whole step: the reference itself stands where its warped versions would."""

    def forward(self, x: Tensor, warp: ReferenceWarp | None = None) -> Tensor:
        return ordinary(self, x, tokens_of(x, x[:, :1].expand(-1, x.shape[1] - 1, -1)))


def best_times(ways: list[Callable[[], Any]], device: torch.device, rounds: int) -> list[float]:
    """Seconds of each way: the best of several rounds in turns, after one to warm up."""
    best = [float("inf")] * len(ways)
    for number in range(rounds + 1):
        for i, way in enumerate(ways):
            best[i] = min(best[i], best[i] if not number else seconds(way, device))
            if not number:
                way()
    return best


def seconds(way: Callable[[], Any], device: torch.device) -> float:
    _wait(device)
    start = now(device)
    way()
    _wait(device)
    return now(device) - start


def now(device: torch.device) -> float:
    """Seconds; of one CPU thread those that it ran, so that other programs do not count."""
    alone = device.type == "cpu" and torch.get_num_threads() == 1
    return time.process_time() if alone else time.perf_counter()


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


@dataclass
class Machine:
    """What arithmetic and memory can do here, measured on the largest layer."""

    operations: float
    bytes: float

    @classmethod
    def measured(cls, device: torch.device, dtype: torch.dtype) -> "Machine":
        channels, height, width = LAYERS[0]
        x = torch.randn(height * width * FRAMES, channels, device=device, dtype=dtype)
        weight = torch.randn(channels, channels, device=device, dtype=dtype)
        out = torch.empty_like(x)
        product, copy = best_times([lambda: F.linear(x, weight), lambda: out.copy_(x)], device, 3)
        size = x.numel() * x.element_size()
        return cls(2 * x.numel() * channels / product, 2 * size / copy)

    def floor(self, operations: float, size: float) -> float:
        """Seconds below which no implementation gets."""
        return max(operations / self.operations, size / self.bytes)


def attention_floor(channels: int, pixels: int, element: int) -> tuple[float, float]:
    """Operations and bytes of one motion-augmented attention that touches everything once.

    Four projections of N frames, scores and sums over 2 N - 1 tokens, four products a warped
    element; input and output, and the weights.
    """
    rows, tokens = pixels * FRAMES, 2 * FRAMES - 1
    project = 4 * 2 * rows * channels**2
    attend = 2 * 2 * rows * tokens * channels
    warp = 2 * 2 * 4 * pixels * (FRAMES - 1) * channels
    return project + attend + warp, element * (2 * rows * channels + 4 * channels**2)


def attentions(device: torch.device, dtype: torch.dtype) -> bool:
    """One attention at each resolution. Returns whether ours takes no longer than the ordinary."""
    machine = Machine.measured(device, dtype)
    print(
        f"measured: {machine.operations / 1e9:.0f} GFLOP/s in a projection, "
        f"{machine.bytes / 1e9:.1f} GB/s in a copy"
    )
    print(f"\n{'one attention':<16}" + "".join(f"{w + ' ms':>20}" for w in WAYS) + f"{'ratio':>8}")
    good = True
    for channels, height, width in LAYERS:
        runs = _ways(channels, height, width, device, dtype)
        warp_run = runs.pop("warp alone")
        *times, warp = best_times([*runs.values(), warp_run], device, ROUNDS)
        operations, size = attention_floor(channels, height * width, dtype.itemsize)
        ratio = times[1] / times[0]
        good &= ratio <= 1
        print(
            f"{channels}@{height}x{width:<10}".ljust(16)
            + "".join(f"{1e3 * t:>20.2f}" for t in times)
            + f"{ratio:>8.2f}"
        )
        print(
            f"{'':16}floor {operations / 1e9:.2f} GFLOP, {size / 1e6:.1f} MB: "
            f"{1e3 * machine.floor(operations, size):.2f} ms; warp alone {1e3 * warp:.2f} ms "
            f"({100 * warp / times[1]:.1f} % of the attention)",
            flush=True,
        )
    return good


def _ways(
    channels: int, height: int, width: int, device: torch.device, dtype: torch.dtype
) -> dict[str, Callable[[], Tensor]]:
    torch.manual_seed(0)
    layer = MotionAttention(channels, attention=plain_attention).to(device, dtype)
    x = torch.randn(height * width, FRAMES, channels, device=device, dtype=dtype)
    flow = smooth_field(height, width).to(device)
    warp = ReferenceWarp(flow)

    def warped() -> Tensor:
        reference = x[:, 0].T.unflatten(1, (height, width))
        maps = splat_average(reference.contiguous(), flow)
        return maps.flatten(2).permute(2, 0, 1)

    tokens = tokens_of(x, warped().to(dtype)).contiguous()
    both = torch.randn(height * width, 2 * channels, device=device)

    def only_warp() -> None:
        for part in warp.parts(2 * channels):
            warp.warp(both, part)

    expected, ours = ordinary(layer, x, tokens), layer(x, warp)
    error = float((ours - expected).norm() / expected.norm())
    assert error < (1e-5 if dtype == torch.float32 else 1e-2), error
    return {
        "ordinary": lambda: ordinary(layer, x, tokens),
        "ours": lambda: layer(x, warp),
        "real frames only": lambda: layer(x),
        "from scratch": lambda: ordinary(layer, x, tokens_of(x, warped())),
        "warp alone": only_warp,
    }


def make_step(
    full: bool, dtype: torch.dtype, size: tuple[int, int], attention: type
) -> tuple[Callable[[], None], torch.device]:
    """A function for one call of a UNet with motion modules, as the nodes put them in."""
    from motion_i2v.models.host import motion_module
    from motion_i2v.models.host.motion_run import Motion, MotionRun
    from motion_i2v.models.host.motion_wrappers import AREAS, MODULE, RUN, apply_motion
    from motion_i2v.models.types.motion_field import MotionField

    widths = FULL if full else NARROW
    model, device = _unet(widths, dtype)
    checkpoint = _random_checkpoint(UNetShape("motion_modules", widths))
    with mock.patch.object(motion_module, "MotionAttention", attention):
        module = motion_module.load_motion_module(checkpoint, dtype)
    module.layers.to(device)
    width, height = size
    flow = torch.cat([torch.zeros(1, 2, height, width), smooth_field(height, width)])
    reference = torch.randn(1, 4, height // 8, width // 8)
    motion = Motion(MotionField(flow), reference)
    moving = apply_motion(model, module, motion)
    run = MotionRun(motion, reference.to(device))
    x = torch.randn(FRAMES, 4, *reference.shape[2:], device=device, dtype=dtype)
    context = torch.randn(FRAMES, 77, 768, device=device, dtype=dtype)
    t = torch.full((FRAMES,), 500.0, device=device)
    options = {"wrappers": moving.wrappers, "cond_or_uncond": [0], MODULE: module}
    options |= {RUN: run, AREAS: [run.whole]}

    def step() -> None:
        with torch.inference_mode():
            unet = model.model.diffusion_model
            unet(x, t, context=context, transformer_options=dict(options))

    return step, device


_MODELS: dict[Any, Any] = {}


def _unet(widths: tuple[int, ...], dtype: torch.dtype) -> Any:
    """An ordinary MODEL, the same one for both ways."""
    from testing.sd15 import load_unet

    if widths not in _MODELS:
        checkpoint = _random_checkpoint(UNetShape("sd15_unet", widths, 768))
        model = load_unet(checkpoint.take_host_tensors(dtype), dtype)
        device = model.load_device
        model.model.to(device)
        _MODELS[widths] = model, device
    return _MODELS[widths]


_TENSORS: dict[Any, Tensor] = {}


def _random_checkpoint(shape: UNetShape) -> Any:
    """Small random weights, the same tensors for both ways."""
    from motion_i2v.models.files.checkpoints import checkpoint_of

    table = entries(shape)
    for entry in table:
        if (key := (entry.name, entry.shape)) not in _TENSORS:
            _TENSORS[key] = torch.empty(entry.shape).normal_(std=0.02)
    tensors = {entry.name: _TENSORS[entry.name, entry.shape] for entry in table}
    return checkpoint_of(tensors, shape.kind, shape.kind)


@contextlib.contextmanager
def timed_warps(device: torch.device) -> Iterator[list[float]]:
    """Inside, adds up the seconds that are spent in warping."""
    spent = [0.0]
    inner = ReferenceWarp.warp

    def timed(self: ReferenceWarp, reference: Tensor, part: slice) -> Tensor:
        _wait(device)
        start = now(device)
        out = inner(self, reference, part)
        _wait(device)
        spent[0] += now(device) - start
        return out

    ReferenceWarp.warp = timed  # type: ignore[method-assign]
    try:
        yield spent
    finally:
        ReferenceWarp.warp = inner  # type: ignore[method-assign]


def whole_step(full: bool, dtype: torch.dtype, size: tuple[int, int], rounds: int) -> bool:
    """A step of a clip, one half of guidance. Returns whether both bars are met."""
    plain, device = make_step(full, dtype, size, OrdinaryAttention)
    ours, _ = make_step(full, dtype, size, MotionAttention)
    _TENSORS.clear()
    # The first step: later ones find the memory that it asked for still in the process.
    work = memory_of(ours, device)
    times = best_times([plain, ours], device, rounds)
    with timed_warps(device) as spent:
        step = seconds(ours, device)
    share = spent[0] / step
    print(
        f"\na whole step, {size[0]}x{size[1]}, {FRAMES} frames, widths "
        f"{FULL if full else NARROW}, {dtype}, {device}:\n"
        f"  ordinary {times[0]:.3f} s, ours {times[1]:.3f} s: ratio {times[1] / times[0]:.3f} "
        f"(bar 1); warp {100 * share:.1f} % of ours (bar 5 %)"
    )
    print_memory(work, full, dtype)
    return times[1] <= times[0] and share <= 0.05


def print_memory(work: int, full: bool, dtype: torch.dtype) -> None:
    """Bytes of the weights, of a step's work beside them, and of both."""
    widths = FULL if full else NARROW
    shapes = UNetShape("sd15_unet", widths, 768), UNetShape("motion_modules", widths)
    tensors = [entry.shape for shape in shapes for entry in entries(shape)]
    weights = sum(map(math.prod, tensors)) * dtype.itemsize
    print(
        f"  memory: weights {weights / 1e9:.2f} GB, work {work / 1e9:.2f} GB, "
        f"peak {(weights + work) / 1e9:.2f} GB (guidance in one batch takes the work twice)"
    )


def memory_of(step: Callable[[], None], device: torch.device) -> int:
    """Bytes that a step takes beside what is there: by the GPU's allocator, or resident."""
    if device.type != "cuda":
        return resident_growth(step)
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    step()
    return torch.cuda.max_memory_allocated() - before


def resident_growth(step: Callable[[], None]) -> int:
    """Bytes by which this process's resident memory grows while a step runs."""
    process = psutil.Process()
    before = peak = process.memory_info().rss
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.01):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        step()
    finally:
        done.set()
        watcher.join()
    return peak - before


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--step", action="store_true", help="a whole step, too")
    parser.add_argument("--full", action="store_true", help="the step at SD 1.5's own widths")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of timing the step")
    parser.add_argument("--size", default="512x320", help="of the step, in pixels")
    parser.add_argument("--gpu", action="store_true", help="on the GPU, where there is one")
    parser.add_argument("--half", action="store_true", help="in float16, on a CPU in bfloat16")
    arguments = parser.parse_args()
    # CPUs are slow at float16; bfloat16 takes the same bytes.
    half = torch.float16 if arguments.gpu else torch.bfloat16
    dtype = half if arguments.half else torch.float32
    device = torch.device("cuda" if arguments.gpu else "cpu")
    print(f"torch {torch.__version__}, {device}, {torch.get_num_threads()} threads, {dtype}")
    with torch.inference_mode():
        good = attentions(device, dtype)
    if arguments.step:
        from testing.comfyui import load_host

        load_host(cpu=not arguments.gpu)
        width, height = map(int, arguments.size.split("x"))
        good &= whole_step(arguments.full, dtype, (width, height), arguments.rounds)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
