"""`dev.py gpu`: on the CPU it runs whole, and says of what it cannot measure that it has not."""

# ruff: noqa: E402 (the host must be on the path before anything of it is imported)

import json
import sys
import time
from collections.abc import Iterator
from functools import partial

import pytest
import torch

from testing.comfyui import load_host

load_host()

import comfy.model_management as management

from benchmarks.gpu import __main__ as check
from benchmarks.gpu import cost, offload, parity
from benchmarks.gpu.memory import Peak, peak_of
from benchmarks.gpu.rows import FAILED, GOOD, MISSED, NOT_MEASURED, SHOWN, Row, judged, write
from benchmarks.gpu.stages import NARROW, Clip, Stage1
from devkit import commands, places


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    with torch.inference_mode():
        return list(check.measured(check.checks(narrow=True), time.monotonic() + 600))


def of(rows: list[Row], name: str) -> list[Row]:
    return [row for row in rows if row.check == name]


def test_every_bar_is_kept_on_the_cpu(rows):
    assert {row.verdict for row in rows} == {GOOD, SHOWN, NOT_MEASURED}
    assert len(of(rows, parity.PARITY)) == 6
    assert len(of(rows, parity.TWICE)) == 2


def test_only_a_part_of_the_weights_is_there_and_nothing_changes(rows):
    limited = of(rows, offload.CHECK)
    assert len(limited) == 6
    for row in limited:
        assert row.figures["relative_error"] == 0
        assert 0 < row.figures["bytes_there"] < row.figures["weight_bytes"]


def test_the_released_order_gives_the_same_video(rows):
    (results,) = [row for row in of(rows, cost.CHECK) if row.what.endswith("results of one call")]
    assert 0 < results.figures["relative_error"] <= results.figures["bar"]


def test_memory_that_nothing_counts_is_not_made_up(rows):
    assert not any("peak_bytes" in row.figures for row in rows)
    steps = [*of(rows, cost.CHECK), *of(rows, offload.CHECK)]
    told = [row for row in steps if "peak memory not measured" in row.measured]
    assert len(told) == len(steps) - 1


def test_both_files_hold_every_row(rows, tmp_path):
    data, table = write(tmp_path / "output", check.machine(narrow=True), rows)
    assert len(json.loads(data.read_text())["rows"]) == len(rows)
    lines = table.read_text().splitlines()
    assert sum(line.startswith("| ") for line in lines) == len(rows) + 2
    assert f"- torch: {torch.__version__}" in lines


def test_other_weights_miss_the_bar(monkeypatch):
    class Forgetful(Stage1):
        def __init__(self, widths, clip, dtype):
            super().__init__(widths, clip, dtype)
            if dtype != torch.float32:
                self.texts = self.texts[::-1]

    with torch.inference_mode():
        single, half, _ = parity.parity(Forgetful, NARROW, Clip(3, (32, 24)))
    assert (single.verdict, half.verdict) == (GOOD, MISSED)


def step_of(seconds: float, memory: int | None) -> cost.Run:
    return cost.Run(torch.zeros(1), seconds, Peak(memory))


@pytest.mark.parametrize(
    ("released", "verdict"),
    [
        (step_of(3, 8), GOOD),
        (step_of(1, 8), MISSED),
        (step_of(3, 2), MISSED),
        (step_of(3, None), NOT_MEASURED),
    ],
)
def test_a_step_is_held_to_the_released_order_in_time_and_memory(released, verdict):
    without = step_of(1, 4)
    assert cost._compared("a", step_of(2, 4), released, without).verdict == verdict


def test_the_peak_is_the_run_s_own(monkeypatch):
    """A GPU is not at hand; these are the calls that count on one."""
    asked = []
    monkeypatch.setattr(management, "get_torch_device", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: asked.append("reset"))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 5_000_000_000)
    result, peak = peak_of(lambda: asked.append("run") or torch.ones(1))
    assert (asked, result.item()) == (["reset", "run"], 1)
    row = peak.told(Row("a", "b", "1 s"))
    assert row.measured == "1 s; peak memory 5.00 GB"
    assert row.figures == {"peak_bytes": 5e9}


def test_what_is_no_number_misses_every_bar():
    assert judged("a", "b", float("nan"), 1e-2).verdict == MISSED


def test_an_error_is_a_row_and_the_next_check_goes_on():
    def broken() -> Iterator[Row]:
        yield Row("a", "before", "1")
        raise torch.cuda.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2 GiB")

    wanted = [("a", broken), ("b", lambda: iter([Row("b", "after", "2")]))]
    before, error, after = check.measured(wanted, time.monotonic() + 60)
    assert (before.verdict, error.verdict, after.verdict) == (SHOWN, FAILED, SHOWN)
    assert error.measured == "OutOfMemoryError: CUDA out of memory."


def test_what_the_time_does_not_allow_is_told():
    two = [Row("a", "1", "1"), Row("a", "2", "2")]
    wanted = [("a", partial(iter, two)), ("b", partial(iter, two))]
    (late, also) = check.measured(wanted, time.monotonic() - 1)
    assert {late.verdict, also.verdict} == {NOT_MEASURED}


def test_without_a_gpu_it_names_the_way_to_run_it(monkeypatch, capsys):
    monkeypatch.setattr(check, "has_gpu", lambda: False)
    assert check.main([]) == 2
    assert "--narrow" in capsys.readouterr().out


def test_it_goes_on_as_the_python_that_was_called_with_the_comfyui_around(monkeypatch, tmp_path):
    (tmp_path / "comfy").mkdir()
    called = []
    monkeypatch.delenv("COMFYUI_DIR", raising=False)
    monkeypatch.setattr(places, "ROOT", tmp_path / "custom_nodes" / "pack")
    monkeypatch.setattr(commands, "_hand_over", lambda *given, **how: called.append((given, how)))
    commands.run(["gpu", "--narrow"])
    ((given, how),) = called
    assert given == ("-m", "benchmarks.gpu", "--narrow")
    assert how == {"python": sys.executable, "COMFYUI_DIR": str(tmp_path)}
