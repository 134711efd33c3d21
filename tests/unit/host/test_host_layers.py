"""Every weight lies in a layer that the host loads by itself: its Dynamic VRAM knows no others."""

# ruff: noqa: E402 (the host must be on the path before anything of it is imported)

import copy

import pytest
import torch

from testing.comfyui import load_host
from tests import narrow_mcdiff
from tests.narrow_release import weights

load_host()

import comfy.model_management as management
import comfy.model_patcher
import comfy.ops
from motion_i2v.models.files.checkpoints import checkpoint_of
from motion_i2v.models.host import features, loading
from motion_i2v.models.host import small_networks as small_model
from motion_i2v.models.host.flow_completion import load_flow_completion
from motion_i2v.models.host.future_frame import load_future_frame
from motion_i2v.models.host.host_layers import on_host_layers
from motion_i2v.models.host.mcdiff_networks import Learned
from motion_i2v.models.host.motion_module import load_motion_module
from motion_i2v.models.host.trackers import hosted_alltracker, hosted_dot, hosted_raft
from motion_i2v.models.trackers import weights as tracker_weights
from motion_i2v.models.trackers.alltracker_network import AllTrackerNetwork
from motion_i2v.models.trackers.dot import DotNetworks
from torchvision.models.optical_flow import raft_large, raft_small


def narrow(kind, load):
    return load(checkpoint_of(weights(kind), kind, kind))


def raft():
    tensors = raft_large(weights=None).state_dict()
    return hosted_raft(tracker_weights.build(tensors, tracker_weights.RAFT, "file"), chained=True)


PATCHERS = {
    "stage 1": lambda: narrow("stage1_unet", loading.load_motion_field_model),
    "ControlNet": lambda: (
        narrow("stage1_controlnet", loading.load_trajectory_control).control_model_wrapped
    ),
    "flow VAE": lambda: narrow("flow_vae", loading.load_flow_vae).patcher,
    "motion module": lambda: narrow("motion_modules", load_motion_module).patcher,
    "flow completion": lambda: load_flow_completion(small_model.read_small_mcdiff()).patcher,
    "future frame": lambda: load_future_frame(small_model.read_small_mcdiff()),
    "small UNet": lambda: small_model.load_small_model().model,
    "RAFT": lambda: raft().patcher,
    "DOT": lambda: hosted_dot(DotNetworks(), 64, 64, None, 0).patcher,
    "AllTracker": lambda: hosted_alltracker(AllTrackerNetwork()).patcher,
}


@pytest.fixture(params=PATCHERS, scope="module")
def patcher(request):
    return PATCHERS[request.param]()


def test_every_weight_lies_in_a_leaf_of_the_hosts_layers(patcher):
    for name, layer in patcher.model.named_modules():
        if list(layer.parameters(recurse=False)):
            assert not list(layer.children()), f"{name} holds weights and layers"
            known = hasattr(comfy.ops.disable_weight_init, type(layer).__name__)
            assert hasattr(layer, "comfy_cast_weights") or not known, f"{name}: {type(layer)}"


def test_the_hosts_list_of_what_it_loads_holds_every_weight(patcher):
    listed = {
        f"{name}.{parameter}" if name else parameter
        for *_, name, _, parameters in patcher._load_list()
        for parameter in parameters
    }
    assert listed == {name for name, _ in patcher.model.named_parameters()}


def test_every_patcher_is_of_the_hosts_own_class(monkeypatch):
    class Dynamic(comfy.model_patcher.ModelPatcher):
        """In place of the class that Dynamic VRAM puts there."""

    if not hasattr(comfy.model_patcher, "CoreModelPatcher"):
        assert features.patcher_class() is comfy.model_patcher.ModelPatcher
    monkeypatch.setattr(comfy.model_patcher, "CoreModelPatcher", Dynamic, raising=False)
    for name in ("stage 1", "motion module", "flow completion", "future frame", "RAFT"):
        assert type(PATCHERS[name]()) is Dynamic, name


@pytest.mark.parametrize("make", [raft_small, raft_large])
def test_layers_become_the_hosts_and_compute_the_same(make):
    torch.manual_seed(0)
    theirs = make(weights=None).eval()
    ours = on_host_layers(copy.deepcopy(theirs))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for layer in ours.modules():
        if hasattr(layer, "comfy_cast_weights"):
            # As a host sets it that loads weights when they are used.
            layer.comfy_cast_weights = True
    pictures = torch.rand(2, 1, 3, 128, 128)
    with torch.no_grad():
        assert torch.equal(ours(*pictures)[-1], theirs(*pictures)[-1])


def test_learned_vectors_keep_their_names_in_files():
    network = narrow_mcdiff.completion()
    tensors = network.state_dict()
    assert tensors["unknown"].shape == (2,)
    assert not [name for name in tensors if name.startswith("unknown.")]
    other = narrow_mcdiff.completion(seed=7)
    assert not torch.equal(other.unknown.weight, network.unknown.weight)
    other.load_state_dict(tensors)
    assert torch.equal(other.unknown.weight[0], tensors["unknown"])
    with pytest.raises(RuntimeError, match="unknown"):
        other.load_state_dict({k: v for k, v in tensors.items() if k != "unknown"})


def test_a_learned_vector_can_wait_outside_the_device():
    vector = Learned(torch.tensor([3.0, -1.0]), dtype=torch.float16)
    vector.comfy_cast_weights = True
    given = torch.zeros(1, device=management.get_torch_device())
    assert torch.equal(vector.like(given), torch.tensor([3.0, -1.0]).to(given))
