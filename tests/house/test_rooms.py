"""What holds in every room of the checkout: who imports whom, and what code may not be left."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (
    "nodes",
    "models",
    "scenes",
    "training",
    "tools",
    "benchmarks",
    "soak",
    "devkit",
    "testing",
)
FILES = sorted(file for room in ROOMS for file in (ROOT / room).rglob("*.py"))


def imports_of_tests(tree: ast.AST) -> Iterator[str]:
    """Yields the imports from tests/, inside functions too."""
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or alias.name for alias in node.names]
        for name in names:
            if name.split(".")[0] == "tests":
                yield f"line {node.lineno}: imports {name}; what both need belongs in testing/"


def json_by_hand(tree: ast.AST) -> Iterator[str]:
    """Yields the f-strings that write JSON: a quote in what they are given breaks it."""
    for node in ast.walk(tree):
        first = node.values[0] if isinstance(node, ast.JoinedStr) and node.values else None
        if isinstance(first, ast.Constant) and first.value.lstrip().startswith(('{"', '[{"')):
            yield f"line {node.lineno}: JSON by an f-string; use json.dumps"


def names_in(tree: ast.AST) -> set[str]:
    """Returns the names and attributes that code uses."""
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return used | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def unused_private(tree: ast.AST) -> Iterator[str]:
    """Yields the private functions and methods that nobody calls.

    A method may be called by its class's parent, in another file.
    """
    named = names_in(tree) | ELSEWHERE
    for node in ast.walk(tree):
        private = isinstance(node, ast.FunctionDef) and node.name.startswith("_")
        if private and not node.name.endswith("__") and node.name not in named:
            yield f"line {node.lineno}: nobody calls {node.name}"


ELSEWHERE = {
    name for file in FILES for name in re.findall(r"self\.(_\w+)", file.read_text("utf-8"))
}
CHECKS = (imports_of_tests, json_by_hand, unused_private)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_file_keeps_the_rules(file: Path):
    tree = ast.parse(file.read_text("utf-8"))
    assert [found for check in CHECKS for found in check(tree)] == []


@pytest.mark.parametrize(
    ("check", "source"),
    [
        *((imports_of_tests, "import tests.pack"), (imports_of_tests, "from tests import pack")),
        (imports_of_tests, "def f():\n    from tests.sd15 import load_unet"),
        (json_by_hand, 'f\'{{"base": "{name}"}}\''),
        (unused_private, "class A:\n    def _pick(self): ..."),
    ],
)
def test_each_check_finds_what_it_is_for(check, source: str):
    assert list(check(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    [
        *("import testing.pack", "from . import tests_of_mine", "f'{name} {{}}'"),
        *("def _f(): ...\n_f()", "class A:\n    def __len__(self): ...", "f''"),
    ],
)
def test_the_checks_let_harmless_code_pass(source: str):
    assert [found for check in CHECKS for found in check(ast.parse(source))] == []
