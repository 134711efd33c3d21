"""The shape of the network that a file holds, read off some of its tensors."""

from __future__ import annotations

from collections.abc import Callable

from .kinds import Kind, Shapes
from .layout import LEVELS
from .network_shapes import NetworkShape, UNetShape, VAEShape


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
        dimension(shapes, pattern.format(level), 0, kind, source) for level in range(LEVELS)
    )
    if any(width % widths[0] or width % 32 for width in widths):
        raise ValueError(
            f"{source}: the widths of {kind.title} must be multiples of 32 and of the first, "
            f"not {list(widths)}"
        )
    return widths


def _read_unet(shapes: Shapes, kind: Kind, source: str) -> UNetShape:
    key = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight"
    widths = _widths(shapes, "down_blocks.{}.resnets.0.conv1.weight", kind, source)
    return UNetShape(kind.key, widths, dimension(shapes, key, 1, kind, source))


def _read_motion(shapes: Shapes, kind: Kind, source: str) -> UNetShape:
    pattern = "down_blocks.{}.motion_modules.0.temporal_transformer.norm.weight"
    widths = _widths(shapes, pattern, kind, source)
    if not any(name.startswith("mid_block.") for name in shapes):
        # AnimateDiff v1 and v3 have none in the middle; say so rather than list 28 tensors.
        raise ValueError(
            f"{source} has no motion module in the middle block (AnimateDiff v1 or v3); "
            "v2 modules, or Motion-I2V's own, are needed"
        )
    return UNetShape(kind.key, widths)


def _read_vae(shapes: Shapes, kind: Kind, source: str) -> VAEShape:
    widths = _widths(shapes, "encoder.down_blocks.{}.resnets.0.conv1.weight", kind, source)
    return VAEShape(widths, dimension(shapes, "encoder.conv_in.weight", 1, kind, source))


READERS: dict[str, Callable[[Shapes, Kind, str], NetworkShape]] = {
    "stage1_unet": _read_unet,
    "stage1_controlnet": _read_unet,
    "stage2_unet": _read_unet,
    "sd15_unet": _read_unet,
    "motion_modules": _read_motion,
    "flow_vae": _read_vae,
    "image_vae": _read_vae,
}
"""The kinds of files that are read whole."""
