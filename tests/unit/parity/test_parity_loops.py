"""The parity program's stage-1 loops, on the host's own classes."""

# ruff: noqa: E402 (the host must be on the path before anything of it is imported)

from pathlib import Path

import pytest
import torch

from testing.comfyui import load_host
from tests.narrow_release import SALT, weights
from tests.parity import stage1
from tests.parity.seeded import Folder

load_host()

from motion_i2v.models.host.sampling import Settings
from motion_i2v.models.host.stage1_sampling import sample_flow


@pytest.mark.parametrize("predicted", [16, 32])
def test_up_to_32_predicted_frames_run_in_one_pass(predicted):
    """The released code knows no windows."""
    shapes = {name: list(tensor.shape) for name, tensor in weights("stage1_unet").items()}
    folder = Folder(Path(), SALT, {"stage1_unet/": shapes})
    model = stage1.load_model(folder, predicted)
    strides = 8.0 * torch.arange(1, predicted + 1)
    clip = stage1.make_clip(torch.randn(1, 4, 2, 3), strides)
    text = stage1.conditioning(torch.randn(1, 7, 48), motion_clip=clip)
    frames = []
    watched = model.model.diffusion_model.register_forward_pre_hook(
        lambda _, inputs: frames.append(inputs[0].shape[0])
    )
    with torch.inference_mode():
        sample_flow(model, text, text, Settings(steps=1, cfg=1.0))
    watched.remove()
    assert frames == [predicted]
