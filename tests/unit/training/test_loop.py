"""The training loop: resumable to the step, and careful with what it has on disk."""

from __future__ import annotations

import errno
import json
import logging
import math
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from tests.tolerances import ACCUMULATED, RELATIVE, SOLVED, close

pytest.importorskip("accelerate", reason="pip install -r requirements-train.txt")
pytest.importorskip("tensorboard", reason="pip install -r requirements-train.txt")

from motion_i2v.models.files import atomic
from motion_i2v.training import checkpoint, loop
from motion_i2v.training.average import average_of, decay_at
from motion_i2v.training.checkpoint import TrainingError, checkpoints
from motion_i2v.training.data.seeds import seed_of
from motion_i2v.training.loop import LoopSettings, duration, rate_at, train

from tests import training_run
from tests.training_run import SETTINGS, Tiny, make_batch

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def keep_threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def run(folder: Path, at=None, make=make_batch, **changed) -> list[float]:
    """Trains in this process and returns the losses."""
    tiny = Tiny(at=at)
    train(tiny, make, LoopSettings(**SETTINGS | changed), folder)
    return tiny.losses


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> list[float]:
    """The losses of a training that nothing stops."""
    return run(tmp_path_factory.mktemp("whole"))


def start(folder: Path, **options) -> subprocess.Popen:
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "tests.training_run", str(folder), json.dumps(options)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


def steps_saved(folder: Path) -> list[int]:
    return [step for step, _ in checkpoints(folder)]


def logged(folder: Path) -> list[float]:
    return [float(line) for line in (folder / "losses.txt").read_text().split()]


def final(folder: Path) -> dict[str, torch.Tensor]:
    return checkpoint.read(checkpoints(folder)[0][1])[0]


def weights_differ(first: Path, second: Path) -> list[str]:
    one, two = final(first), final(second)
    assert one.keys() == two.keys()
    return [name for name in one if not torch.equal(one[name], two[name])]


def test_learns(tmp_path):
    losses = run(tmp_path, steps=60, learning_rate=3e-2)
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])


@pytest.mark.parametrize(
    ("death", "from_step"), [({"kill_at": 8}, 5), ({"kill_in_save": 10, "workers": 1}, 5)]
)
def test_same_losses_after_a_kill(tmp_path, whole, death, from_step):
    folder = tmp_path / "killed"
    assert start(folder, **death).wait(120) == -signal.SIGKILL
    before = logged(folder)
    assert before == whole[: len(before)]
    assert len(before) >= 7
    assert steps_saved(folder) == [from_step]

    if "kill_in_save" in death:
        assert list(folder.rglob("*.part"))
    assert run(folder) == whole[from_step:]
    assert not list(folder.rglob("*.part"))
    run(tmp_path / "whole")
    assert not weights_differ(folder, tmp_path / "whole")


def test_stops_cleanly_on_sigterm_to_it_and_its_workers(tmp_path, whole):
    folder = tmp_path / "stopped"
    process = start(folder, pause=0.05, workers=1, steps=12, save_every=100)
    deadline = time.monotonic() + 120
    while not (folder / "losses.txt").exists() or len(logged(folder)) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(60) == 0
    (step,) = steps_saved(folder)
    assert step == len(logged(folder)) < 12
    assert logged(folder) + run(folder) == whole


def test_workers_change_nothing(tmp_path, whole):
    assert run(tmp_path, workers=2) == whole


@pytest.mark.parametrize("step", range(1, 12, 3))
def test_stops_at_any_step_and_goes_on(tmp_path, whole, step, monkeypatch):
    def stop(number):
        if number == step:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    first = run(tmp_path, at=stop)
    assert signal.getsignal(signal.SIGINT) is before
    assert len(first) == step
    assert first + run(tmp_path) == whole


def test_a_finished_training_is_left_alone(tmp_path):
    run(tmp_path)
    path = checkpoints(tmp_path)[0][1]
    before = path.stat().st_mtime_ns
    finished = tmp_path / "files" / "tiny.safetensors"
    content = load_file(finished)
    finished.unlink()
    assert run(tmp_path) == []
    assert path.stat().st_mtime_ns == before
    assert content.keys() == load_file(finished).keys()
    assert all(torch.equal(value, content[name]) for name, value in load_file(finished).items())


