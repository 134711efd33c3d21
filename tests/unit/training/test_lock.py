"""Two trainings into one folder: the second is told of the first."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("accelerate", reason="pip install -r requirements-train.txt")

from motion_i2v.training import lock
from motion_i2v.training.checkpoint import TrainingError

ROOT = Path(__file__).resolve().parents[3]
HOLD = """
import sys, time
from pathlib import Path
from testing import pack
pack.load()
from motion_i2v.training import lock
with lock.taken(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path):
    """Another process that is training into the folder."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], cwd=ROOT, text=True, **pipes)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_the_second_is_refused_and_told_of_the_first(tmp_path, other):
    told = rf"process {other.pid} on .*, started 2\d{{3}}-"
    with pytest.raises(TrainingError, match=told), lock.taken(tmp_path):
        pass
    other.communicate()  # ends it properly
    with lock.taken(tmp_path):
        pass


@pytest.mark.skipif(os.name == "nt", reason="needs signals")
def test_the_folder_of_a_killed_one_is_free(tmp_path, other):
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert str(other.pid) in (tmp_path / lock.NAME).read_text()
    with lock.taken(tmp_path):
        assert str(os.getpid()) in (tmp_path / lock.NAME).read_text()


def test_one_process_cannot_take_a_folder_twice(tmp_path):
    again = tmp_path / ".." / tmp_path.name
    refused = pytest.raises(TrainingError, match=f"process {os.getpid()} ")
    with lock.taken(tmp_path), refused, lock.taken(again):
        pass
    with lock.taken(tmp_path), lock.taken(tmp_path / "another"):
        pass


def test_a_file_that_another_program_wrote_is_no_lock(tmp_path):
    (tmp_path / lock.NAME).write_text('{"process": 1}')
    with lock.taken(tmp_path):
        pass
