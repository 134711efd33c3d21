"""What training does in one place: reading the command line, making chance, losing, recomputing."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TRAINING = Path(__file__).resolve().parents[2] / "training"
FILES = sorted(TRAINING.rglob("*.py"))
CHANCE = {"SeedSequence", "default_rng", "Random", "manual_seed"}
"""What makes a generator, or gives it a seed."""


def names_called(source: str) -> Iterator[str]:
    """Yields the last name of everything that is called."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            yield getattr(node.func, "attr", None) or getattr(node.func, "id", "")


def modules_imported(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""


def where(names: set[str], find=names_called) -> list[str]:
    """The files, once for each time, in which one of the names is found."""
    return [
        file.relative_to(TRAINING).as_posix()
        for file in FILES
        for name in find(file.read_text("utf-8"))
        if name in names
    ]


def test_the_command_line_is_read_by_commands_alone():
    assert {Path(file).parts[0] for file in where({"argparse"}, modules_imported)} == {"commands"}


def test_chance_is_made_in_one_file():
    assert set(where(CHANCE)) == {"data/seeds.py"}


@pytest.mark.parametrize(
    ("name", "file"),
    [
        # Clean latents become noisy ones where the loss is, and nowhere else.
        ("noised", "objectives/denoising.py"),
        ("recompute", "objectives/denoising.py"),
    ],
)
def test_it_is_called_in_one_place(name, file):
    assert where({name}) == [file]


def test_an_objective_is_not_asked_what_it_has():
    asked = [
        ast.unparse(node.args[0])
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "hasattr"
    ]
    assert asked
    assert not [words for words in asked if "objective" in words]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("np.random.default_rng(3)", ["default_rng"]),
        ("generator = torch.Generator().manual_seed(0)", ["manual_seed", "Generator"]),
    ],
)
def test_a_call_is_found(source, found):
    assert list(names_called(source)) == found
