"""Names of files that come from a prompt stay in their folder."""

from __future__ import annotations

import os

import pytest
from motion_i2v.models.files.names import inside


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../x", "lies outside"),
        ("a/../../x", "lies outside"),
        ("a/../x", "lies outside"),
        ("..\\x", "lies outside"),
        ("/etc/passwd", "lies outside"),
        ("\\\\server\\x", "lies outside"),
        ("C:\\x", "lies outside"),
        ("c:x", "lies outside"),
        ("", "names no file"),
        ("  ", "names no file"),
        ("a/", "names no file"),
        (None, "is not a name, but a NoneType"),
        (["x"], "is not a name, but a list"),
        ("a" * 201, "201 bytes long; 1000 are allowed, and 200"),
        ("a/" * 600 + "b", "1201 bytes long"),
        ("a\0b", r"holds '\\x00'"),
        ("a\nb", r"holds '\\n'"),
        ("\x1b[31m", r"holds '\\x1b'"),
        ("con", "device on Windows"),
        ("a/NUL.flo", "device on Windows"),
        ("lpt1.tar.gz", "device on Windows"),
        ("COM¹", "device on Windows"),
        ("aux .flo", "device on Windows"),
    ],
)
def test_what_leads_elsewhere_is_refused_by_what_is_wrong(tmp_path, name, said):
    with pytest.raises(ValueError, match=said) as refused:
        inside(tmp_path, name, "file")
    assert str(refused.value).startswith("file ")
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    "name", ["x", "a/b.flo", "a\\b.flo", "contour.flo", "com10", "..x", "a..b", "日本.flo", "é b"]
)
def test_usual_names_are_taken(tmp_path, name):
    assert inside(tmp_path, name, "file") == tmp_path.resolve() / name.replace("\\", "/")


@pytest.mark.skipif(os.name == "nt", reason="needs links")
def test_links_are_followed_and_may_not_lead_outside(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder in (root, outside):
        folder.mkdir()
    (root / "out").symlink_to(outside)
    (root / "loop").symlink_to(root / "loop")
    (root / "in").symlink_to(root / "x")
    (tmp_path / "linked").symlink_to(root)
    for name in ("out", "out/new/x", "loop/x"):
        with pytest.raises(ValueError, match=r"lies outside|cannot be followed"):
            inside(root, name, "file")
    assert inside(root, "in", "file") == (root / "x").resolve()
    assert inside(tmp_path / "linked", "x", "file") == (root / "x").resolve()
