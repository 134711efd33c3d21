"""The registry ships what users need, and the public CI tries what the documents promise."""

import re
from pathlib import Path

import pytest

from devkit import pins, shipped

ROOT = Path(__file__).resolve().parents[2]
TEST, PUBLISH = (ROOT / ".github" / "workflows" / f"{name}.yml" for name in ("test", "publish"))


def test_what_users_need_is_shipped_and_nothing_else(tmp_path):
    rooms = {name.split("/")[0] for name in shipped.files()}
    needed = {
        "__init__.py",
        "nodes",
        "models",
        "js",
        "example_workflows",
        "small_model",
        "subgraphs",
    }
    assert needed | {"pyproject.toml", "requirements.txt", "LICENSE", "README.md"} <= rooms
    developers = {
        "tests",
        "testing",
        "devkit",
        "benchmarks",
        "soak",
        "dev.py",
        "Makefile",
        ".github",
        ".ci",
    }
    assert not rooms & developers
    assert not [name for name in rooms if name.startswith("requirements-") and "train" not in name]
    shipped.put(tmp_path, but=("small_model",))
    assert (tmp_path / "nodes" / "__init__.py").read_text() == (
        ROOT / "nodes" / "__init__.py"
    ).read_text()
    assert not (tmp_path / "small_model").exists()


def test_the_public_ci_tries_the_oldest_and_the_newest(tmp_path):
    text = TEST.read_text()
    assert f"v{pins.COMFYUI}, master" in text
    assert all(system in text for system in ("ubuntu-latest", "windows-latest", "macos-latest"))
    assert '"3.10", "3.13"' in text


@pytest.mark.parametrize("file", [TEST, PUBLISH], ids=lambda file: file.name)
def test_the_public_ci_runs_dev_py_and_pinned_actions(file: Path):
    text = file.read_text()
    assert all(run.startswith("python dev.py ") for run in re.findall(r"- run: (.*)", text))
    assert not re.search(r"run: \|", text)
    actions = re.findall(r"uses: (?!\./)\S+@(\S+)", text)
    assert actions
    assert all(re.fullmatch(r"[0-9a-f]{40}", action) for action in actions)
