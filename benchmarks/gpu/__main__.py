"""`python dev.py gpu`: measures on this machine's GPU, or `--narrow` on its CPU.

No network, no released weights, no set-up: whatever torch runs this, and a ComfyUI folder
(COMFYUI_DIR, or the one whose custom_nodes holds the checkout). Ten minutes at most: what does not
begin within them is not measured, and says so. See docs/gpu.md.
"""

import argparse
import logging
import platform
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch

import testing.pack
from testing.comfyui import load_host

from .rows import FAILED, MISSED, Row, failed, not_measured, write

MINUTES = 9.0
OUTPUT = testing.pack.ROOT / "output"
Check = tuple[str, Callable[[], Iterator[Row]]]


def main(arguments: list[str]) -> int:
    """Returns 0 where every bar is kept, 1 where one is not, 2 where there is no GPU."""
    parser = argparse.ArgumentParser("dev.py gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--narrow", action="store_true", help="narrow networks on the CPU")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder of gpu.json and gpu.md")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="how long it may begin rows")
    options = parser.parse_args(arguments)
    if not options.narrow and not has_gpu():
        print("Torch finds no GPU here; `python dev.py gpu --narrow` runs the check on the CPU.")
        return 2
    load_host(cpu=options.narrow)
    # The host tells of every load and draws a bar for every run.
    logging.disable(logging.INFO)
    import comfy.utils

    comfy.utils.PROGRESS_BAR_ENABLED = False
    with torch.inference_mode():
        rows = list(measured(checks(options.narrow), time.monotonic() + 60 * options.minutes))
    rows.sort(key=lambda row: row.check)
    for file in write(options.output, machine(options.narrow), rows):
        print(file)
    return int(any(row.verdict in (MISSED, FAILED) for row in rows))


def has_gpu() -> bool:
    others = (getattr(torch, name, None) for name in ("xpu", "mps"))
    return torch.cuda.is_available() or any(kind and kind.is_available() for kind in others)


def checks(narrow: bool) -> list[Check]:
    """What is measured, one stage after the other, so that each one's weights are made once."""
    from . import cost, offload, parity
    from .stages import FULL_WIDTH, NARROW, Clip, Stage1, Stage2

    small, middle, whole = Clip(4, (64, 40)), Clip(4, (256, 160)), Clip(16, (512, 320))
    # The narrow networks take a thousandth of the full ones.
    allowed = (0.0005, 0.002, 0.006) if narrow else (0.5, 2.0, 6.0)
    widths, clip = (NARROW, small) if narrow else (FULL_WIDTH, whole)
    dtype = torch.float32 if narrow else torch.float16
    wanted: list[Check] = []
    for stage, step in ((Stage1, cost.stage1), (Stage2, cost.stage2)):
        wanted += [
            (parity.PARITY, partial(parity.parity, stage, NARROW, small)),
            (cost.CHECK, partial(step, widths, clip, dtype)),
            (parity.TWICE, partial(parity.twice, stage, widths, clip, dtype)),
            (offload.CHECK, partial(offload.offload, stage, widths, clip, dtype, allowed)),
        ]
        if not narrow:
            wanted.append((parity.PARITY, partial(parity.parity, stage, FULL_WIDTH, middle)))
    return wanted


def measured(wanted: list[Check], deadline: float) -> Iterator[Row]:
    """Every row, told as it comes. An error ends its check; the others go on."""
    for check, rows in wanted:
        if time.monotonic() > deadline:
            row = not_measured(check, "everything", "the time was over")
            print(f"{check}: {row.measured}", flush=True)
            yield row
            continue
        try:
            for row in rows():
                print(f"{row.check}: {row.what}: {row.measured} ({row.verdict})", flush=True)
                yield row
                if time.monotonic() > deadline:
                    yield not_measured(check, "the rest", "the time was over")
                    break
        except Exception as error:  # of any kind: a row must say what a GPU, or its driver, lacks
            row = failed(check, "ended in an error", error)
            print(f"{check}: {row.measured}", flush=True)
            yield row


def machine(narrow: bool) -> dict[str, str]:
    """What the table was measured on; nothing of it names the machine or its owner."""
    import comfy.model_management as management
    import comfyui_version

    device = management.get_torch_device()
    if narrow:
        device_name = f"CPU, {torch.get_num_threads()} threads"
    else:
        total = management.get_total_memory(device) / 1e9
        device_name = f"{management.get_torch_device_name(device)}, {total:.1f} GB"
    return {
        "device": device_name,
        "networks": "narrow" if narrow else "narrow and full width",
        "torch": torch.__version__,
        "ComfyUI": comfyui_version.__version__,
        "Python": f"{platform.python_version()} on {platform.system()}",
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
