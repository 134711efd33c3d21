"""Conversion: the same tensors at half precision, recognised again, nothing left behind."""

import subprocess
import sys

import pytest
import torch
from motion_i2v.models.files.checkpoints import read_checkpoint
from motion_i2v.models.files.convert import convert, plan
from safetensors import safe_open

from testing import pack
from tests.narrow_release import weights, write_release

PARTS = ("stage1_unet", "stage1_controlnet", "flow_vae", "motion_modules", "sd15_unet")


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    folder = tmp_path_factory.mktemp("release")
    return folder, write_release(folder, *PARTS)


@pytest.mark.parametrize("kind", PARTS)
def test_a_converted_part_is_the_same_part(release, tmp_path, kind):
    source = release[1][kind]
    said, steps = [], []
    target = convert(
        source, tmp_path, tell=said.append, on_step=lambda done, total: steps.append((done, total))
    )
    assert target == tmp_path / f"motion_i2v_{kind}_f16.safetensors"
    before, after = read_checkpoint(source), read_checkpoint(target, kind)
    assert set(after.tensors) == set(before.tensors)
    for name, tensor in before.tensors.items():
        assert torch.equal(after.tensors[name], tensor.half())
    assert after.metadata["motion_i2v"] == kind
    assert after.metadata["source"] == source.name
    assert steps[-1] == (len(before.tensors),) * 2
    assert "of memory" in said[0]
    assert list(tmp_path.iterdir()) == [target]


def test_an_ordinary_unet_goes_where_core_loaders_look(release, tmp_path):
    own, core = tmp_path / "motion_i2v", tmp_path / "diffusion_models"
    name = "motion_i2v_{}_f16.safetensors".format
    assert convert(release[1]["sd15_unet"], own, unets=core) == core / name("sd15_unet")
    assert plan(release[1]["flow_vae"], own, unets=core).target == own / name("flow_vae")


def test_the_plan_says_the_exact_size(release, tmp_path):
    made = plan(release[1]["flow_vae"], tmp_path)
    target = convert(release[1]["flow_vae"], tmp_path)
    assert made.disk == target.stat().st_size
    largest = max(t.numel() for t in weights("flow_vae").values())
    assert made.memory == largest * (4 + 2)


def test_other_dtypes(release, tmp_path):
    target = convert(release[1]["flow_vae"], tmp_path, torch.bfloat16)
    with safe_open(target, "pt") as file:
        assert file.get_tensor("quant_conv.weight").dtype == torch.bfloat16


def test_nothing_is_overwritten(release, tmp_path):
    convert(release[1]["flow_vae"], tmp_path)
    with pytest.raises(ValueError, match="is there already; remove it first"):
        convert(release[1]["flow_vae"], tmp_path)


def test_a_value_that_does_not_fit_stops_and_leaves_nothing(tmp_path):
    tensors = weights("flow_vae")
    tensors["quant_conv.bias"][0] = 1e6
    torch.save(tensors, tmp_path / "big.bin")
    target = tmp_path / "out"
    with pytest.raises(ValueError, match=r"quant_conv\.bias holds values up to 1e\+06"):
        convert(tmp_path / "big.bin", target)
    assert not list(target.iterdir())


def test_an_interrupt_leaves_nothing(release, tmp_path):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(release[1]["flow_vae"], tmp_path, on_step=stop)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_said_before_writing(release, tmp_path, monkeypatch):
    import shutil

    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(ValueError, match="has only 0"):
        convert(release[1]["flow_vae"], tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_needs_no_conversion_is_refused(tmp_path):
    source = write_release(tmp_path, "image_vae")["image_vae"]
    with pytest.raises(ValueError, match="needs no conversion"):
        plan(source, tmp_path)


def test_the_command_converts_a_whole_release(release, tmp_path):
    command = [sys.executable, str(pack.ROOT / "tools" / "convert_checkpoints.py")]
    target = tmp_path / "motion_i2v"
    command += [str(release[0]), "--to", str(target)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "together" in run.stdout
    assert run.stdout.index("together") < run.stdout.index("wrote")
    assert len(list(target.glob("*.safetensors"))) == len(PARTS) - 1
    assert [file.name for file in (tmp_path / "diffusion_models").iterdir()] == [
        "motion_i2v_sd15_unet_f16.safetensors"
    ]


def test_the_command_writes_into_any_other_folder_as_it_is_told(release, tmp_path):
    command = [sys.executable, str(pack.ROOT / "tools" / "convert_checkpoints.py")]
    command += [str(release[1]["sd15_unet"]), "--to", str(tmp_path / "mine")]
    subprocess.run(command, capture_output=True, check=True, cwd=tmp_path)
    assert len(list((tmp_path / "mine").glob("*.safetensors"))) == 1
