"""What a checkpoint file is, told by its tensors' names and shapes, never by the file's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Kind:
    """A sort of file.

    Args:
        key: its short name, in metadata and in the code.
        title: what a person calls it.
        file: where it lies in the release; "" where it does not.
        loader: the node that loads it.
        folder: which that node reads, where it is not ours.
    """

    key: str
    title: str
    file: str
    loader: str
    folder: str = ""

    @property
    def released(self) -> str:
        """What a message adds to the title."""
        return f" ({self.file} in the release)" if self.file else ""


KINDS = {
    kind.key: kind
    for kind in (
        Kind(
            "stage1_unet",
            "the motion-field model of stage 1",
            "stage1/StableDiffusion-FlowGen/unet/diffusion_pytorch_model.bin",
            "Load Motion-Field Model",
        ),
        Kind(
            "stage1_controlnet",
            "the sparse-trajectory ControlNet of stage 1",
            "stage1/StableDiffusion-FlowGen/controlnet/controlnet.bin",
            "Load Trajectory ControlNet",
        ),
        Kind(
            "flow_vae",
            "the flow VAE",
            "stage1/StableDiffusion-FlowGen/vae_flow/diffusion_pytorch_model.bin",
            "Load Flow VAE",
        ),
        Kind(
            "motion_modules",
            "the motion modules of stage 2",
            "stage2/Motion_Module/motion_block.bin",
            "Load Motion Module",
        ),
        Kind("stage2_unet", "a whole stage-2 UNet", "stage2 (UNet with motion modules)", ""),
        Kind(
            "sd15_unet",
            "an ordinary SD 1.5 UNet",
            "stage2/DreamBooth_LoRA/realistic_unet.ckpt",
            "Load Diffusion Model",
            "models/diffusion_models/",
        ),
        Kind("mcdiff", "a file of MCDiff's networks", "", "Load MCDiff"),
        Kind("image_vae", "a VAE for pictures", "", "Load VAE", "models/vae/"),
        Kind(
            "sd_checkpoint",
            "an ordinary Stable Diffusion checkpoint",
            "",
            "Load Checkpoint",
            "models/checkpoints/",
        ),
        Kind(
            "sd_controlnet",
            "an ordinary ControlNet",
            "",
            "Load ControlNet Model",
            "models/controlnet/",
        ),
    )
}


def detect(shapes: Shapes) -> Kind | None:
    """What a file with these names and shapes is; None where nothing fits."""
    conv_in = shapes.get("conv_in.weight", ())
    temporal = any(".motion_modules." in name for name in shapes)
    if any(name.startswith(("flow_completion.", "future_frame.")) for name in shapes):
        return KINDS["mcdiff"]
    if "controlnet_cond_embedding.layers.0.weight" in shapes:
        return KINDS["stage1_controlnet"]
    if any(
        name.startswith(("controlnet_", "input_hint_block.", "control_model.")) for name in shapes
    ):
        return KINDS["sd_controlnet"]
    if any(name.startswith(("first_stage_model.", "cond_stage_model.")) for name in shapes):
        return KINDS["sd_checkpoint"]
    if "encoder.conv_in.weight" in shapes and "decoder.conv_in.weight" in shapes:
        two = shapes["encoder.conv_in.weight"][1:2] == (2,)
        return KINDS["flow_vae" if two else "image_vae"]
    if conv_in or "time_embedding.linear_1.weight" in shapes:
        if "stride_embedding.linear_1.weight" in shapes or (temporal and conv_in[1:2] == (8,)):
            return KINDS["stage1_unet"]
        return KINDS["stage2_unet" if temporal else "sd15_unet"]
    if temporal and all(".motion_modules." in name for name in shapes):
        return KINDS["motion_modules"]
    if "input_blocks.0.0.weight" in shapes:
        return KINDS["sd_checkpoint"]
    return None
