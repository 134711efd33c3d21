"""MCDiff's future frame (G) as a native MODEL: a frame's latent and its flow -> the next one's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import comfy.conds
import comfy.model_base
import comfy.model_management as management
import comfy.model_patcher
import torch
from torch import Tensor

from ..drawing.momentary_strokes import SparseFlow
from .features import reloadable
from .loading import alone, chosen_dtypes, hosted, take
from .mcdiff_file import FUTURE, McdiffFile, read_mcdiff
from .mcdiff_networks import FutureFrameUNet, folded, future_config
from .stage1_model import TrainedConfig, model_type

STEP = "mcdiff_step"
"""Key of a `FrameStep` in the host's CONDITIONING."""


@dataclass(frozen=True, eq=False)
class FrameStep:
    """What the next frame is made of.

    Args:
        latent: [1, 4, h, w], the frame's, not scaled.
        flow: [1, 2, 8 h, 8 w] px, where its pixels go in the next.
        known: [1, 1, 8 h, 8 w], 1 where the flow is told.
    """

    latent: Tensor
    flow: Tensor
    known: Tensor

    def check_noise(self, shape: tuple[int, ...]) -> None:
        """Raises ValueError unless one frame of this latent's size is sampled."""
        if shape != tuple(self.latent.shape):
            raise ValueError(
                f"the future-frame model makes one frame at a time, a latent of "
                f"{list(self.latent.shape)}, not of {list(shape)}; use the node 'MCDiff Sampler'"
            )


def with_step(latent: Tensor, flow: Tensor | SparseFlow) -> tuple[list, list]:
    """The host's positive and negative CONDITIONING for the frame after another.

    They differ in the flow alone, which the negative is not told: guidance follows it more.

    Args:
        latent: [1, 4, h, w] of the frame before, not scaled.
        flow: [2, 8 h, 8 w] px, or what is known of it.
    """
    if isinstance(flow, Tensor):
        flow = SparseFlow(flow, torch.ones_like(flow[:1]))
    told = FrameStep(latent, flow.flow[None], flow.known[None])
    untold = FrameStep(latent, torch.zeros_like(told.flow), torch.zeros_like(told.known))
    return [[None, {STEP: told}]], [[None, {STEP: untold}]]


class FutureFrameModel(comfy.model_base.BaseModel):
    """Denoises the change to the next frame's latent, given the frame's and its flow.

    Its samples are that change divided by `mcdiff_networks.CHANGE`.
    """

    def __init__(
        self, config: TrainedConfig, predicts: comfy.model_base.ModelType, device: Any = None
    ) -> None:
        super().__init__(config, predicts, device=device, unet_model=FutureFrameUNet)

    def extra_conds(self, **kwargs: Any) -> dict[str, Any]:
        step: FrameStep | None = kwargs.get(STEP)
        if step is None:
            raise ValueError(
                "this is the future-frame model of MCDiff, which makes each frame from the one "
                "before and its flow; other samplers cannot tell it these. Use the node 'MCDiff "
                "Sampler', or give this node another model"
            )
        step.check_noise(tuple(kwargs["noise"].shape))
        return super().extra_conds(**kwargs)

    def concat_cond(self, **kwargs: Any) -> Tensor:
        """The frame's latent and its flow, [1, 4 + 192, h, w]."""
        step: FrameStep = kwargs[STEP]
        flow = folded(step.flow, step.known)
        return torch.cat([self.process_latent_in(step.latent), flow], dim=1).to(kwargs["device"])


def load_future_frame(
    file: McdiffFile, dtype: torch.dtype | None = None
) -> comfy.model_patcher.ModelPatcher:
    """A native MODEL of a file's future-frame network.

    Args:
        dtype: of the weights; None lets the host choose for its device.

    Raises:
        ValueError: for a file without that network.
    """
    file.demand(FUTURE)
    assert file.frame_shape is not None
    parameters = sum(tensor.numel() for tensor in file.future.values())
    own = next(iter(file.future.values())).dtype
    weights, compute = chosen_dtypes(parameters, own, dtype)
    config = TrainedConfig(future_config(file.frame_shape), file.trained)
    config.set_inference_dtype(weights, compute)
    offload = management.unet_offload_device()
    model = FutureFrameModel(config, model_type(file.trained), device=offload)
    take(model.diffusion_model, {name: t.to(weights) for name, t in file.future.items()})
    patcher = hosted(model)
    reloadable(patcher, _read_again, file.source, dtype)
    return patcher


def _read_again(
    source: str, dtype: torch.dtype | None, disable_dynamic: bool = False
) -> comfy.model_patcher.ModelPatcher:
    return alone(load_future_frame(read_mcdiff(source), dtype), disable_dynamic)


def check_future_frame(model: Any) -> None:
    """Raises ValueError unless a MODEL is MCDiff's future frame."""
    if not isinstance(model.model, FutureFrameModel):
        raise ValueError(
            f"the model is not MCDiff's future-frame model ({type(model.model).__name__}, "
            f"{type(model.model.model_config).__name__}); connect the MODEL of 'Load MCDiff'"
        )
