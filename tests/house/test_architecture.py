"""docs/architecture.md: its pictures are the code's, and what its words point at is there."""

import ast
import re
from pathlib import Path

import pytest

from devkit import architecture

ROOT = Path(__file__).resolve().parents[2]
TEXT = architecture.PAGE.read_text("utf-8")
POINTERS = sorted(set(re.findall(r"`((?:models|js|nodes)/[\w/]+\.(?:py|js))(?::(\w+))?`", TEXT)))


def test_the_pictures_are_as_the_code_is():
    assert architecture.made(TEXT) == TEXT
    assert {name for _, name, _, _ in architecture.BLOCK.findall(TEXT)} == set(architecture.MADE)


def test_another_file_of_a_node_changes_the_picture(monkeypatch, tmp_path):
    moved = {
        id_: (name, ROOT / "nodes" / "node.py")
        for id_, (name, _) in architecture.node_files().items()
    }
    monkeypatch.setattr(architecture, "node_files", lambda: moved)
    assert architecture.made(TEXT) != TEXT


@pytest.mark.parametrize(("file", "name"), POINTERS)
def test_what_the_words_point_at_is_there(file: str, name: str):
    source = (ROOT / file).read_text("utf-8")
    if name:
        assert name in {getattr(node, "name", None) for node in ast.parse(source).body}
