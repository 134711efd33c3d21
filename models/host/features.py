"""What this host has that others have not: asked of the host itself, never of its version.

Each function says which of the two ComfyUIs that the tests run on, 0.3.75 and 0.33.0, has the
thing; the other gets what it knows.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import comfy.context_windows
import comfy.model_patcher


def takes(function: Callable, argument: str) -> bool:
    """Whether a function or class of the host has an argument of this name."""
    return argument in inspect.signature(function).parameters


def patcher_class() -> type[comfy.model_patcher.ModelPatcher]:
    """The class by which the host's own loaders hold weights; look it up at each load.

    New in 0.33: `CoreModelPatcher`, which is the one that loads weights as they are used (Dynamic
    VRAM) where that is on. 0.3.75: `ModelPatcher`.
    """
    module = comfy.model_patcher
    return getattr(module, "CoreModelPatcher", module.ModelPatcher)


def frame_window(frames: list[int], total: int) -> comfy.context_windows.IndexListContextWindow:
    """A window over some of `total` frames, as the host tells it to controls and patches.

    New in 0.33: `total_frames`, by which it divides. 0.3.75 knows only the frames.
    """
    window = comfy.context_windows.IndexListContextWindow
    more = {"total_frames": total} if takes(window, "total_frames") else {}
    return window(frames, dim=0, **more)


def reloadable(patcher: Any, load: Callable[..., Any], *arguments: Any) -> None:
    """Tells the host how to read a patcher's weights once more, for another GPU.

    New in 0.33: `cached_patcher_init`. Its multi-GPU nodes call `load(*arguments)`, and where a
    patcher is to be had that loads all at once, with `disable_dynamic=True`. 0.3.75: nothing.

    Args:
        load: -> a patcher of new weights.
    """
    if hasattr(patcher, "cached_patcher_init"):
        patcher.cached_patcher_init = (load, arguments)


VIDEO_RATIOS = {
    "Cosmos1CV8x8x8": (8, 8),
    "HunyuanVideo": (8, 4),
    "HunyuanVideo15": (16, 4),
    "LTXV": (32, 8),
    "Mochi": (8, 6),
    "Wan21": (8, 4),
    "Wan22": (16, 4),
}
"""Of the video latents of 0.3.75: pixels to a latent pixel's side, frames to a latent frame."""


def latent_ratios(latent_format: Any) -> tuple[int, int]:
    """Pixels to the side of a latent pixel, and frames to a latent frame after the first.

    New in 0.33: `spacial_downscale_ratio`, `temporal_downscale_ratio`. 0.3.75: none, so its video
    formats are known here; the others are pictures'.
    """
    if hasattr(latent_format, "temporal_downscale_ratio"):
        return latent_format.spacial_downscale_ratio, latent_format.temporal_downscale_ratio
    kinds = (kind.__name__ for kind in type(latent_format).__mro__)
    return next((VIDEO_RATIOS[kind] for kind in kinds if kind in VIDEO_RATIOS), (8, 1))


def noises_itself(sampler: Any) -> bool:
    """Whether a sampler takes noised latents of variance 1, and not the host's, as its noise.

    New in 0.33: that of VOID (CogVideoX), which its network was trained for. A SAMPLER tells no
    more of itself than its class.
    """
    return type(sampler).__name__ == "VOID_DDIM"
