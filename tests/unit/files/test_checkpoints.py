"""Checkpoints: kinds told by keys, every variation read, everything else an error that helps."""

import hashlib
import pickle

import pytest
import torch
from motion_i2v.models.files import layout
from motion_i2v.models.files.checkpoints import checkpoint_of, read_checkpoint
from motion_i2v.models.files.kinds import KINDS
from motion_i2v.models.files.network_shapes import UNetShape, VAEShape
from safetensors.torch import save_file

from tests.narrow_release import entries, weights

FULL = (320, 640, 1280, 1280)

# Digests of the released files' names and shapes (without `.pe`, VAE attention as to_q/...).
RELEASED = {
    "stage1_unet": (1236, "e1dc8040350d8d91", UNetShape("stage1_unet", FULL, 768)),
    "stage1_controlnet": (566, "7fc89021e8e1f41e", UNetShape("stage1_controlnet", FULL, 768)),
    "stage2_unet": (1232, "c474ec4a68389e11", UNetShape("stage2_unet", FULL, 768)),
    "stage2_motion_modules": (546, "94a9a43f7f0796ef", UNetShape("motion_modules", FULL)),
    "flow_vae": (248, "8a09c42c89892d5a", VAEShape((128, 256, 512, 512), 2)),
}
KINDS_MADE = ("stage1_unet", "stage1_controlnet", "flow_vae", "motion_modules", "sd15_unet")


