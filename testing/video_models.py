"""The host's own classes of video models, narrow and with seeded weights: no released files.

Also a node: host tests copy this file into custom_nodes, where it knows nothing but the host.
"""

from typing import Any

import comfy.model_management as management
import comfy.model_patcher
import comfy.sd
import comfy.supported_models
import torch
from comfy.ldm.hunyuan_video.model import HunyuanVideoParams
from comfy.ldm.wan.vae import WanVAE

TEXT = 24
"""Width of the text embeddings that all of them take."""

WAN = {
    **{"image_model": "wan2.1", "model_type": "t2v", "in_dim": 16, "out_dim": 16, "dim": 48},
    **{"ffn_dim": 96, "freq_dim": 32, "text_dim": TEXT, "num_heads": 4, "num_layers": 2},
}
COGVIDEOX = {
    **{"image_model": "cogvideox", "num_attention_heads": 3, "attention_head_dim": 16},
    **{"time_embed_dim": 32, "text_embed_dim": TEXT, "num_layers": 2},
    **{"sample_width": 8, "sample_height": 8, "sample_frames": 9},
    "use_rotary_positional_embeddings": True,
}
CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "Wan 2.1": ("WAN21_T2V", WAN),
    "Wan 2.1 of a picture": ("WAN21_I2V", {**WAN, "model_type": "i2v", "in_dim": 36}),
    "Wan 2.2 5B": ("WAN22_T2V", {**WAN, "in_dim": 48, "out_dim": 48}),
    "LTX": (
        "LTXV",
        {
            **{"image_model": "ltxv", "attention_head_dim": 16, "num_attention_heads": 2},
            **{"cross_attention_dim": 32, "caption_channels": TEXT, "num_layers": 2},
        },
    ),
    "Hunyuan": (
        "HunyuanVideo",
        {
            **{"image_model": "hunyuan_video", "in_channels": 16, "out_channels": 16},
            **{"vec_in_dim": TEXT, "context_in_dim": TEXT, "hidden_size": 48, "mlp_ratio": 2.0},
            **{"num_heads": 3, "depth": 1, "depth_single_blocks": 1, "axes_dim": [4, 6, 6]},
            **{"theta": 256, "patch_size": [1, 2, 2], "qkv_bias": True, "guidance_embed": True},
            **{"byt5": False, "meanflow": False, "use_cond_type_embedding": False},
            "vision_in_dim": None,
        },
    ),
    "CogVideoX": ("CogVideoX_T2V", COGVIDEOX),
    "VOID": (
        "CogVideoX_Inpaint",
        {**COGVIDEOX, "in_channels": 48, "out_channels": 16, "patch_size_t": 2},
    ),
}


def known(family: str) -> bool:
    """Whether this host has the family's classes."""
    return hasattr(comfy.supported_models, CONFIGS[family][0])


def load_video_model(family: str, seed: int = 0) -> Any:
    """The MODEL of one of CONFIGS; another seed gives other weights, such as another expert's."""
    name, unet_config = CONFIGS[family]
    unet_config = dict(unet_config)
    if family == "Hunyuan" and "meanflow_sum" in HunyuanVideoParams.__dataclass_fields__:
        unet_config["meanflow_sum"] = False
    config = getattr(comfy.supported_models, name)(unet_config)
    config.set_inference_dtype(torch.float32, None)
    model = config.get_model({}, device="cpu")
    fill(model.diffusion_model, seed)
    return comfy.model_patcher.ModelPatcher(
        model,
        load_device=management.get_torch_device(),
        offload_device=management.unet_offload_device(),
    )


def load_video_vae() -> Any:
    """A VAE of Wan 2.1's class; its latents are as large as those of Hunyuan and CogVideoX."""
    network = WanVAE(dim=8, z_dim=16, attn_scales=[], temperal_downsample=[False, True, True])
    fill(network, 0)
    return comfy.sd.VAE(sd=network.state_dict())


def fill(network: torch.nn.Module, seed: int) -> None:
    """Seeded weights that keep features of the order of 1."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        values = torch.randn(parameter.shape, generator=generator)
        fan_in = parameter[0].numel() if parameter.ndim > 1 else 25
        parameter.data = values / max(fan_in, 1) ** 0.5
        parameter.requires_grad_(False)


class NarrowVideoModel:
    RETURN_TYPES = ("MODEL",)
    FUNCTION = "load"
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        families = [family for family in CONFIGS if known(family)]
        return {"required": {"family": (families,), "seed": ("INT", {"default": 0})}}

    def load(self, family: str, seed: int) -> tuple[Any]:
        return (load_video_model(family, seed),)


class NarrowVideoVAE:
    RETURN_TYPES = ("VAE",)
    FUNCTION = "load"
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {}}

    def load(self) -> tuple[Any]:
        return (load_video_vae(),)


class NarrowLatents:
    """Seeded latents of a shape, such as "1, 16, 3, 4, 6"."""

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "make"
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"shape": ("STRING",), "seed": ("INT", {"default": 0})}}

    def make(self, shape: str, seed: int) -> tuple[dict[str, Any]]:
        generator = torch.Generator().manual_seed(seed)
        sides = [int(side) for side in shape.split(",")]
        return ({"samples": torch.randn(sides, generator=generator)},)


NODE_CLASS_MAPPINGS = {
    node.__name__: node for node in (NarrowVideoModel, NarrowVideoVAE, NarrowLatents)
}
