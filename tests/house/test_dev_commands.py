"""What dev.py's commands hand over."""

import os

from devkit import commands
from devkit.demo import WHAT, read_twin
from devkit.workflows import needs_weights


def test_parity_takes_a_folder_from_here_and_names_of_families(handed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    commands.run(["parity", "tiny", "flow_vae", "splat_avg"])
    folder = os.path.join(os.getcwd(), "tiny")
    assert handed == [("-m", "tests.parity", folder, "flow_vae", "splat_avg")]


def test_parity_without_a_folder_is_left_to_the_program(handed):
    commands.run(["parity", "--help"])
    assert handed == [("-m", "tests.parity", "--help")]


def test_only_the_whole_suite_runs_in_two_processes(handed):
    commands.run(["test"])
    commands.run(["test", "tests/unit", "-k", "splat"])
    assert handed[0][:4] == ("-m", "pytest", "-n", "2")
    assert handed[1] == ("-m", "pytest", "tests/unit", "-k", "splat")


def test_the_demo_runs_on_a_fresh_machine_and_the_learned_weights_come_last():
    prompts = [read_twin(name) for name in WHAT]
    assert not any(needs_weights(prompt) for prompt in prompts)
    kinds = [{entry["class_type"] for entry in prompt.values()} for prompt in prompts]
    assert ["MotionI2VLoadSmallModel" in kind for kind in kinds] == [False, True, True]
