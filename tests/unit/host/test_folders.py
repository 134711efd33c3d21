"""Where checkpoints are looked for, and where converted ones go, in the host's own lists."""

# ruff: noqa: E402 (the host must be on the path before anything of it is imported)

import pytest

from testing.comfyui import load_host
from tests.narrow_release import write_release

load_host()

import folder_paths
from motion_i2v.models.host import folders


@pytest.fixture
def models(tmp_path, monkeypatch):
    """The host's models folder, with nothing in it."""
    known = {
        name: ([str(tmp_path / name)], set(folder_paths.supported_pt_extensions))
        for name in ("checkpoints", "diffusion_models", "diffusers")
    }
    monkeypatch.setattr(folder_paths, "models_dir", str(tmp_path))
    monkeypatch.setattr(folder_paths, "folder_names_and_paths", known)
    monkeypatch.setattr(folder_paths, "filename_list_cache", {})
    return tmp_path


@pytest.mark.parametrize("tree", ["diffusers/Motion-I2V/models", "motion_i2v"])
def test_core_loaders_list_the_release_s_own_unet(models, tree):
    folder = models / tree / "stage2" / "DreamBooth_LoRA"
    folder.mkdir(parents=True)
    (folder / "realistic_unet.ckpt").touch()
    for _ in range(2):
        folders.register()
    assert folder_paths.get_filename_list("diffusion_models") == ["realistic_unet.ckpt"]
    assert folder_paths.get_filename_list("checkpoints") == ["realistic_unet.ckpt"]
    assert folder_paths.get_folder_paths("checkpoints").count(str(folder)) == 1


def test_core_loaders_get_no_folder_that_is_not_there(models):
    folders.register()
    assert len(folder_paths.get_folder_paths("checkpoints")) == 1


def test_a_converted_unet_is_listed_by_the_core_s_loader(models):
    from motion_i2v.nodes.stage1_convert import MotionI2VConvertCheckpoint

    write_release(models / "motion_i2v", "sd15_unet", "flow_vae")
    for file in folders.checkpoints():
        MotionI2VConvertCheckpoint.execute(file, "float16")
    assert "motion_i2v_sd15_unet_f16.safetensors" in folder_paths.get_filename_list(
        "diffusion_models"
    )
    assert "motion_i2v_flow_vae_f16.safetensors" in folders.checkpoints()
    assert "motion_i2v_sd15_unet_f16.safetensors" not in folders.checkpoints()
