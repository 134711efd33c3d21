"""Stage 1 as a native MODEL: a UNet with temporal layers, the reference and the strides."""

from __future__ import annotations

from typing import Any

import comfy.conds
import comfy.latent_formats
import comfy.model_base
import comfy.supported_models
import torch
from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel
from comfy.ldm.modules.diffusionmodules.util import timestep_embedding

from ..files.layout import sites
from ..files.network_shapes import UNetShape
from ..files.trained import RELEASED, Trained, V
from .previews import FlowLatents
from .stage1_clip import Stage1Clip
from .temporal_layers import ClipLength, clip_length, follow, follow_clip, make_temporal_layers


def model_type(trained: Trained) -> comfy.model_base.ModelType:
    """What a network predicts, as the host names it."""
    types = comfy.model_base.ModelType
    return types.V_PREDICTION if trained.prediction == V else types.EPS


def unet_config(shape: UNetShape) -> dict[str, Any]:
    """The host's configuration of an SD 1.5-like UNet or ControlNet."""
    first = shape.widths[0]
    config: dict[str, Any] = {
        "image_size": 32,
        "in_channels": shape.in_channels,
        "model_channels": first,
        "num_res_blocks": [2, 2, 2, 2],
        "channel_mult": tuple(width // first for width in shape.widths),
        "transformer_depth": [1, 1, 1, 1, 1, 1, 0, 0],
        "transformer_depth_middle": 1,
        "transformer_depth_output": [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0],
        "context_dim": shape.context,
        "num_heads": shape.heads,
        "num_head_channels": -1,
        "use_spatial_transformer": True,
        "use_linear_in_transformer": False,
        "legacy": False,
    }
    if shape.decoder:
        config["out_channels"] = 4
    if shape.stage1:
        config |= {"num_classes": "sequential", "adm_in_channels": first}
    return config


class TrainedConfig(comfy.supported_models.SD15):
    """SD 1.5 with the schedule of both stages, and with what a file tells of its training.

    The schedule is diffusers' "linear", which the host calls "sqrt_linear".
    """

    unet_extra_config: dict[str, Any] = {}
    memory_usage_factor = 1.5

    def __init__(self, unet_config: dict[str, Any], trained: Trained = RELEASED) -> None:
        super().__init__(unet_config)
        zero = trained.zero_terminal_snr
        self.sampling_settings: dict[str, Any] = {"beta_schedule": "sqrt_linear", "zsnr": zero}


class MotionFieldConfig(TrainedConfig):
    """Stage 1's."""

    latent_format = FlowLatents


class MotionFieldUNet(UNetModel):
    """The host's UNet with a temporal transformer after each attention (or lone resnet)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        widths = tuple(self.model_channels * mult for mult in self.channel_mult)
        places = sites(widths)
        self.motion_modules = make_temporal_layers(
            places, kwargs["operations"], kwargs.get("dtype"), kwargs.get("device")
        )
        self.clip = ClipLength()
        follow(self, places, self.motion_modules, follow_clip(self.clip))

    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        """As the host's; `transformer_options["cond_or_uncond"]` tells how many clips x holds."""
        kwargs.pop("motion_clip", None)
        chunks = len(kwargs.get("transformer_options", {}).get("cond_or_uncond", [0]))
        self.clip.frames = clip_length(x.shape[0], chunks)
        return super().forward(x, *args, **kwargs)


class MotionFieldModel(comfy.model_base.BaseModel):
    """Denoises flow latents, given the reference's latent and each frame's stride."""

    def __init__(
        self, config: MotionFieldConfig, predicts: comfy.model_base.ModelType, device: Any = None
    ) -> None:
        super().__init__(config, predicts, device=device, unet_model=MotionFieldUNet)

    def extra_conds(self, **kwargs: Any) -> dict[str, Any]:
        clip: Stage1Clip | None = kwargs.get("motion_clip")
        if clip is None:
            raise ValueError(
                "the motion-field model needs the reference picture: pass positive and negative "
                "through 'Motion-Field Conditioning' (or use the 'Motion-Field Sampler')"
            )
        clip.check_noise(tuple(kwargs["noise"].shape))
        if clip.preview is not None:
            self.latent_format.projection = clip.preview
        out = super().extra_conds(**kwargs)
        out["motion_clip"] = comfy.conds.CONDConstant(clip)
        return out

    def concat_cond(self, **kwargs: Any) -> torch.Tensor:
        """The reference's latent [1, 4, h, w]; the host repeats it over the frames."""
        clip: Stage1Clip = kwargs["motion_clip"]
        return self.process_latent_in(clip.reference).to(kwargs["device"])

    def encode_adm(self, **kwargs: Any) -> torch.Tensor:
        """The sinusoids [N, model_channels] of the frames' strides."""
        clip: Stage1Clip = kwargs["motion_clip"]
        strides = torch.tensor(clip.strides, dtype=torch.float32, device=kwargs["device"])
        return timestep_embedding(strides, self.diffusion_model.model_channels)
