"""The examples in the docstrings of models/, run as they stand there."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(
    file.relative_to(ROOT)
    for file in (ROOT / "models").rglob("*.py")
    if file.relative_to(ROOT).parts[1] not in ("host", "__init__.py")
)
"""models/host is left out: its modules need a ComfyUI when they are imported."""


def examples_of(file: Path) -> list[doctest.DocTest]:
    module = importlib.import_module(".".join(("motion_i2v", *file.with_suffix("").parts)))
    return [test for test in doctest.DocTestFinder().find(module) if test.examples]


@pytest.mark.parametrize("file", FILES, ids=str)
def test_examples_are_true(file: Path):
    runner, told = doctest.DocTestRunner(), []
    for test in examples_of(file):
        runner.run(test, out=told.append)
    assert told == []


def test_there_are_examples_to_read():
    found = [test for file in FILES for test in examples_of(file)]
    assert len(found) > 30
    assert sum(len(test.examples) for test in found) > 40