def digest(shapes) -> str:
    lines = sorted(f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


@pytest.mark.parametrize("name", RELEASED)
def test_the_layout_is_the_released_one(name):
    count, expected, shape = RELEASED[name]
    made = layout.entries(shape)
    assert len(made) == count
    assert len({entry.host for entry in made}) == count
    assert digest((entry.name, entry.shape) for entry in made) == expected


@pytest.fixture(scope="module", params=KINDS_MADE)
def part(request):
    return request.param, weights(request.param)


def test_a_part_is_recognised_and_whole(part):
    kind, tensors = part
    checkpoint = checkpoint_of(tensors, "file", kind)
    assert checkpoint.kind is KINDS[kind]
    assert set(checkpoint.tensors) == {entry.name for entry in entries(kind)}
    assert not any(name.endswith(".pe") for name in checkpoint.tensors)


VARIATIONS = {
    "module.": lambda t: {f"module.{name}": v for name, v in t.items()},
    "unet.": lambda t: {f"unet.{name}": v for name, v in t.items()},
    "controlnet.": lambda t: {f"controlnet.{name}": v for name, v in t.items()},
    "module.unet.": lambda t: {f"module.unet.{name}": v for name, v in t.items()},
    "wrapped": lambda t: {"state_dict": t, "epoch": 3},
    "wrapped as 'model'": lambda t: {"model": t, "optimizer": {"state": {}, "lr": 1e-4}},
    "wrapped by its kind": lambda t: {"motion_modules": t},
    "wrapped twice": lambda t: {"model": {"state_dict": t}, "step": torch.tensor(3)},
    "bookkeeping": lambda t: {**t, "epoch": torch.tensor(3), "global_step": torch.tensor([9])},
    "bookkeeping beside module.": lambda t: {
        **{f"module.{name}": v for name, v in t.items()},
        "epoch": torch.tensor(3.0),
    },
    "no positions": lambda t: {name: v for name, v in t.items() if not name.endswith(".pe")},
    "float16": lambda t: {name: v.half() for name, v in t.items()},
    "bfloat16": lambda t: {name: v.bfloat16() for name, v in t.items()},
    "new attention": lambda t: {
        name.replace(".query.", ".to_q.")
        .replace(".key.", ".to_k.")
        .replace(".value.", ".to_v.")
        .replace(".proj_attn.", ".to_out.0."): v
        for name, v in t.items()
    },
}


@pytest.mark.parametrize("variation", VARIATIONS)
def test_variations_of_a_part_read_the_same(part, variation):
    kind, tensors = part
    plain = checkpoint_of(tensors, "file", kind)
    varied = checkpoint_of(VARIATIONS[variation](tensors), "file", kind)
    assert set(varied.tensors) == set(plain.tensors)
    assert varied.shape == plain.shape
    assert set(varied.take_host_tensors()) == {entry.host for entry in plain.entries}
    assert not varied.tensors


@pytest.mark.parametrize("suffix", [".bin", ".ckpt", ".safetensors"])
def test_files_are_read_without_running_code(tmp_path, suffix):
    path = tmp_path / f"anything{suffix}"
    tensors = weights("flow_vae")
    save_file(tensors, path) if suffix == ".safetensors" else torch.save(tensors, path)
    checkpoint = read_checkpoint(path, "flow_vae")
    assert torch.equal(checkpoint.tensors["quant_conv.weight"], tensors["quant_conv.weight"])


def test_a_network_does_not_live_in_its_file(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file(weights("flow_vae"), path)
    taken = read_checkpoint(path).take_host_tensors()
    before = taken["quant_conv.weight"].clone()
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    with path.open("r+b") as file:
        file.write(content)
    assert torch.equal(taken["quant_conv.weight"], before)
    assert all(tensor.any() for name, tensor in taken.items() if name.endswith("weight"))


def test_old_pickles_that_cannot_be_mapped_are_read(tmp_path):
    path = tmp_path / "old.bin"
    torch.save(weights("flow_vae"), path, _use_new_zipfile_serialization=False)
    assert read_checkpoint(path).kind.key == "flow_vae"


def test_a_file_that_would_run_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    path = tmp_path / "evil.bin"
    path.write_bytes(pickle.dumps({"conv_in.weight": Evil()}, protocol=2))
    with pytest.raises(ValueError, match="reading it would run code"):
        read_checkpoint(path)
    torch.save({"x": Evil()}, path)
    with pytest.raises(ValueError, match="reading it would run code"):
        read_checkpoint(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("suffix", [".bin", ".safetensors"])
def test_a_download_that_broke_off_is_an_error(tmp_path, suffix):
    path = tmp_path / f"half{suffix}"
    tensors = weights("flow_vae")
    save_file(tensors, path) if suffix == ".safetensors" else torch.save(tensors, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match="downloaded to its end"):
        read_checkpoint(path)


DOWNLOADS = {
    "a web page": b"<!DOCTYPE html><html>404</html>",
    "a git-LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(99),
    "JSON text": b'{"error": "not found"}',
    "is empty": b"",
    "only zeros": bytes(1000),
    "it begins with b'hello wo'": b"hello world, this is text",
}


@pytest.mark.parametrize("suffix", [".bin", ".safetensors"])
@pytest.mark.parametrize("words", DOWNLOADS)
def test_what_a_download_became_is_said(tmp_path, words, suffix):
    path = tmp_path / f"x{suffix}"
    path.write_bytes(DOWNLOADS[words])
    if words.startswith("it begins") and suffix == ".safetensors":
        words = "downloaded to its end"
    with pytest.raises(ValueError, match=words):
        read_checkpoint(path)


def test_a_pickle_that_ends_anywhere_is_not_whole(tmp_path):
    path = tmp_path / "old.bin"
    torch.save({"x": torch.arange(3.0)}, path, _use_new_zipfile_serialization=False)
    whole = path.read_bytes()
    for length in range(1, len(whole)):
        path.write_bytes(whole[:length])
        # Half of a name is a name of something unknown.
        with pytest.raises(ValueError, match=r"downloaded to its end|Unsupported global"):
            read_checkpoint(path)
    path.write_bytes(b"\x80\x02}")
    with pytest.raises(ValueError, match="downloaded to its end"):
        read_checkpoint(path)


def test_a_safetensors_file_of_another_name_is_read(tmp_path):
    save_file(weights("flow_vae"), tmp_path / "flow.bin")
    assert read_checkpoint(tmp_path / "flow.bin").kind.key == "flow_vae"


@pytest.mark.parametrize("kind", KINDS_MADE)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_weight_that_is_no_number_is_named(kind, value):
    tensors = weights(kind)
    name = [name for name in tensors if name.endswith("bias")][-1]
    tensors[name][0] = value
    checkpoint = checkpoint_of(tensors, "broken.bin", kind)
    with pytest.raises(ValueError, match=rf"broken\.bin: {name} holds NaN or infinite"):
        checkpoint.take_host_tensors()


def test_a_weight_that_the_dtype_cannot_hold_is_named():
    tensors = weights("flow_vae")
    tensors["quant_conv.bias"][0] = 1e6
    with pytest.raises(ValueError, match=r"quant_conv\.bias .*up to 1e\+06.*float16"):
        checkpoint_of(tensors, "x.bin").take_host_tensors(torch.float16)


def test_weights_of_eight_bits_are_checked_too():
    tensors = {n: t.to(torch.float8_e4m3fn) for n, t in weights("sd15_unet").items()}
    checkpoint_of(tensors, "x.bin").take_host_tensors()
    checkpoint_of(tensors, "x.bin").take_host_tensors(torch.float16)


def test_the_wrong_part_is_named_with_the_node_that_takes_it():
    with pytest.raises(ValueError, match=r"vae_flow/.*it is the motion-field model.*Motion-Field"):
        checkpoint_of(weights("stage1_unet"), "x.bin", "flow_vae")
    with pytest.raises(ValueError, match=r"'Load Diffusion Model', which reads .*diffusion_models"):
        checkpoint_of(weights("sd15_unet"), "x.bin", "flow_vae")
    with pytest.raises(ValueError, match=r"it is a VAE for pictures.*'Load VAE'"):
        checkpoint_of(weights("image_vae"), "x.bin", "flow_vae")


FOREIGN = {
    "an ordinary ControlNet": {"input_hint_block.0.weight": torch.zeros(16, 3, 3, 3)},
    "an ordinary Stable Diffusion checkpoint": {
        "model.diffusion_model.input_blocks.0.0.weight": torch.zeros(4, 4, 3, 3),
        "cond_stage_model.x": torch.zeros(1),
    },
    "nor anything else": {"lora.up.weight": torch.zeros(4, 4)},
}


@pytest.mark.parametrize("words", FOREIGN)
def test_foreign_files_are_told_apart(words):
    with pytest.raises(ValueError, match=words):
        checkpoint_of(FOREIGN[words], "x.safetensors", "stage1_unet")


def test_missing_unexpected_and_misshapen_tensors_are_named():
    tensors = weights("stage1_unet")
    del tensors["mid_block.resnets.1.conv2.bias"]
    tensors["extra.weight"] = torch.zeros(3)
    tensors["conv_out.weight"] = torch.zeros(4, 32, 1, 1)
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        checkpoint_of(tensors, "x.bin", "stage1_unet")
    message = str(caught.value)
    assert "1 tensors are missing, the first mid_block.resnets.1.conv2.bias" in message
    assert "1 are unexpected, the first extra.weight" in message
    assert "conv_out.weight with [4, 32, 1, 1] instead of [4, 32, 3, 3]" in message
    assert KINDS["stage1_unet"].file in message


def test_other_positions_than_the_sinusoid_are_an_error():
    tensors = weights("motion_modules")
    name = next(name for name in tensors if name.endswith(".pe"))
    tensors[name] = torch.randn_like(tensors[name])
    with pytest.raises(ValueError, match=r"pos_encoder\.pe .* is not the table"):
        checkpoint_of(tensors, "x.bin")


@pytest.mark.parametrize("tokens", [8, 24])
def test_shorter_tables_of_positions_must_be_the_sinusoid_too(tokens):
    tensors = weights("motion_modules")
    short = {n: t[:, :tokens] if n.endswith(".pe") else t for n, t in tensors.items()}
    assert checkpoint_of(short, "x.bin").kind.key == "motion_modules"
    name = next(name for name in short if name.endswith(".pe"))
    short[name] = torch.roll(short[name], 1, dims=1)
    with pytest.raises(ValueError, match="is not the table"):
        checkpoint_of(short, "x.bin")


def test_two_networks_in_one_file_are_named():
    both = {"model": weights("flow_vae"), "ema": weights("flow_vae")}
    with pytest.raises(ValueError, match=r"holds several sets of weights \(model, ema\)"):
        checkpoint_of(both, "x.bin")


def test_quantised_weights_are_refused():
    tensors = {n: (99 * t).to(torch.int8) for n, t in weights("motion_modules").items()}
    with pytest.raises(ValueError, match=r"int8.*quantised"):
        checkpoint_of(tensors, "x.bin")


def test_animatediff_v1_is_told_apart():
    tensors = {n: t for n, t in weights("motion_modules").items() if not n.startswith("mid_")}
    with pytest.raises(ValueError, match="AnimateDiff v1 or v3"):
        checkpoint_of(tensors, "x.ckpt", "motion_modules")


def test_an_empty_file_and_a_missing_one(tmp_path):
    with pytest.raises(ValueError, match="no tensors"):
        checkpoint_of({}, "x.bin")
    with pytest.raises(FileNotFoundError, match=r"none\.bin is not a file"):
        read_checkpoint(tmp_path / "none.bin")
