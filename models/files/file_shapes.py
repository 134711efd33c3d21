"""Which network a file holds: its widths, read off some tensors, and what the others must be."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from . import layout
from .kinds import Kind, Shapes
from .layout import Entry, UNetShape

Reader = Callable[[Shapes, Kind, str], tuple[UNetShape, list[Entry]]]


def dimension(shapes: Shapes, name: str, dim: int, kind: Kind, source: str) -> int:
    """One side of a tensor, from which the others' shapes follow.

    Raises:
        ValueError: where it is missing.
    """
    if name not in shapes or len(shapes[name]) <= dim:
        raise ValueError(f"{source} looks like {kind.title}{kind.released}, but {name} is missing")
    return shapes[name][dim]


def _widths(shapes: Shapes, pattern: str, kind: Kind, source: str) -> tuple[int, ...]:
    widths = tuple(
        dimension(shapes, pattern.format(level), 0, kind, source) for level in range(layout.LEVELS)
    )
    if any(width % widths[0] or width % 32 for width in widths):
        raise ValueError(
            f"{source}: the widths of {kind.title} must be multiples of 32 and of the first, "
            f"not {list(widths)}"
        )
    return widths


def _unet_reader(entries: Callable[[UNetShape], Iterator[Entry]]) -> Reader:
    def read(shapes: Shapes, kind: Kind, source: str) -> tuple[UNetShape, list[Entry]]:
        key = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight"
        shape = UNetShape(
            _widths(shapes, "down_blocks.{}.resnets.0.conv1.weight", kind, source),
            dimension(shapes, key, 1, kind, source),
            8 if kind.key.startswith("stage1") else 4,
        )
        return shape, list(entries(shape))

    return read


def _motion_reader(shapes: Shapes, kind: Kind, source: str) -> tuple[UNetShape, list[Entry]]:
    pattern = "down_blocks.{}.motion_modules.0.temporal_transformer.norm.weight"
    shape = UNetShape(_widths(shapes, pattern, kind, source))
    middle = any(name.startswith("mid_block.") for name in shapes)
    entries = list(layout.motion_modules(shape, "motion_modules"))
    if not middle and kind.key == "motion_modules":
        # AnimateDiff v1 and v3 have none in the middle; say so rather than list 28 tensors.
        raise ValueError(
            f"{source} has no motion module in the middle block (AnimateDiff v1 or v3); "
            "v2 modules, or Motion-I2V's own, are needed"
        )
    return shape, entries


def _vae_reader(shapes: Shapes, kind: Kind, source: str) -> tuple[UNetShape, list[Entry]]:
    widths = _widths(shapes, "encoder.down_blocks.{}.resnets.0.conv1.weight", kind, source)
    channels = dimension(shapes, "encoder.conv_in.weight", 1, kind, source)
    return UNetShape(widths), list(layout.autoencoder(widths, channels))


LAYOUTS: dict[str, Reader] = {
    "stage1_unet": _unet_reader(lambda shape: layout.unet(shape, stride=True, temporal=True)),
    "stage1_controlnet": _unet_reader(layout.controlnet),
    "stage2_unet": _unet_reader(lambda shape: layout.unet(shape, stride=False, temporal=True)),
    "sd15_unet": _unet_reader(lambda shape: layout.unet(shape, stride=False, temporal=False)),
    "motion_modules": _motion_reader,
    "flow_vae": _vae_reader,
    "image_vae": _vae_reader,
}
