"""Any build of OpenCV will do, and where there is none, the log says what to run."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def nodes(host_env):
    from motion_i2v import nodes

    return nodes


def test_without_opencv_the_log_names_the_command(nodes, monkeypatch, caplog):
    monkeypatch.setattr(nodes, "find_spec", lambda name: None)
    nodes.warn_without_opencv()
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.endswith(f'-m pip install -r "{ROOT / "requirements.txt"}"')
    assert (ROOT / "requirements.txt").is_file()


def test_with_any_build_nothing_is_said(nodes, caplog):
    nodes.warn_without_opencv()
    assert not caplog.records
