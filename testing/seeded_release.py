"""The released parts with seeded weights, of any width: where no released file is at hand."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

import numpy
import torch
from motion_i2v.models.files import layout
from motion_i2v.models.files.network_shapes import shape_of

FULL = (320, 640, 1280, 1280)
"""The widths of SD 1.5's UNet."""
FULL_CONTEXT = 768
WIDTHS = (32, 64, 64, 64)
CONTEXT = 48
SALT = "narrow/"


def seeded_tensor(salt: str, net: str, name: str, shape: list[int]) -> torch.Tensor:
    """One floating tensor of network `net` (such as "stage1_unet/"), made by the fixtures' rule."""
    if name.endswith(".pe"):
        return _sinusoid(shape)
    seed = int.from_bytes(hashlib.sha256((salt + net + name).encode()).digest()[:4], "big")
    noise = numpy.random.RandomState(seed).standard_normal(shape).astype(numpy.float32)
    tensor = torch.from_numpy(numpy.asarray(noise))
    if tensor.ndim >= 2:
        return tensor / tensor[0].numel() ** 0.5
    if tensor.ndim == 1 and name.endswith("weight"):
        return 1 + 0.1 * tensor
    return 0.1 * tensor


def _sinusoid(shape: list[int]) -> torch.Tensor:
    _, tokens, channels = shape
    table = numpy.zeros((tokens, channels))
    for pair in range(channels // 2):
        angle = numpy.arange(tokens) / 10000 ** (2 * pair / channels)
        table[:, 2 * pair] = numpy.sin(angle)
        table[:, 2 * pair + 1] = numpy.cos(angle)
    return torch.from_numpy(table.astype(numpy.float32))[None]


def entries(
    kind: str, widths: tuple[int, ...] = WIDTHS, context: int = CONTEXT
) -> list[layout.Entry]:
    """Every tensor of a part."""
    return layout.entries(shape_of(kind, widths, context))


def seeded_weights(
    kind: str, widths: tuple[int, ...] = WIDTHS, context: int = CONTEXT
) -> dict[str, torch.Tensor]:
    """A part's tensors by released name, in float32."""
    told = entries(kind, widths, context)
    # Numpy's generators do not hold Python's lock: of a full-width network they take a minute.
    with ThreadPoolExecutor() as pool:
        made = pool.map(lambda e: seeded_tensor(SALT, f"{kind}/", e.name, list(e.shape)), told)
        return {entry.name: tensor for entry, tensor in zip(told, made, strict=True)}
