"""What the host's multi-GPU nodes ask of a MODEL: weights of their own for every device."""

# ruff: noqa: E402 (the host must be on the path before anything of it is imported)

import copy

import pytest
import torch

from testing.comfyui import load_host

load_host()

import comfy.model_patcher
from motion_i2v.models.files.checkpoints import read_checkpoint
from motion_i2v.models.host import loading
from motion_i2v.models.host import small_networks as small_model
from motion_i2v.models.host.future_frame import load_future_frame
from motion_i2v.models.host.motion_module import load_motion_module
from motion_i2v.models.host.motion_run import Motion
from motion_i2v.models.host.motion_wrappers import KEY, MotionWrappers, apply_motion
from motion_i2v.models.types.motion_field import still


def part(kind, load):
    return load(read_checkpoint(small_model.FOLDER / small_model.PARTS[kind], kind))


def unet():
    return part("sd15_unet", small_model.load_image_unet)


def module():
    return part("motion_modules", load_motion_module)


PATCHERS = {
    "image UNet": unet,
    "text": lambda: small_model.load_small_model().clip.patcher,
    "image VAE": lambda: part("image_vae", small_model.load_image_vae).patcher,
    "flow VAE": lambda: part("flow_vae", loading.load_flow_vae).patcher,
    "stage 1": lambda: part("stage1_unet", loading.load_motion_field_model),
    "motion module": lambda: module().patcher,
    "future frame": lambda: load_future_frame(small_model.read_small_mcdiff()),
}

several_gpus = pytest.mark.skipif(
    not hasattr(comfy.model_patcher.ModelPatcher, "deepclone_multigpu"),
    reason="this ComfyUI does not put a prompt on several GPUs",
)


def alike_but_apart(one, other):
    ours, theirs = one.state_dict(), other.state_dict()
    assert list(ours) == list(theirs)
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name
        assert tensor.data_ptr() != theirs[name].data_ptr(), name


@several_gpus
@pytest.mark.parametrize("name", PATCHERS)
class TestEveryLoader:
    def test_a_clone_for_another_device_has_weights_of_its_own(self, name):
        patcher = PATCHERS[name]()
        clone = patcher.deepclone_multigpu(new_load_device=torch.device("cpu"))
        alike_but_apart(patcher.model, clone.model)
        assert list(clone.wrappers) == list(patcher.wrappers)
        assert clone.model_options.keys() == patcher.model_options.keys()

    def test_a_clone_that_loads_all_at_once_has_weights_of_its_own(self, name):
        patcher = PATCHERS[name]()
        clone = patcher.clone(disable_dynamic=True, force_deepcopy=True)
        assert not clone.is_dynamic()
        alike_but_apart(patcher.model, clone.model)


@several_gpus
def test_each_clone_of_a_motion_model_finds_the_layers_of_its_device():
    motion = Motion(still(4, (64, 64)), torch.zeros(1, 4, 8, 8))
    model = apply_motion(unet(), module(), motion)
    clone = model.deepclone_multigpu(new_load_device=torch.device("cpu"))
    seen = []
    for patcher in (model, clone):
        (layers,) = patcher.get_additional_models_with_key(KEY)
        patcher.model.current_patcher = patcher
        found = MotionWrappers(module(), motion)._module_of(patcher.model)
        assert found.layers is layers.model
        seen.append(found.layers)
    assert clone.wrappers.keys() == model.wrappers.keys()
    alike_but_apart(*seen)


def test_a_copied_network_calls_its_own_temporal_layers():
    """ControlNets are copied for other devices, with the hooks in them."""
    control = part("stage1_controlnet", loading.load_trajectory_control)
    other = copy.deepcopy(control.control_model)
    width = other.middle_block[1].transformer_blocks[0].attn2.to_k.weight.shape[1]
    with torch.no_grad():
        for layer in control.control_model.motion_modules.parameters():
            layer.fill_(torch.nan)
    given = {
        "x": torch.randn(3, 8, 8, 8),
        "hint": torch.zeros(3, 5, 8, 8),
        "timesteps": torch.full((3,), 500.0),
        "context": torch.zeros(3, 7, width),
        "y": torch.zeros(3, other.model_channels),
    }
    with torch.no_grad():
        made = other(**given)
    tensors = made if isinstance(made, list) else [t for ts in made.values() for t in ts]
    assert all(torch.isfinite(tensor).all() for tensor in tensors)
