"""An SD 1.5-like MODEL of any width in the host, which core loaders take for full width only.

Also a node: host tests copy this file into custom_nodes, where it knows nothing but the host.
"""

from typing import Any

import comfy.model_base
import comfy.model_management as management
import comfy.model_patcher
import comfy.supported_models
import comfy.utils
import torch


class Narrow(comfy.supported_models.SD15):
    # Widths do not tell how many heads there are.
    unet_extra_config = {"num_heads": 8, "num_head_channels": -1}


def unet_config(tensors: dict[str, torch.Tensor]) -> dict[str, Any]:
    """The host's configuration of a UNet under the host's names."""
    resnets = ("1.0", "4.0", "7.0", "10.0")
    widths = [tensors[f"input_blocks.{i}.out_layers.3.weight"].shape[0] for i in resnets]
    return {
        "image_size": 32,
        "in_channels": tensors["input_blocks.0.0.weight"].shape[1],
        "out_channels": 4,
        "model_channels": widths[0],
        "num_res_blocks": [2, 2, 2, 2],
        "channel_mult": tuple(width // widths[0] for width in widths),
        "transformer_depth": [1, 1, 1, 1, 1, 1, 0, 0],
        "transformer_depth_middle": 1,
        "transformer_depth_output": [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0],
        "context_dim": tensors["input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"].shape[1],
        "use_spatial_transformer": True,
        "use_linear_in_transformer": False,
        "legacy": False,
    }


def load_unet(tensors: dict[str, torch.Tensor], dtype: torch.dtype = torch.float32) -> Any:
    """The MODEL of a UNet's tensors under the host's names."""
    config = Narrow(unet_config(tensors))
    config.set_inference_dtype(dtype, None)
    model = comfy.model_base.BaseModel(config, device="cpu")
    cast = {name: tensor.to(dtype) for name, tensor in tensors.items()}
    model.diffusion_model.load_state_dict(cast, strict=True, assign=True)
    model.requires_grad_(False)
    return comfy.model_patcher.ModelPatcher(
        model,
        load_device=management.get_torch_device(),
        offload_device=management.unet_offload_device(),
    )


class NarrowModel:
    RETURN_TYPES = ("MODEL",)
    FUNCTION = "load"
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"file": ("STRING",)}}

    def load(self, file: str) -> tuple[Any]:
        return (load_unet(comfy.utils.load_torch_file(file)),)


NODE_CLASS_MAPPINGS = {"NarrowModel": NarrowModel}
