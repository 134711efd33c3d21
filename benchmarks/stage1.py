"""What a stage-1 step costs, next to the same UNet without temporal layers.

Run from the repository's root: `python -m benchmarks.stage1 [--full] [--gpu] [--half]`. Every case
is run in turns in one process, and the best of several rounds counts, so that the ratios can be
trusted. Memory is the highest use above what the weights take, by the GPU's counters or, on the
CPU, by Linux's peak of the process. Narrow networks by default; --full makes SD 1.5's own widths
(8 GB of weights in float32).
"""

# ruff: noqa: E402

import argparse
import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import testing.pack

testing.pack.load()

import torch
from motion_i2v.models.files.checkpoints import Checkpoint, checkpoint_of
from motion_i2v.models.files.layout import entries
from motion_i2v.models.files.network_shapes import UNetShape

NARROW, FULL = (32, 64, 128, 128), (320, 640, 1280, 1280)
CONTEXT = 768
KINDS = ("plain UNet", "temporal layers", "temporal layers + control")
# frames, width, height
CASES = [(4, 256, 160), (8, 256, 160), (15, 256, 160), (15, 512, 320)]
ROUNDS = 3
Run = Callable[[], None]


@dataclass
class Nets:
    """The three sorts of step on one device."""

    model: Any
    control: Any
    plain: Any
    device: torch.device
    dtype: torch.dtype


def random_checkpoint(kind: str, widths: tuple[int, ...]) -> Checkpoint:
    """A checkpoint of small random weights."""
    generator = torch.Generator().manual_seed(0)
    tensors = {
        entry.name: torch.randn(entry.shape, generator=generator).mul_(0.02)
        for entry in entries(UNetShape(kind, widths, CONTEXT))
    }
    return checkpoint_of(tensors, kind, kind)


def make_nets(widths: tuple[int, ...], half: bool) -> Nets:
    import comfy.model_base
    import comfy.model_management as management
    from motion_i2v.models.host import loading
    from motion_i2v.models.host.stage1_model import MotionFieldConfig, unet_config

    dtype = torch.float16 if half else torch.float32
    unet = random_checkpoint("stage1_unet", widths)
    model = loading.load_motion_field_model(unet, dtype)
    residuals = random_checkpoint("stage1_controlnet", widths)
    control = loading.load_trajectory_control(residuals, dtype)
    config = MotionFieldConfig(unet_config(unet.unet))
    config.set_inference_dtype(dtype, None)
    plain = comfy.model_base.BaseModel(config, device="cpu").diffusion_model
    device = management.get_torch_device()
    weights = model.model.diffusion_model.state_dict()
    plain.load_state_dict({name: weights[name] for name in plain.state_dict()}, assign=True)
    for net in (model.model, plain, control.control_model):
        net.to(device)
    return Nets(model.model, control.control_model, plain, device, dtype)


def step(nets: Nets, kind: str, frames: int, width: int, height: int) -> Run:
    """One call with guidance (two clips in a batch), as a function to be timed."""
    batch, first = 2 * frames, nets.plain.model_channels
    make: dict[str, Any] = {"device": nets.device, "dtype": nets.dtype}
    x = torch.randn(batch, 8, height // 8, width // 8, **make)
    hint = torch.randn(batch, 5, height // 8, width // 8, **make)
    context, y = torch.randn(batch, 77, CONTEXT, **make), torch.randn(batch, first, **make)
    t = torch.full((batch,), 500.0, device=nets.device)
    options = {"cond_or_uncond": [1, 0]}
    given = {"context": context, "y": y}

    def run() -> None:
        with torch.inference_mode():
            if kind == KINDS[0]:
                nets.plain(x, t, **given, transformer_options=dict(options))
                return
            control = None
            if kind == KINDS[2]:
                control = nets.control(x, hint, t, **given, clips=2)
            unet = nets.model.diffusion_model
            unet(x, t, **given, control=control, transformer_options=dict(options))

    return run


def seconds(runs: list[Run], device: torch.device) -> list[float]:
    """The best of several rounds of each, in turns; the first round only warms up."""
    best = [float("inf")] * len(runs)
    for turn in range(ROUNDS + 1):
        for number, run in enumerate(runs):
            start = time.perf_counter()
            run()
            if device.type == "cuda":
                torch.cuda.synchronize()
            if turn:
                best[number] = min(best[number], time.perf_counter() - start)
    return best


def peak_memory(run: Run, device: torch.device) -> float:
    """Bytes above what was held before; not a number where the system does not tell."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        held = torch.cuda.memory_allocated()
        run()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - held
    try:
        # Memory that was freed but kept by the allocator would hide the need.
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return float("nan")
    held = _status("VmRSS")
    run()
    return _status("VmHWM") - held


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(name)).split()[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="SD 1.5's own widths")
    parser.add_argument("--gpu", action="store_true", help="on the GPU, where there is one")
    parser.add_argument("--half", action="store_true", help="float16 weights")
    arguments = parser.parse_args()
    from testing.comfyui import load_host

    load_host(cpu=not arguments.gpu)
    nets = make_nets(FULL if arguments.full else NARROW, arguments.half)
    print(f"{nets.device}, {nets.dtype}, widths {FULL if arguments.full else NARROW}")
    print(f"{'frames':>6} {'size':>9}  {'':<26}{'ms':>9}{'ratio':>7}{'peak MB':>9}")
    for frames, width, height in CASES:
        runs = [step(nets, kind, frames, width, height) for kind in KINDS]
        times = seconds(runs, nets.device)
        for kind, run in enumerate(runs):
            peak = peak_memory(run, nets.device)
            print(
                f"{frames:>6} {width:>5}x{height:<3}  {KINDS[kind]:<26}{1e3 * times[kind]:>9.1f}"
                f"{times[kind] / times[0]:>7.2f}{peak / 1e6:>9.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
