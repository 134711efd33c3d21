"""A file of nodes holds declarations and one call each, and leaves the others of its kind alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = {file.stem: file.read_text("utf-8") for file in sorted((ROOT / "nodes").glob("*.py"))}
LONGEST = 20


def functions(source: str, name: str) -> Iterator[ast.FunctionDef]:
    """Yields the methods of that name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            yield from (f for f in node.body if isinstance(f, ast.FunctionDef) and f.name == name)


NODE_FILES = {name for name, source in FILES.items() if any(functions(source, "define_schema"))}


def nodes_imported(source: str) -> set[str]:
    """The files of nodes that a file of nodes/ imports, lazily too."""
    imports = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ImportFrom)]
    ours = [node for node in imports if node.level == 1]
    modules = {node.module for node in ours if node.module}
    return (modules | {a.name for node in ours if not node.module for a in node.names}) & NODE_FILES


def lines_of(function: ast.FunctionDef) -> int:
    """How many lines its body has, a docstring aside."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("name", sorted(set(FILES) - {"__init__"}))
def test_no_file_imports_one_of_nodes(name: str):
    assert nodes_imported(FILES[name]) == set()


@pytest.mark.parametrize("name", sorted(NODE_FILES))
def test_what_a_node_does_fits_a_few_lines(name: str):
    for function in functions(FILES[name], "execute"):
        assert lines_of(function) <= LONGEST, f"line {function.lineno}"


@pytest.mark.parametrize(
    "source",
    [
        "from .field_tools import field_input",
        "from . import field_tools",
        "def f():\n    from .field_tools import field_input",
        "from .field_tools import MotionI2VScaleMotionField as Scale",
    ],
)
def test_an_import_of_a_file_of_nodes_is_found(source: str):
    assert nodes_imported(source) == {"field_tools"}


def test_files_of_nodes_are_told_from_others():
    assert {"field_tools", "warp_preview", "trajectory_editor"} <= NODE_FILES
    assert not {"node", "sockets", "inputs", "shown_frames", "curves", "__init__"} & NODE_FILES


def test_a_long_body_is_found():
    source = "class A:\n    def execute(cls):\n" + "        pass\n" * (LONGEST + 1)
    assert [lines_of(function) for function in functions(source, "execute")] == [LONGEST + 1]
