"""The sub-commands of both stages, run as a user would on the small model, and what they write."""

import logging

import pytest
from safetensors import safe_open

pytestmark = pytest.mark.usefixtures("host_env")

LOOP = ["--steps", "2", "--log-every", "1", "--save-every", "2", "--threads", "1"]
REPORT = ["--report-every", "2"]
CLIPS = ["--synthetic", "--size", "64x48", "--batch", "2"]


@pytest.fixture(scope="module", autouse=True)
def keep_logging():
    root = logging.getLogger()
    before = root.level, root.handlers[:]
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]


@pytest.fixture(scope="module")
def trained(host_env, tmp_path_factory):
    """The folders of short trainings that follow one another."""
    pytest.importorskip("accelerate")
    from motion_i2v.training.commands.command import main

    root = tmp_path_factory.mktemp("parts")
    unet = str(root / "field/files/stage1_unet.safetensors")
    runs = {
        "field": ["stage1", "--step", "field", "--frames", "2"],
        "temporal": ["stage1", "--step", "temporal", "--frames", "3", "--start", unet],
        "whole": ["stage1", "--step", "whole", "--frames", "3", "--start", unet, *REPORT],
        "control": ["controlnet", "--stage1", unet, "--frames", "3", "--gradient-checkpointing"],
        "motion": ["motion-module", "--frames", "3", *REPORT],
        "image": ["image-unet", "--frames", "2"],
    }
    for name, words in runs.items():
        assert main([*words, *CLIPS, *LOOP, "--out", str(root / name)]) == 0, name
    return root


def changed(one, other):
    """The names of the tensors that differ."""
    with safe_open(one, "pt") as a, safe_open(other, "pt") as b:
        return {name for name in a.keys() if not a.get_tensor(name).equal(b.get_tensor(name))}  # noqa: SIM118


@pytest.mark.parametrize(
    ("folder", "file", "kind"),
    [
        ("field", "stage1_unet", "stage1_unet"),
        ("whole", "stage1_unet", "stage1_unet"),
        ("control", "stage1_controlnet", "stage1_controlnet"),
        ("motion", "motion_module", "motion_modules"),
        ("image", "image_unet", "sd15_unet"),
    ],
)
def test_the_nodes_take_the_files(trained, folder, file, kind):
    from motion_i2v.models.files.checkpoints import read_checkpoint

    checkpoint = read_checkpoint(trained / folder / "files" / f"{file}.safetensors", kind)
    assert checkpoint.trained.prediction == "v"
    assert checkpoint.trained.zero_terminal_snr
    assert checkpoint.metadata["motion_i2v.steps"] == "2"
    assert "synthetic" in checkpoint.metadata["motion_i2v.data"]


def test_the_temporal_step_leaves_the_spatial_layers(trained):
    names = changed(
        *(trained / step / "files/stage1_unet.safetensors" for step in ("field", "temporal"))
    )
    assert names
    assert all(".motion_modules." in name for name in names)


def test_the_whole_step_changes_both(trained):
    names = changed(
        *(trained / step / "files/stage1_unet.safetensors" for step in ("field", "whole"))
    )
    assert any(".motion_modules." in name for name in names)
    assert any(".motion_modules." not in name for name in names)


def test_the_base_of_a_motion_module_is_not_written(trained):
    files = [path.name for path in (trained / "motion" / "files").iterdir()]
    assert files == ["motion_module.safetensors"]


def test_reports_are_in_the_log(trained):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = EventAccumulator(str(trained / "whole" / "tensorboard")).Reload()
    assert {"trial/epe", "trial/epe of no motion"} <= set(log.Tags()["scalars"])
    assert log.Tags()["images"] == ["trial/fields, truth below"]
    log = EventAccumulator(str(trained / "motion" / "tensorboard")).Reload()
    assert {"trial/psnr", "trial/ceiling"} <= set(log.Tags()["scalars"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["stage1", "--step", "whole", "--frames", "3"], "name its file"),
        (["stage1", "--step", "field", "--frames", "3"], "--frames 2"),
        (["motion-module", "--checkpoint", "nowhere.safetensors"], "no checkpoint nowhere"),
        (["motion-module", "--frames", "3", "--start", "README.md"], "README.md"),
    ],
)
def test_what_cannot_be_is_told(words, said, tmp_path, capfd):
    pytest.importorskip("accelerate")
    from motion_i2v.training.commands.command import main

    assert main([*words, *CLIPS, *LOOP, "--out", str(tmp_path)]) == 1
    assert said in capfd.readouterr().err
