"""`python -m training`: finding ComfyUI, saying what is missing, and options."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("accelerate", reason="pip install -r requirements-train.txt")
pytest.importorskip("tensorboard", reason="pip install -r requirements-train.txt")

from motion_i2v.training.checkpoint import TrainingError
from motion_i2v.training.commands import command, data_options, options
from motion_i2v.training.data.ranges import Range, Share, Whole
from motion_i2v.training.loop import LoopSettings

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(autouse=True)
def keep_logging():
    root = logging.getLogger()
    before = root.level, root.handlers[:]
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]


@pytest.fixture
def part(monkeypatch):
    """A sub-command whose module a test fills."""
    module = ModuleType("part")
    module.add_arguments = lambda parser: parser.add_argument("--size", type=int, default=3)
    name = f"{command.__package__}.part"
    monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(command.COMMANDS, "part", ("part", "train a part"))
    return module


def start(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "training", *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
    )


def test_help_lists_every_sub_command(host_env):
    done = start("--help", COMFYUI_DIR=os.environ.get("COMFYUI_DIR", ""))
    assert done.returncode == 0, done.stderr
    for name in command.COMMANDS:
        # A long name has a line of its own.
        assert f"\n    {name} " in done.stdout or f"\n    {name}\n" in done.stdout


def test_says_where_it_looked_for_comfyui(tmp_path):
    done = start("fields", COMFYUI_DIR=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith(f"there is no ComfyUI in {tmp_path}: name the folder")


def test_a_lone_copy_of_the_pack_asks_for_comfyui(tmp_path):
    shutil.copytree(ROOT / "training", tmp_path / "a" / "b" / "training")
    done = subprocess.run(
        [sys.executable, "-m", "training", "fields"],
        cwd=tmp_path / "a" / "b",
        env={key: value for key, value in os.environ.items() if key != "COMFYUI_DIR"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "python -m training --comfyui /path/to/ComfyUI" in done.stderr


def test_runs_the_chosen_part_with_its_options(part):
    seen = []
    part.run = lambda args: seen.append((args.command, args.size)) or 0
    assert command.main(["part", "--size", "5"]) == 0
    assert seen == [("part", 5)]


@pytest.mark.parametrize(
    "error", [TrainingError("the loss is nan"), ValueError("a bad value"), OSError("no such file")]
)
def test_errors_are_one_line(part, error, capsys):
    def run(args):
        raise error

    part.run = run
    assert command.main(["part"]) == 1
    written = capsys.readouterr().err.strip()
    assert written.endswith(str(error))
    assert "\n" not in written
    assert command.main(["--verbose", "part"]) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("package", "advice"),
    [
        ("accelerate", "accelerate is missing: pip install -r requirements-train.txt"),
        ("cv2", "cv2 is missing: pip install -r requirements.txt"),
        ("einops", "einops is missing: run this with the Python that runs ComfyUI"),
    ],
)
def test_missing_packages(part, monkeypatch, capsys, package, advice):
    def run(args):
        __import__(package)

    part.run = run
    monkeypatch.setitem(sys.modules, package, None)
    assert command.main(["part"]) == 1
    assert capsys.readouterr().err.strip().endswith(advice)


def loop_parser(**defaults) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    options.loop_arguments(parser, **defaults)
    return parser


def test_options_are_the_settings_of_the_loop(monkeypatch):
    monkeypatch.delenv("ACCELERATE_MIXED_PRECISION", raising=False)
    args = loop_parser().parse_args(["--steps", "9", "--out", "x"])
    assert options.settings_of(args) == LoopSettings(steps=9)
    assert args.out == Path("x")

    given = "--learning-rate 2e-3 --gradient-checkpointing --schedule constant --minutes 1.5"
    args = loop_parser(steps=7, ema=0.5).parse_args(["--out", "x", *given.split()])
    expected = LoopSettings(
        steps=7,
        ema=0.5,
        learning_rate=2e-3,
        gradient_checkpointing=True,
        schedule="constant",
        minutes=1.5,
    )
    assert options.settings_of(args) == expected


def test_precision_is_what_accelerate_was_told(monkeypatch):
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    args = loop_parser(steps=7).parse_args(["--out", "x"])
    assert options.settings_of(args).precision == "bf16"


def data_args(*given: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    data_options.folder_arguments(parser)
    options.add_options(parser, data_options.SourceOptions)
    return parser.parse_args(list(given))


def test_synthetic_batches_have_the_strides_asked_for(host_env):
    def strides(*given: str):
        args = data_args("--synthetic", "--size", "96x64", "--batch", "2", *given)
        batch = data_options.batches_of(args)(3, 0, 1)
        assert batch["frames"].shape == (2, args.frames, 3, 64, 96)
        assert len(batch["caption"]) == 2
        return batch["strides"][0].tolist()

    assert strides("--frames", "16") == [8.0 * frame for frame in range(1, 16)]
    assert strides("--frames", "3", "--longest", "60") == [30, 60]
    assert strides("--frames", "3", "--strides", "5,7") == pytest.approx([5, 7])
    (one,) = strides("--frames", "2")
    assert one == pytest.approx(round(one))
    assert 1 <= one <= 120


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((), "either --videos FOLDER --cache FOLDER, or --synthetic"),
        (("--videos", "x", "--synthetic"), "either --videos"),
        (("--synthetic", "--batch", "0"), "at least 1 clip, not 0"),
        (("--synthetic", "--longest", "240"), "strides up to 120, not 240"),
        (("--videos", "x"), "--videos needs --cache"),
    ],
)
def test_data_that_cannot_be(host_env, given, message):
    with pytest.raises(ValueError, match=message):
        data_options.batches_of(data_args(*given))


@pytest.mark.parametrize("name", command.COMMANDS)
def test_every_option_says_what_it_is(host_env, name):
    parser = argparse.ArgumentParser()
    parser.set_defaults(command=name)
    module = importlib.import_module(f"{command.__package__}.{command.COMMANDS[name][0]}")
    module.add_arguments(parser)
    assert not {action.dest for action in parser._actions if not action.help}
    assert parser.format_help()


@dataclass
class Walk:
    """How one walks.

    Args:
        share: of the way, in 100 % or
            less.
        low, high: bounds of the pace.
        uphill: whether it goes up.

    Raises:
        ValueError: for another way.
    """

    share: Share
    low: Whole = 3
    high: Range = (1, 6)
    uphill: bool = False


def test_options_are_read_as_the_fields_of_settings_say():
    assert options.sayings(Walk) == {
        "share": "of the way, in 100 %% or less.",
        "low": "bounds of the pace.",
        "high": "bounds of the pace.",
        "uphill": "whether it goes up.",
    }
    parser = argparse.ArgumentParser()
    options.add_options(parser, Walk, prefix="a_", low=4)
    args = parser.parse_args(["--a-share", "0.5", "--a-high", "2-9", "--a-uphill"])
    assert options.read_options(args, Walk, prefix="a_") == Walk(0.5, 4, (2, 9), True)
    assert options.read_options(args, Walk, prefix="a_", low=0).low == 0
    for wrong in ("1.5", "nan", "x"):
        with pytest.raises(SystemExit):
            parser.parse_args(["--a-share", wrong])
    assert parser.parse_args(["--a-share", "1"]).a_high == (1, 6)
