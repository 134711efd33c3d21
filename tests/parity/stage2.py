"""What the two stage-2 families share: an ordinary MODEL, the motion modules, and the motion."""

import torch
from motion_i2v.models.files.checkpoints import checkpoint_of
from motion_i2v.models.types.motion_field import MotionField

from tests.parity.seeded import Folder


def load(folder: Folder):
    """The MODEL and the MOTION_MODULE of a folder's stage-2 UNet."""
    from motion_i2v.models.host.motion_module import load_motion_module

    from testing.sd15 import load_unet

    weights = folder.weights("stage2_unet")
    names = [name for name in weights if ".motion_modules." in name]
    modules = {name: weights.pop(name) for name in names}
    module = load_motion_module(checkpoint_of(modules, "weights.json", "motion_modules"))
    unet = checkpoint_of(weights, "weights.json", "sd15_unet")
    return load_unet(unet.take_host_tensors()), module


def make_motion(flow: torch.Tensor, scaled: torch.Tensor, **options):
    """The motion of a flow [F, 2, H, W] and a reference [1, 4, h, w] that is already scaled."""
    import comfy.latent_formats
    from motion_i2v.models.host.motion_run import Motion

    reference = comfy.latent_formats.SD15().process_out(scaled)
    return Motion(MotionField(flow), reference, **options)
