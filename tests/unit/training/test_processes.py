"""Training in several processes, as `accelerate launch` starts them, here on the CPU."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tolerances import REORDERED, close

pytest.importorskip("accelerate", reason="pip install -r requirements-train.txt")
pytest.importorskip("tensorboard", reason="pip install -r requirements-train.txt")

from motion_i2v.training.checkpoint import checkpoints, read
from motion_i2v.training.loop import LoopSettings, train

from tests.training_run import SETTINGS, Tiny, make_batch

ROOT = Path(__file__).resolve().parents[3]
PLAIN = {"plain": True, "precision": "no"}


def launch(folder: Path, **options) -> None:
    """Trains in two processes that share their gradients."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    run = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_addr", "127.0.0.1"]
    run += ["--master_port", str(port), "-m", "tests.training_run", str(folder)]
    done = subprocess.run(
        [sys.executable, *run, json.dumps(PLAIN | options)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout
    assert "find_unused_parameters" not in done.stdout
    assert "terminate called" not in done.stdout
    assert "destroy_process_group" not in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="needs gloo and signals")
def test_two_processes_train_like_two_batches_and_stop_together(tmp_path):
    launch(tmp_path, stop_rank_1=7)
    assert [step for step, _ in checkpoints(tmp_path)] == [7, 5]
    launch(tmp_path)

    settings = LoopSettings(**SETTINGS | {"precision": "no", "accumulate": 2})
    train(Tiny(plain=True), make_batch, settings, tmp_path / "one")
    two, one = (read(checkpoints(folder)[0][1])[0] for folder in (tmp_path, tmp_path / "one"))
    assert two.keys() == one.keys()
    for name in one:
        close(two[name], one[name], REORDERED)
