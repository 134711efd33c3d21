"""What the two stage-1 families share: the real MODEL, CONTROL_NET and the conditioning."""

import torch
from einops import rearrange
from motion_i2v.models.files.checkpoints import checkpoint_of

from tests.parity.seeded import Folder


def frames(x: torch.Tensor) -> torch.Tensor:
    """[B, C, F, h, w] -> the host's batch of frames [(B F), C, h, w]."""
    return rearrange(x, "b c f h w -> (b f) c h w")


def load_model(folder: Folder, predicted: int = 0):
    """The MODEL, that takes up to 32 predicted frames in one pass, as the released code does."""
    from motion_i2v.models.host.loading import load_motion_field_model
    from motion_i2v.models.host.stage1_windows import TRAINED_FRAMES, MotionWindows
    from motion_i2v.models.networks.temporal import MAX_TOKENS

    weights = folder.weights("stage1_unet")
    checkpoint = checkpoint_of(weights, "weights.json", "stage1_unet")
    windows = MotionWindows(length=min(max(TRAINED_FRAMES, predicted), MAX_TOKENS))
    return load_motion_field_model(checkpoint, windows=windows)


def load_control(folder: Folder):
    from motion_i2v.models.host.loading import load_trajectory_control

    weights = folder.weights("stage1_controlnet")
    return load_trajectory_control(checkpoint_of(weights, "weights.json", "stage1_controlnet"))


def make_clip(reference: torch.Tensor, stride: torch.Tensor):
    """The clip of a reference latent [1, 4, h, w] that is already scaled."""
    from motion_i2v.models.host.previews import FlowLatents
    from motion_i2v.models.host.stage1_clip import Stage1Clip
    from motion_i2v.models.types.view import fit

    size = (8 * reference.shape[3], 8 * reference.shape[2])
    latent = FlowLatents().process_out(reference)
    return Stage1Clip(latent, tuple(stride.flatten().tolist()), fit(size, 0, 0, crop=False))


def conditioning(text: torch.Tensor, **values):
    """The host's CONDITIONING of text embeddings [1, L, C]."""
    return [[text, values]]


def hinted(control, hint: torch.Tensor, strength: float = 1.0):
    """The CONTROL_NET with a hint [1, 5, F, h, w] baked in."""
    return control.copy().set_cond_hint(frames(hint), strength, (0.0, 1.0))
