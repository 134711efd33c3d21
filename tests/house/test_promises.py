"""Every command that the documents and the Makefile name is one that there is."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from devkit import commands

ROOT = Path(__file__).resolve().parents[2]
PLACES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "Makefile", ".ci/run")),
    *sorted(ROOT.glob("README.*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / ".github").rglob("*.yml")),
]
OF_OTHERS = {"pip", "pytest", "venv", "ruff", "mypy"}
"""Modules that the set-up or Python brings."""


def named(pattern: str) -> list[tuple[str, str]]:
    """Returns (file, what the pattern's group holds) for every match."""
    return [
        (str(file.relative_to(ROOT)), found)
        for file in PLACES
        for found in re.findall(pattern, file.read_text("utf-8"), re.M)
    ]


def code_named(pattern: str) -> list[tuple[str, str]]:
    """As `named`, where a command line begins: a line or a backquote, and not in prose."""
    return named(rf"(?:^[ \t@{{]*|`)(?:{pattern})")


def is_module(name: str) -> bool:
    """Tells whether `python -m name` starts something in this checkout."""
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()


@pytest.mark.parametrize("name", sorted({name for _, name in named(r"dev\.py ([a-z]+)")}))
def test_dev_py_takes_every_command_that_is_named(name, handed):
    assert commands.run([name]) == 0
    assert name == "setup" or is_module(handed[0][1]) or handed[0][1] in OF_OTHERS


@pytest.mark.parametrize("name", sorted({name for _, name in code_named(r"make ([a-z]+)")}))
def test_make_takes_every_target_that_is_named(name):
    make = shutil.which("make")
    if make is None:
        pytest.skip("no `make` on PATH")
    done = subprocess.run([make, "-n", name], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"dev.py {name}" in done.stdout


def test_every_target_of_make_is_a_command():
    (phony,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert set(phony.split()) == set(commands.COMMANDS)


def test_the_help_lists_every_command(capsys):
    with pytest.raises(SystemExit) as ended:
        commands.run(["--help"])
    assert ended.value.code == 0
    listed = re.findall(r"^    ([a-z]+)(?: |$)", capsys.readouterr().out, re.M)
    assert listed == list(commands.COMMANDS)


@pytest.mark.parametrize("module", sorted({name for _, name in named(r"python -m ([\w.]+)")}))
def test_every_module_that_is_named_can_be_started(module):
    assert is_module(module) or module in OF_OTHERS


def test_every_part_of_training_that_is_named_is_a_sub_command():
    pytest.importorskip("accelerate", reason="pip install -r requirements-train.txt")
    from motion_i2v.training.commands.command import COMMANDS

    parts = {part for _, part in named(r"python -m training ([a-z][\w-]*)")}
    assert parts
    assert parts <= set(COMMANDS)


def test_the_patterns_find_what_is_written():
    """So that a pattern that finds nothing can't pass for a promise that is kept."""
    assert ("README.md", "pictures") in named(r"dev\.py ([a-z]+)")
    assert {"demo", "serve", "test", "parity"} <= {name for _, name in code_named("make ([a-z]+)")}
    assert "benchmarks.stage2" in {name for _, name in named(r"python -m ([\w.]+)")}


def test_the_documents_name_every_command():
    told = {name for _, name in named(r"(?:dev\.py|make) ([a-z]+)")}
    assert set(commands.COMMANDS) - told == set()


def test_pythons_in_the_documents_are_those_that_dev_py_takes():
    sys.path.insert(0, str(ROOT))
    import dev

    first, last = (f"{major}.{minor}" for major, minor in (dev.SUPPORTED[0], dev.SUPPORTED[-1]))
    for file in ("README.md", "CONTRIBUTING.md", "dev.py"):
        assert f"Python {first}-{last}" in (ROOT / file).read_text("utf-8"), file
