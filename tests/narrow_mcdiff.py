"""MCDiff's file, on narrow networks with seeded weights. Needs the host (see `host_env`)."""

from pathlib import Path
from typing import Any

import torch
from motion_i2v.models.files.trained import Trained
from motion_i2v.models.networks.mcdiff_shapes import CompletionShape, FrameShape
from safetensors.torch import save_file
from torch import nn

TRAINED = Trained("v", True)
MULT = (1, 2)
SIDE, STROKE = 128, 2


def write_mcdiff(
    path: Path,
    width: int = 32,
    seed: int = 0,
    trained: Trained = TRAINED,
    mult: tuple[int, ...] = MULT,
    halves: tuple[str, ...] = ("flow_completion", "future_frame"),
    **told: Any,
) -> Path:
    """Writes a file of one or both halves; `told` are further metadata, such as side=64."""
    metadata = {"kind": "mcdiff", "side": SIDE, "stroke": STROKE, **told}
    named = {f"motion_i2v.{key}": str(value) for key, value in metadata.items()}
    tensors = {
        name: tensor
        for name, tensor in tensors_of(width, seed, mult).items()
        if name.startswith(halves)
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata={**trained.metadata(), **named})
    return path


def tensors_of(width: int = 32, seed: int = 0, mult: tuple[int, ...] = MULT) -> dict:
    """All tensors of a file, float16, by name."""
    networks = {
        "flow_completion": completion(width, seed, mult),
        "future_frame": future(width, seed, mult),
    }
    return {
        f"{half}.{name}": tensor.half()
        for half, network in networks.items()
        for name, tensor in network.state_dict().items()
    }


def completion(width: int = 32, seed: int = 0, mult: tuple[int, ...] = MULT) -> nn.Module:
    """F with seeded weights."""
    from motion_i2v.models.host.mcdiff_networks import FlowCompletion

    return seeded(FlowCompletion(CompletionShape(width, mult, attention=1)), seed)


def future(width: int = 32, seed: int = 0, mult: tuple[int, ...] = MULT) -> nn.Module:
    """G with seeded weights."""
    from motion_i2v.models.host.mcdiff_networks import FutureFrameUNet, future_config

    return seeded(FutureFrameUNet(**future_config(FrameShape(width, mult))), seed + 1)


def seeded(network: nn.Module, seed: int) -> nn.Module:
    """A network whose every tensor is drawn: matrices keep the size of what goes through them."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.named_parameters():
            noise = torch.randn(tensor.shape, generator=generator)
            if tensor.ndim > 1:
                tensor.copy_(noise / tensor[0].numel() ** 0.5)
            else:
                scale = name.endswith("weight")
                tensor.copy_(scale + 0.1 * noise)
    return network.eval()
