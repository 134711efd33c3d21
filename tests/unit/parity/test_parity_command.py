"""`python -m tests.parity DIR`: what it prints, and when it fails."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from motion_i2v.models.networks.splat import splat_average
from safetensors.torch import load_file, save_file

from testing import pack

FIXTURES = pack.ROOT.parent / "shared" / "reference" / "tiny"


def parity(folder: Path, *families: str) -> tuple[int, dict[str, dict]]:
    command = [sys.executable, "-m", "tests.parity", str(folder), *families]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=pack.ROOT)
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert lines, run.stderr
    return run.returncode, {line["family"]: line for line in lines}


def splat_folder(folder: Path, change: float) -> Path:
    x, flow = torch.randn(2, 3, 8, 8), torch.randn(2, 2, 8, 8)
    warped = splat_average(x, flow) + change
    save_file({"x": x, "flow": flow, "warped": warped}, folder / "splat_avg.safetensors")
    return folder


def test_a_family_at_its_bar_passes_and_others_are_said_to_be_skipped(tmp_path):
    code, lines = parity(splat_folder(tmp_path, 0.0))
    assert code == 0
    assert lines["splat_avg"]["relative_error"] < 1e-6
    assert "no flow_vae.safetensors" in lines["flow_vae"]["skipped"]


def test_a_family_beyond_its_bar_fails(tmp_path):
    code, lines = parity(splat_folder(tmp_path, 1.0), "splat_avg")
    assert code == 1
    assert not lines["splat_avg"]["passed"]


def test_another_shape_fails_in_valid_json(tmp_path):
    save_file(
        {"x": torch.zeros(1, 1, 4, 4), "flow": torch.zeros(1, 2, 4, 4), "warped": torch.zeros(1)},
        tmp_path / "splat_avg.safetensors",
    )
    code, lines = parity(tmp_path, "splat_avg")
    assert code == 1
    assert lines["splat_avg"]["relative_error"] is None


def test_networks_that_weights_json_lacks_are_named(tmp_path):
    save_file({"flow01": torch.zeros(1)}, tmp_path / "flow_vae.safetensors")
    (tmp_path / "weights.json").write_text('{"salt": "s/", "shapes": {}}')
    splat_folder(tmp_path, 0.0)
    code, lines = parity(tmp_path)
    assert code == 0
    assert lines["flow_vae"]["skipped"] == "weights.json has no flow_vae"


def test_a_family_that_breaks_fails_and_the_later_ones_are_still_run(tmp_path):
    save_file({"x": torch.zeros(1)}, splat_folder(tmp_path, 0.0) / "flow_vae.safetensors")
    broken = {"x": torch.zeros(4), "flow": torch.zeros(1, 2, 4, 4), "warped": torch.zeros(1)}
    save_file(broken, tmp_path / "splat_avg.safetensors")
    code, lines = parity(tmp_path)
    assert code == 1
    assert not lines["splat_avg"]["passed"]
    assert "ValueError" in lines["splat_avg"]["error"]
    assert "weights.json has no flow_vae" in lines["flow_vae"]["skipped"]


@pytest.mark.parametrize("lacks", ["x", "flow"])
def test_a_family_without_an_input_is_skipped_and_says_which(tmp_path, lacks):
    given = load_file(splat_folder(tmp_path, 0.0) / "splat_avg.safetensors")
    del given[lacks]
    save_file(given, tmp_path / "splat_avg.safetensors")
    code, lines = parity(tmp_path, "splat_avg")
    assert code == 1
    assert lines["splat_avg"] == {
        "family": "splat_avg",
        "skipped": f"splat_avg.safetensors has no {lacks}",
    }


@pytest.mark.skipif(not FIXTURES.is_dir(), reason=f"no fixtures at {FIXTURES}")
def test_outputs_that_a_fixture_lacks_are_said_and_the_others_compared(tmp_path):
    shutil.copy(FIXTURES / "weights.json", tmp_path)
    for family, lacks in (("flow_vae", "logvar"), ("drag_plain", "mask")):
        tensors = load_file(FIXTURES / f"{family}.safetensors")
        del tensors[lacks]
        save_file(tensors, tmp_path / f"{family}.safetensors")
    code, lines = parity(tmp_path, "flow_vae", "drag_plain")
    assert code == 0
    assert set(lines["flow_vae"]["outputs"]) == {"mean", "decoded"}
    assert lines["flow_vae"]["not_compared"] == {"logvar": "flow_vae.safetensors has no logvar"}
    assert lines["drag_plain"]["skipped"] == "the folder has no drag_plain.json"


@pytest.mark.skipif(not FIXTURES.is_dir(), reason=f"no fixtures at {FIXTURES}")
def test_loops_need_no_picture_and_no_picture_vae(tmp_path):
    weights = json.loads((FIXTURES / "weights.json").read_text())
    del weights["shapes"]["image_vae/"]
    (tmp_path / "weights.json").write_text(json.dumps(weights))
    tensors = load_file(FIXTURES / "stage1_pipeline.safetensors")
    tensors.pop("image01", None)
    save_file(tensors, tmp_path / "stage1_pipeline.safetensors")
    code, lines = parity(tmp_path, "stage1_pipeline")
    assert code == 0
    assert set(lines["stage1_pipeline"]["outputs"]) == {"flow01", "flow01_no_control"}


@pytest.mark.skipif(not FIXTURES.is_dir(), reason=f"no fixtures at {FIXTURES}")
def test_the_fixtures_of_the_released_code():
    code, lines = parity(FIXTURES)
    assert code == 0
    given = {file.stem for file in FIXTURES.glob("*.safetensors")}
    assert given == {family for family, line in lines.items() if "skipped" not in line}
