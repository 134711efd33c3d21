"""An SD 1.5-like MODEL of any width in the host, which core loaders take for full width only."""

from typing import Any

import torch


def load_unet(tensors: dict[str, torch.Tensor], dtype: torch.dtype | None = None) -> Any:
    """The host's MODEL of a UNet under its released (diffusers) names, without temporal layers."""
    import comfy.model_base
    import comfy.model_management as management
    import comfy.model_patcher
    import comfy.supported_models
    from motion_i2v.models.checkpoints import checkpoint_of
    from motion_i2v.models.host.stage1_model import unet_config

    class Narrow(comfy.supported_models.SD15):
        # Widths do not tell how many heads there are.
        unet_extra_config = {"num_heads": 8, "num_head_channels": -1}

    checkpoint = checkpoint_of(tensors, "a test", "sd15_unet")
    settings = unet_config(checkpoint.shape)
    for key in ("num_classes", "adm_in_channels"):
        del settings[key]
    config = Narrow(settings)
    config.set_inference_dtype(dtype or torch.float32, None)
    model = comfy.model_base.BaseModel(config, device="cpu")
    model.diffusion_model.load_state_dict(
        checkpoint.take_host_tensors(dtype), strict=True, assign=True
    )
    model.requires_grad_(False)
    return comfy.model_patcher.ModelPatcher(
        model,
        load_device=management.get_torch_device(),
        offload_device=management.unet_offload_device(),
    )