def test_goes_on_with_more_steps_and_says_so(tmp_path, caplog):
    run(tmp_path, steps=6)
    with caplog.at_level(logging.INFO):
        assert len(run(tmp_path, steps=9)) == 3
    assert "steps was 6, and is 9 from here on" in caplog.text


def test_limit_in_minutes(tmp_path, whole, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(loop.time, "monotonic", lambda: now[0])

    def at(step):
        now[0] += 20

    assert run(tmp_path, at=at, minutes=1.9) == whole[:6]
    assert steps_saved(tmp_path) == [6, 5]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_state(tmp_path, bad):
    class Broken(Tiny):
        def loss(self, batch, generator):
            loss, figures = super().loss(batch, generator)
            return (loss * bad if batch["number"] == 6 else loss), figures

    run(tmp_path, steps=5)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.safetensors")}
    with pytest.raises(TrainingError) as raised:
        train(Broken(), make_batch, LoopSettings(**SETTINGS), tmp_path)
    message = str(raised.value)
    assert f"loss of step 7 is {bad}" in message
    assert "learning rate of " in message
    assert "step-000000005.safetensors" in message
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*.safetensors")}


def test_a_gradient_that_is_no_number_stops(tmp_path):
    class Broken(Tiny):
        def loss(self, batch, generator):
            loss, figures = super().loss(batch, generator)
            # The root's slope at 0 is infinite, though its value is not.
            return loss + (self.modules["net"][0].weight * 0).sum().sqrt(), figures

    with pytest.raises(TrainingError, match=r"gradient of step 1 is nan.*no checkpoint exists yet"):
        train(Broken(), make_batch, LoopSettings(**SETTINGS), tmp_path)
    assert not checkpoints(tmp_path)


@pytest.fixture
def small_files():
    """Lets no file grow beyond some bytes: what a full disk does, without one."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))

    yield limit
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("size", [4000, 1000, 300], ids=["checkpoint", "finished file", "log"])
def test_a_full_disk_keeps_what_was_saved(tmp_path, small_files, size):
    run(tmp_path, steps=5)
    path = checkpoints(tmp_path)[0][1]
    before = path.read_bytes()

    small_files(size)
    with pytest.raises(TrainingError, match=r"the disk is full: .*free some space"):
        run(tmp_path)
    small_files(2**40)
    assert steps_saved(tmp_path) == [5]
    assert path.read_bytes() == before
    assert load_file(tmp_path / "files" / "tiny.safetensors")
    assert not list(tmp_path.rglob("*.part"))
    assert len(run(tmp_path)) == 12 - 5


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_no_space_at_the_last_moment(tmp_path, monkeypatch, step):
    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    run(tmp_path, steps=5)
    monkeypatch.setattr(atomic.os, step, fail)
    with pytest.raises(TrainingError, match=r"the disk is full: .*tiny.safetensors.*No space left"):
        run(tmp_path)
    assert steps_saved(tmp_path) == [5]
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("damage", ["truncated", "empty", "pickle"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, whole, caplog, damage):
    run(tmp_path)
    (_, newest), (step, _) = checkpoints(tmp_path)
    content = newest.read_bytes()
    content = {
        "truncated": content[: len(content) // 2],
        "empty": b"",
        "pickle": pickle.dumps(Path),
    }[damage]
    newest.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert run(tmp_path) == whole[step:]
    assert f"{newest} cannot be read" in caplog.text
    assert newest.with_suffix(".damaged").exists()


def test_only_damaged_checkpoints(tmp_path):
    run(tmp_path, steps=2)
    (_, path) = checkpoints(tmp_path)[0]
    path.write_bytes(b"\0" * 100)
    with pytest.raises(TrainingError, match="remove it to begin from nothing"):
        run(tmp_path)
    assert path.exists()


def test_checkpoint_of_other_networks(tmp_path):
    run(tmp_path, steps=2)
    other = Tiny()
    other.modules["net"][0] = nn.Linear(4, 32)
    with pytest.raises(TrainingError, match=r"(?s)another folder.*net\.0\.weight"):
        train(other, make_batch, LoopSettings(**SETTINGS), tmp_path)


def test_other_parameters_trained_than_before(tmp_path):
    run(tmp_path, steps=2)
    frozen = Tiny()
    frozen.modules["net"][0].requires_grad_(False)
    with pytest.raises(TrainingError, match=r"It trained net.0.bias, net.0.weight, too"):
        train(frozen, make_batch, LoopSettings(**SETTINGS), tmp_path)


def test_keeps_as_many_checkpoints_as_asked_and_no_parts(tmp_path):
    run(tmp_path, save_every=2, keep=3)
    assert steps_saved(tmp_path) == [12, 10, 8]
    assert not list(tmp_path.rglob("*.part"))


def test_finished_files_are_the_average_in_half_precision(tmp_path):
    run(tmp_path)
    with safe_open(tmp_path / "files" / "tiny.safetensors", "pt") as file:
        assert file.metadata() == {"motion_i2v.kind": "tiny", "motion_i2v.steps": "12"}
        weight = file.get_tensor("net.0.weight")
    state = final(tmp_path)
    assert torch.equal(weight, state["average.module.net.0.weight"].half())
    assert not torch.equal(weight, state["weights.net.0.weight"].half())


def test_average_without_memory_is_the_weights(tmp_path):
    run(tmp_path, ema=0.0)
    state = final(tmp_path)
    for name in ("net.0.weight", "net.3.bias"):
        assert torch.equal(state[f"average.module.{name}"], state[f"weights.{name}"])
    assert state["average.n_averaged"] == 12


def test_every_batch_has_random_numbers_of_its_own(tmp_path):
    drawn = []

    class Noting(Tiny):
        def loss(self, batch, generator):
            drawn.append((torch.rand((), generator=generator).item(), torch.rand(()).item()))
            return super().loss(batch, generator)

    train(Noting(), make_batch, LoopSettings(**SETTINGS | {"accumulate": 2, "steps": 4}), tmp_path)
    assert len({number for pair in drawn for number in pair[:1]}) == 8
    assert len({number for pair in drawn for number in pair[1:]}) == 8


def test_frozen_weights_stay(tmp_path):
    tiny = Tiny()
    tiny.modules["net"][0].requires_grad_(False)
    before = tiny.modules["net"][0].weight.clone()
    train(tiny, make_batch, LoopSettings(**SETTINGS | {"weight_decay": 0.1}), tmp_path)
    assert torch.equal(tiny.modules["net"][0].weight, before)
    assert torch.equal(final(tmp_path)["average.module.net.0.weight"], before)


def test_accumulated_batches_count_like_one_large_batch(tmp_path):
    class Plain(Tiny):
        def loss(self, batch, generator):
            return (self.modules["net"].eval()(batch["x"]) - 1).square().mean(), {}

    def both(number, rank, world):
        two = [make_batch(2 * number + part, rank, world)["x"] for part in (0, 1)]
        return {"x": torch.cat(two)}

    settings = SETTINGS | {"precision": "no", "steps": 4}
    one, two = Plain(), Plain()
    train(one, both, LoopSettings(**settings), tmp_path / "large")
    train(two, make_batch, LoopSettings(**settings | {"accumulate": 2}), tmp_path / "two")
    for first, second in zip(one.modules.parameters(), two.modules.parameters(), strict=True):
        close(first, second, ACCUMULATED)


def test_resumes_between_accumulated_batches(tmp_path):
    whole = run(tmp_path / "whole", accumulate=3, steps=4)
    first = run(tmp_path / "parts", accumulate=3, steps=4, save_every=2, at=_interrupt_at(8))
    assert len(first) == 9  # the step that was begun is finished
    assert first + run(tmp_path / "parts", accumulate=3, steps=4) == whole


def _interrupt_at(number):
    return lambda step: os.kill(os.getpid(), signal.SIGTERM) if step == number else None


def test_clips_the_gradient(tmp_path):
    class Steep(Tiny):
        def loss(self, batch, generator):
            loss, figures = super().loss(batch, generator)
            return 1e4 * loss, figures

    def sizes(clip: float) -> torch.Tensor:
        tiny = Steep()
        folder = tmp_path / str(clip)
        train(tiny, make_batch, LoopSettings(**SETTINGS | {"steps": 1, "clip": clip}), folder)
        moments = [v for k, v in final(folder).items() if k.startswith("optimizer.exp_avg.")]
        return torch.cat([value.flatten() for value in moments]).norm() / 0.1

    close(sizes(0.5), torch.tensor(0.5), SOLVED)
    assert sizes(0) > 100


def test_average_warms_up():
    assert decay_at(0, 0.999) == 0.1
    assert decay_at(10, 0.999) == 11 / 20
    assert decay_at(10**6, 0.999) == 0.999

    net = nn.Linear(1, 1, bias=False)
    nn.init.constant_(net.weight, 100.0)
    average = average_of(net, 0.5)
    expected = None
    for update in range(20):
        value = float(update)
        nn.init.constant_(net.weight, value)
        average.update_parameters(net)
        decay = min(0.5, (1 + update) / (10 + update))
        expected = value if expected is None else decay * expected + (1 - decay) * value
    close(average.module.weight.item(), expected, RELATIVE)
    with pytest.raises(ValueError, match=r"0\.\.1, not 1\.5"):
        average_of(net, 1.5)


def test_learning_rate():
    settings = LoopSettings(steps=100, learning_rate=1.0, warmup=10)
    assert rate_at(0, settings) == pytest.approx(0.1)
    assert rate_at(50, settings) == pytest.approx(0.5)
    assert rate_at(99, settings) < 0.001
    constant = LoopSettings(steps=100, learning_rate=1.0, warmup=0, schedule="constant")
    assert {rate_at(step, constant) for step in range(100)} == {1.0}


def test_reports_the_average_and_survives_a_report_that_fails(tmp_path, caplog):
    seen = []

    class Reporting(Tiny):
        def report(self, modules, writer, step):
            assert not modules.training
            assert not torch.is_grad_enabled()
            seen.append(step)
            torch.rand(3)  # what a report draws must not change the training
            if step == 6:
                raise KeyError("no such figure")
            writer.add_scalar("judged/error", 1.0, step)

    tiny = Reporting()
    train(tiny, make_batch, LoopSettings(**SETTINGS | {"report_every": 3}), tmp_path)
    assert seen == [3, 6, 9, 12]
    assert "the report of step 6 failed; training goes on" in caplog.text
    assert tiny.losses == run(tmp_path / "silent")


def test_tensorboard_has_each_step_once_after_a_resume(tmp_path, whole):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run(tmp_path, at=_interrupt_at(4))
    for path in checkpoints(tmp_path):
        assert path[0] == 4
    run(tmp_path)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    losses = events.Scalars("train/loss")
    assert [event.step for event in losses] == list(range(1, 13))
    close([event.value for event in losses], whole, RELATIVE)
    assert {"train/size", "train/gradient", "train/learning_rate"} <= set(events.Tags()["scalars"])


def test_console_line(tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        run(tmp_path, log_every=6)
    lines = [record.message for record in caplog.records if record.name.endswith("loop")]
    assert lines[0].startswith("step 6/12  loss ")
    assert lines[0].endswith(" left")
    assert lines[-1] == "finished at step 12 of 12"
    assert [duration(20), duration(600), duration(7500)] == ["20 s", "10 min", "2 h 05 min"]


def test_gradient_checkpointing_is_passed_on_or_refused(tmp_path):
    class Able(Tiny):
        def gradient_checkpointing(self):
            self.told = True

    able = Able()
    settings = LoopSettings(**SETTINGS | {"steps": 1, "gradient_checkpointing": True})
    train(able, make_batch, settings, tmp_path / "able")
    assert able.told is True
    with pytest.raises(ValueError, match="no gradient checkpointing"):
        train(Tiny(), make_batch, settings, tmp_path / "unable")


@pytest.mark.parametrize(
    ("name", "value"),
    [("steps", 0), ("schedule", "linear"), ("precision", "fp8"), ("learning_rate", 0.0)],
)
def test_settings_out_of_bounds(name, value):
    with pytest.raises(ValueError, match=str(value)):
        LoopSettings(**SETTINGS | {name: value})


def test_batches_of_processes_differ():
    seeds = {seed_of(0, step, rank) for step in range(20) for rank in range(4)}
    assert len(seeds) == 80
    assert training_run.make_batch(0, 1, 2)["x"].ne(training_run.make_batch(0, 0, 2)["x"]).all()
