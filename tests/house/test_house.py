"""The house files agree with each other and with what ComfyUI's registry asks for."""

import re
import subprocess
from pathlib import Path

import pytest

tomllib = pytest.importorskip("tomllib", reason="Python 3.10 has no tomllib")

ROOT = Path(__file__).resolve().parents[2]


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


@pytest.fixture(scope="module")
def pyproject() -> dict:
    return tomllib.loads(read("pyproject.toml"))


def test_one_ruff_everywhere():
    (pinned,) = re.findall(r"^ruff==(\S+)$", read("requirements-dev.txt"), re.M)
    assert f"rev: v{pinned}" in read(".pre-commit-config.yaml")


def test_pyproject_is_ready_for_the_registry(pyproject):
    project, comfy = pyproject["project"], pyproject["tool"]["comfy"]
    assert "comfyui" not in project["name"].lower()
    assert re.fullmatch(r"\d+\.\d+\.\d+", project["version"])
    assert (ROOT / project["license"]["file"]).is_file()
    assert project["requires-python"] == ">=3.10"
    assert project["urls"]["Repository"].startswith("https://github.com/")
    assert comfy["PublisherId"]
    assert comfy["DisplayName"]
    assert comfy["requires-comfyui"]
    # The scripts would be listed twice: __init__.py names them as WEB_DIRECTORY.
    assert "web" not in comfy


def test_requirements_leave_the_hosts_packages_alone():
    lines = [line.split("#")[0].strip() for line in read("requirements.txt").splitlines()]
    names = {re.split(r"[<>=~!;\[ ]", line)[0].lower() for line in lines if line}
    brought = {"torch", "torchvision", "torchaudio", "numpy", "scipy", "pillow", "transformers"}
    assert names
    assert not names & brought
    # All builds of OpenCV share a folder: one without contrib would take cv2.ximgproc from other
    # packs, and one that is not headless needs libraries that machines without a display lack.
    assert {n for n in names if n.startswith("opencv")} == {"opencv-contrib-python-headless"}


def test_the_licence_is_apache_2():
    assert "Apache License\n                           Version 2.0" in read("LICENSE")
    assert "END OF TERMS AND CONDITIONS" in read("LICENSE")


def test_the_changelog_knows_the_next_version(pyproject):
    version = pyproject["project"]["version"]
    assert f"## {version}" in read("CHANGELOG.md") or "## Unreleased" in read("CHANGELOG.md")


def test_every_room_has_its_row_in_the_map():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout
    rooms = {name.split("/")[0] for name in tracked.splitlines() if "/" in name}
    if not rooms:
        pytest.skip("not a git checkout")
    rows = set(re.findall(r"`([\w.]+)/`", read("CONTRIBUTING.md")))
    assert rooms - rows == set()


def test_the_hosts_that_were_run_are_told(pyproject):
    from devkit import pins

    assert pyproject["tool"]["comfy"]["requires-comfyui"] == f">={pins.COMFYUI}"
    for version in (pins.COMFYUI, pins.NEWEST_RUN):
        assert version in read("README.md")
        assert version in read("CHANGELOG.md")
        assert f"v{version}" in read(".github/workflows/test.yml")


def test_the_readme_is_short_and_its_links_lead_somewhere():
    text = read("README.md")
    assert len(text.splitlines()) <= 110
    local = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    assert local
    missing = [link for link in local if not (ROOT / link).is_file()]
    assert not missing
