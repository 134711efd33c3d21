"""What a file tells of its training: read back as written, refused where it cannot be."""

import pytest
import torch
from motion_i2v.models.files.checkpoints import checkpoint_of, read_checkpoint
from motion_i2v.models.files.convert import convert
from motion_i2v.models.files.trained import Trained, trained_of
from safetensors.torch import save_file

from tests.narrow_release import WIDTHS, weights

SMALL = Trained("v", True, 2, 8)


def test_a_file_that_tells_nothing_is_as_the_released_ones():
    assert trained_of({"format": "pt"}, "file") == Trained("", False, 8, 16)
    assert checkpoint_of(weights("motion_modules"), "file").trained == Trained()


def test_what_is_written_is_read_back(tmp_path):
    tensors = {name: tensor.contiguous() for name, tensor in weights("motion_modules").items()}
    save_file(tensors, tmp_path / "file.safetensors", metadata=SMALL.metadata())
    assert read_checkpoint(tmp_path / "file.safetensors").trained == SMALL


def test_a_converted_file_still_tells_it(tmp_path):
    tensors = {name: tensor.contiguous() for name, tensor in weights("motion_modules").items()}
    save_file(tensors, tmp_path / "file.safetensors", metadata=SMALL.metadata())
    (tmp_path / "out").mkdir()
    target = convert(tmp_path / "file.safetensors", tmp_path / "out", torch.bfloat16)
    assert read_checkpoint(target).trained == SMALL


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("prediction", "x0", "eps, v"),
        ("zero_terminal_snr", "yes", "true or false"),
        ("heads", "0", "heads"),
        ("heads", "5", r"divides the widths \[32, 64"),
        ("heads", "two", "whole number"),
        ("frames", "1", "2..16"),
        ("frames", "17", "2..16"),
        ("frames", "-3", "whole number"),
        ("kind", "flow_vae", "stage1_unet"),
    ],
)
def test_what_cannot_be_is_refused_by_name(key, value, said):
    metadata = {f"motion_i2v.{key}": value}
    with pytest.raises(ValueError, match=said) as error:
        trained_of(metadata, "small.safetensors", "stage1_unet", WIDTHS)
    assert "small.safetensors" in str(error.value)
    assert f"motion_i2v.{key} = '{value}'" in str(error.value)
