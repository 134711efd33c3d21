"""Load Small Model in a real ComfyUI, on seeded files: what its outputs can be used for, and when
its files are read. What the trained ones do is in test_small_model_runs.py."""

import shutil
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from devkit import host, places
from tests import small_files
from tests.host.small_host import CLIP, LOADER, MODEL, VAE
from tests.host.stage1_host import node
from tests.host_process import HostProcess, Prompt


def put_copy(custom_nodes: Path) -> None:
    """The pack with narrow seeded files as its small model, in place of a link to the checkout."""
    target = custom_nodes / places.PACK
    leave = (*host.NOT_THE_PACK, "training", "benchmarks", "small_model")
    shutil.copytree(places.ROOT, target, ignore=shutil.ignore_patterns(*leave))
    small_files.write_small_model(target / "small_model")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small_host")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(host, "put_pack", put_copy)
        process = HostProcess(base=folder)
        with process:
            yield process


def files_of(server: HostProcess) -> Path:
    return server.base / "custom_nodes" / places.PACK / "small_model"


def core_prompt() -> Prompt:
    """The core's own nodes alone: text, LoRA, another sampling, KSampler, VAE, pictures."""
    return {
        "small": node(LOADER),
        "lora": node(
            "LoraLoader",
            model=["small", MODEL],
            clip=["small", CLIP],
            lora_name="small.safetensors",
            strength_model=1.0,
            strength_clip=1.0,
        ),
        "v": node("ModelSamplingDiscrete", model=["lora", 0], sampling="v_prediction", zsnr=True),
        "positive": node("CLIPTextEncode", clip=["lora", 1], text="a rocket moves left, 8k"),
        "negative": node("CLIPTextEncode", clip=["lora", 1], text=""),
        "picture": node("EmptyImage", width=64, height=48, batch_size=1, color=0x8040C0),
        "encoded": node("VAEEncode", pixels=["picture", 0], vae=["small", VAE]),
        "sampled": node(
            "KSampler",
            model=["v", 0],
            positive=["positive", 0],
            negative=["negative", 0],
            latent_image=["encoded", 0],
            **{"seed": 1, "steps": 2, "cfg": 3.0, "sampler_name": "euler", "scheduler": "normal"},
            denoise=1.0,
        ),
        "decoded": node("VAEDecode", samples=["sampled", 0], vae=["small", VAE]),
        "saved": node("SaveImage", images=["decoded", 0], filename_prefix="small"),
    }


def picture(server: HostProcess, prompt: Prompt) -> numpy.ndarray:
    result = server.run(prompt)
    assert result.succeeded, result.errors
    (file,) = server.files(result)
    return numpy.asarray(Image.open(file))


def write_lora(server: HostProcess, strength: float) -> None:
    name = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_v"
    lora = {
        f"{name}.lora_up.weight": strength * torch.ones(32, 4),
        f"{name}.lora_down.weight": torch.ones(4, 64),
        f"{name}.alpha": torch.tensor(4.0),
    }
    folder = server.base / "models" / "loras"
    folder.mkdir(parents=True, exist_ok=True)
    save_file(lora, folder / "small.safetensors")


def test_the_cores_nodes_take_model_clip_and_vae(server):
    write_lora(server, 1.0)
    with_lora = picture(server, core_prompt())
    prompt = core_prompt()
    prompt["lora"]["inputs"].update(strength_model=0.0, strength_clip=0.0)
    without = picture(server, prompt)
    assert without.shape == (48, 64, 3)
    assert (with_lora != without).any()


def test_a_retrained_file_is_loaded_anew(server):
    write_lora(server, 0.0)
    before = picture(server, core_prompt())
    again = server.run(core_prompt())
    assert "small" in again.cached
    path = files_of(server) / "image_unet.safetensors"
    kept = path.read_bytes()
    tensors = small_files.part("sd15_unet")
    tensors["conv_out.bias"] += 1
    told = {"motion_i2v.kind": "sd15_unet", **small_files.TRAINED.metadata()}
    save_file(tensors, path, metadata=told)
    try:
        assert (picture(server, core_prompt()) != before).any()
    finally:
        path.write_bytes(kept)


def test_a_missing_file_is_an_error_that_helps_and_the_server_goes_on(server):
    path = files_of(server) / "controlnet.safetensors"
    content = path.read_bytes()
    path.unlink()
    result = server.run(core_prompt())
    (error,) = result.errors
    assert error["node_id"] == "small"
    assert "controlnet.safetensors" in error["exception_message"]
    assert "get it again" in error["exception_message"]
    path.write_bytes(content)
    assert server.run(core_prompt()).succeeded


def outputs(server: HostProcess) -> dict[str, Any]:
    return server.object_info()[LOADER]


def test_outputs_are_the_hosts_own_types(server):
    kinds = ["MODEL", "CLIP", "VAE", "FLOW_VAE", "CONTROL_NET", "MOTION_MODULE", "MODEL"]
    described = outputs(server)
    assert described["output"] == kinds
    assert described["output_name"][0] == "stage 2 MODEL"
    assert described["output_name"][-1] == "stage 1 MODEL"
    assert not described["input"].get("required")
