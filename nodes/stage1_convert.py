"""The released checkpoints as smaller .safetensors files."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from comfy_api.latest import io

from ..models.files.convert import convert
from ..models.host import folders, loading
from .loader_inputs import LoaderNode
from .node import progress
from .sockets import CATEGORY, aliases

PRECISIONS = ("float16", "bfloat16", "float32")


class MotionI2VConvertCheckpoint(LoaderNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MotionI2VConvertCheckpoint",
            display_name="Convert Motion-I2V Checkpoint",
            **aliases("safetensors", "motion-i2v checkpoint"),
            category=f"{CATEGORY}/loaders",
            description="Writes a released checkpoint as one half-precision .safetensors file into "
            "models/motion_i2v/ (an ordinary SD 1.5 UNet: models/diffusion_models/). What it is, "
            "and whether it is whole, is checked first.",
            is_output_node=True,
            inputs=[
                io.Combo.Input(
                    "file",
                    options=folders.checkpoints("diffusion_pytorch_model.bin", ".bin", ".ckpt"),
                    tooltip="The released file: stage-1 UNet, ControlNet, flow VAE, motion modules "
                    "or the SD 1.5 UNet in realistic_unet.ckpt.",
                ),
                io.Combo.Input(
                    "precision",
                    options=list(PRECISIONS),
                    default="float16",
                    tooltip="Of the file that is written; float16 halves the released size.",
                ),
            ],
            outputs=[
                io.String.Output(
                    "report",
                    display_name="report",
                    tooltip="What was written where, and what it needed.",
                )
            ],
        )

    @classmethod
    def execute(cls, file: str, precision: str) -> io.NodeOutput:
        dtype = loading.dtype_named(precision)
        if dtype is None:
            raise ValueError(f"precision is {precision!r}; a file's is {' or '.join(PRECISIONS)}")
        lines: list[str] = []

        def tell(line: str) -> None:
            logging.info("Motion-I2V: %s", line)
            lines.append(line)

        convert(
            Path(folders.path_of(file)),
            Path(folders.own_folder()),
            dtype,
            tell,
            _bar(),
            unets=Path(folders.unet_folder()),
        )
        return io.NodeOutput("\n".join(lines), ui={"text": lines})


def _bar() -> Callable[[int, int], None]:
    """A progress bar as long as its first step says."""
    bar = None

    def on_step(done: int, total: int) -> None:
        nonlocal bar
        bar = bar or progress(total)
        bar(done, total)

    return on_step
