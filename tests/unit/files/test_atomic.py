"""Files appear whole or not at all."""

from __future__ import annotations

import os
import stat

import pytest
from motion_i2v.models.files import atomic


def listed(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "new" / "x.json"
    with atomic.whole(path) as part:
        part.write_text("old")
    with atomic.whole(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
        assert part.suffix == ""
    assert path.read_text() == "new"
    assert listed(path.parent) == ["x.json"]


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("old")

    def write_half():
        with atomic.whole(path) as part:
            part.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert path.read_text() == "old"
    assert listed(tmp_path) == ["x.json"]


@pytest.mark.skipif(os.name == "nt", reason="needs modes")
def test_others_may_read_it_as_any_file(tmp_path):
    (tmp_path / "usual").touch()
    with atomic.whole(tmp_path / "x") as part:
        part.unlink()
        os.close(os.open(part, os.O_CREAT, 0o600))
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("usual", "x")]
    assert modes[0] == modes[1]


def test_what_a_killed_process_left_goes_with_the_next_writing_of_the_file(tmp_path):
    for name in (".x.json.aaaaaaaa.part", ".x.json.bbbbbbbb.part", ".y.json.cccccccc.part"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part").write_text("half")
    for name in (".x.json.aaaaaaaa.part", ".y.json.cccccccc.part"):
        os.utime(tmp_path / name, (0, 0))
    with atomic.whole(tmp_path / "x.json") as part:
        part.write_text("new")
    assert listed(tmp_path) == [".x.json.bbbbbbbb.part", ".y.json.cccccccc.part", "x.json"]
    atomic.clean(tmp_path, older=atomic.ABANDONED)
    assert listed(tmp_path) == [".x.json.bbbbbbbb.part", "x.json"]
    atomic.clean(tmp_path)
    assert listed(tmp_path) == ["x.json"]
