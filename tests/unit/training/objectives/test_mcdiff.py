"""MCDiff's objectives, and the sub-command that trains them."""

import json
import logging
import os
import signal
from functools import partial

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from tests.tolerances import RELATIVE, Tolerance, close

pytest.importorskip("accelerate", reason="pip install -r requirements-train.txt")
pytest.importorskip("tensorboard", reason="pip install -r requirements-train.txt")
pytest.importorskip("skimage", reason="its photographs are used")

from motion_i2v.models.host.mcdiff_file import read_mcdiff
from motion_i2v.models.networks.mcdiff_shapes import CompletionShape, FrameShape
from motion_i2v.scenes.photographs import Photographs
from motion_i2v.training.data.step_clips import SyntheticSteps
from motion_i2v.training.loop import LoopSettings, train

from tests import narrow_mcdiff
from tests.video_files import sliding, write_video

pytestmark = pytest.mark.usefixtures("host_env")

SIZE = (32, 32)
STEPS = ("flow", "frame", "sparse", "together")


@pytest.fixture(autouse=True)
def keep_state():
    root = logging.getLogger()
    before = root.level, root.handlers[:], torch.get_num_threads()
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    torch.set_num_threads(before[2])


@pytest.fixture(scope="module")
def make() -> SyntheticSteps:
    return SyntheticSteps(Photographs("held_out"), 1, (SIZE,), 3, 4, paces=(0.1, 0.25))


@pytest.fixture(scope="module")
def batch(make) -> dict:
    return make(0)


def encode(pictures):
    """A frozen encoder: blocks of 8x8 to their mean colours and brightness."""
    means = torch.nn.functional.avg_pool2d(pictures, 8)
    return torch.cat([means, means.mean(1, keepdim=True)], dim=1) * 5


def decode(latents):
    return torch.nn.functional.interpolate(latents[:, :3] / 5, scale_factor=8)


def objective(step, apart=False, learned=True, **changes):
    """An objective on narrow networks: whose weights all matter, or that start from nothing."""
    from motion_i2v.training.objectives import networks
    from motion_i2v.training.objectives.mcdiff import McdiffInputs, McdiffObjective

    torch.manual_seed(0)
    if learned:
        flow, frame = narrow_mcdiff.completion(), narrow_mcdiff.future()
    else:
        flow = networks.flow_completion(CompletionShape(32, (1, 1), attention=2))
        frame = networks.future_frame(FrameShape(32, (1, 1)))
    inputs = McdiffInputs(encode, decode, **changes)
    given = {"motion_i2v.side": "32"}
    return McdiffObjective(step, flow, frame, inputs, apart, metadata=given)


def loss_of(made, batch, seed=0):
    return made.loss(batch, torch.Generator().manual_seed(seed))


def gradient_of_f(made, batch) -> torch.Tensor:
    made.modules.zero_grad()
    loss_of(made, batch)[0].backward()
    return torch.cat([p.grad.flatten() for p in made.modules["flow_completion"].parameters()])


class TestObjective:
    @pytest.mark.parametrize("step", STEPS)
    def test_learns(self, batch, step):
        made = objective(step, learned=False)
        optimizer = torch.optim.AdamW(made.modules.parameters(), lr=3e-3)
        losses = []
        for _ in range(8):
            loss, _ = loss_of(made, batch)
            losses.append(loss.item())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        assert losses[-1] < 0.9 * losses[0]

    def test_end_to_end_sends_the_future_frames_loss_into_flow_completion(self, batch):
        alone, apart = (
            gradient_of_f(objective(*what), batch) for what in (("flow",), ("together", True))
        )
        both = gradient_of_f(objective("together"), batch)
        torch.testing.assert_close(apart, alone)
        assert (both - alone).norm() > 1e-3 * alone.norm()

    def test_figures_tell_each_loss(self, batch):
        loss, figures = loss_of(objective("together"), batch)
        close(loss.item(), float(figures["flow"] + figures["frame"]), RELATIVE)
        assert figures["epe"] > 0
        assert set(loss_of(objective("frame"), batch)[1]) == {"frame"}
        assert set(loss_of(objective("flow"), batch)[1]) == {"flow", "epe"}

    def test_sparse_sees_what_was_drawn_and_nothing_else(self, batch):
        made = objective("sparse", dropped=0)
        loss = loss_of(made, batch)[0]
        assert torch.equal(loss, loss_of(made, {**batch, "flow": 9 - batch["flow"]})[0])
        assert not torch.equal(loss, loss_of(made, {**batch, "drawn": batch["drawn"] + 1})[0])
        frame = objective("frame", dropped=0)
        other = {**batch, "drawn": batch["drawn"] + 1, "known": 1 - batch["known"]}
        assert torch.equal(loss_of(frame, batch)[0], loss_of(frame, other)[0])

    def test_flow_is_dropped_in_a_share_of_the_steps(self, batch):
        other = {**batch, "flow": batch["flow"] + 3}
        never, always = objective("frame", dropped=0.0), objective("frame", dropped=1.0)
        assert not torch.equal(loss_of(never, batch)[0], loss_of(never, other)[0])
        assert torch.equal(loss_of(always, batch)[0], loss_of(always, other)[0])
        for made, learns in ((never, False), (always, True)):
            loss_of(made, batch)[0].backward()
            gradient = made.modules["future_frame"].unknown.weight.grad
            assert bool(gradient is not None and gradient.any()) == learns

    def test_moving_pixels_weigh_more(self, batch):
        moving = batch["flow"].norm(dim=2, keepdim=True) > 0.25
        assert 0 < moving.float().mean() < 1
        plain = objective("flow", learned=False, moving=0.0, coded=0)
        heavy = objective("flow", learned=False, moving=9.0, coded=0)
        assert loss_of(heavy, batch)[0] > 1.2 * loss_of(plain, batch)[0]

    def test_flow_completion_sees_some_frames_through_the_vae(self, batch):
        losses = {
            coded: loss_of(objective("flow", coded=coded), batch)[0].item() for coded in (0, 0.5, 1)
        }
        assert len(set(losses.values())) == 3

    @pytest.mark.parametrize("step", STEPS)
    def test_its_file_holds_what_was_trained(self, tmp_path, step):
        made = objective(step)
        ((name, (tensors, metadata)),) = made.files(made.modules).items()
        assert name == "mcdiff.safetensors"
        save_file(tensors, tmp_path / name, metadata=metadata)
        file = read_mcdiff(tmp_path / name)
        assert bool(file.completion) == (step in ("flow", "together"))
        assert bool(file.future) == (step != "flow")
        assert file.side == 32

    def test_what_is_missing_is_named(self):
        from motion_i2v.training.objectives.mcdiff import McdiffInputs, McdiffObjective

        with pytest.raises(ValueError, match="'together' trains flow_completion, future_frame"):
            McdiffObjective("together", None, None, McdiffInputs(encode))
        with pytest.raises(ValueError, match="flow, frame, sparse, together, not 'all'"):
            McdiffObjective("all", None, None, McdiffInputs(encode))

    @pytest.mark.parametrize("step", ["flow", "together", "sparse"])
    def test_reports_its_measures(self, batch, step):
        class Writer:
            scalars, images = {}, {}

            def add_scalar(self, name, value, _):
                self.scalars[name] = value

            def add_images(self, name, pictures, _):
                self.images[name] = pictures

        made, writer = objective(step), Writer()
        made.trial = batch
        made.report(made.modules, writer, 1)
        names = {"trial/epe", "trial/epe of no motion"} if step != "sparse" else set()
        names |= {"trial/psnr", "trial/psnr of rest", "trial/ceiling"} if step != "flow" else set()
        assert names <= set(writer.scalars)
        assert all(torch.isfinite(torch.as_tensor(value)) for value in writer.scalars.values())
        assert all(pictures.shape[1] == 3 for pictures in writer.images.values())


class Recorded:
    """An objective whose losses are written down; `at` is called with each step, from 1."""

    leaves_out = False

    def __init__(self, at=None):
        self.inner, self.at, self.losses = objective("together", learned=False), at, []
        self.modules, self.files = self.inner.modules, self.inner.files

    def loss(self, batch, generator):
        if self.at:
            self.at(len(self.losses) + 1)
        loss, figures = self.inner.loss(batch, generator)
        self.losses.append(loss.item())
        return loss, figures


def test_goes_on_after_a_stop_with_the_same_losses_to_the_bit(tmp_path, make):
    def run(folder, at=None) -> list[float]:
        recorded = Recorded(at)
        settings = LoopSettings(4, 1e-3, warmup=2, save_every=9, seed=3, threads=1)
        train(recorded, make, settings, folder)
        return recorded.losses

    whole = run(tmp_path / "whole")
    stop = lambda step: os.kill(os.getpid(), signal.SIGINT) if step == 2 else None  # noqa: E731
    first = run(tmp_path / "stopped", stop)
    assert len(first) == 2
    assert first + run(tmp_path / "stopped") == whole
    assert len(set(whole)) == 4


NARROW = ("--width", "32", "--levels", "1,1", "--blocks", "1", "--size", "32x32", "--batch", "1")
QUICK = ("--steps", "2", "--warmup", "0", "--log-every", "1", "--threads", "1")


def mcdiff(*arguments) -> int:
    from motion_i2v.training.commands import command

    return command.main(["mcdiff", *map(str, arguments)])


class TestCommand:
    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ("--step flow", "either --videos FOLDER --cache FOLDER, or --synthetic"),
            ("--step flow --synthetic --videos x", "either --videos"),
            ("--step flow --videos x", "--videos needs --cache"),
            ("--step flow --videos no/folder --cache {}", "no/folder is not a folder"),
            ("--step flow --synthetic --batch 0", "at least 1 clip, not 0"),
            ("--step flow --synthetic --frames 1", "2 frames at least, not 1"),
            ("--step flow --synthetic --size 60x64", "cannot be 60x64"),
            ("--step flow --synthetic --pace 61-99", "a pace up to 60, not 99"),
            ("--step flow --synthetic --half-size 65", "at most 64 px, not 65"),
            ("--step flow --synthetic --apart", "--apart is a way of step 'together'"),
            ("--step frame --synthetic --flow-start x", "leave out --flow-start"),
            ("--step flow --synthetic --frame-start x", "leave out --frame-start"),
            ("--step together --synthetic", "goes on from both halves"),
            ("--step together --synthetic --flow-start no.file", "no.file"),
            ("--step flow --synthetic --flow-start x --width 32", "its own --width"),
            ("--step frame --synthetic --zero-terminal-snr", "zero terminal SNR needs v"),
            ("--step frame --synthetic --steps 0", "steps is at least 1, not 0"),
            ("--step frame --synthetic --vae no.file", "there is no VAE no.file"),
        ],
    )
    def test_what_does_not_go_together_is_told(self, tmp_path, capsys, given, said):
        assert mcdiff(*given.format(tmp_path).split(), "--out", tmp_path / "out") == 1
        assert said in capsys.readouterr().err
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ("--step all", "invalid choice: 'all'"),
            ("--width 40", "'40' is not a multiple of 32"),
            ("--levels 1,x", "'1,x' is not a list"),
            ("--blocks 0", "'0' is not a whole number above 0"),
            ("--pace 3-1", "'3-1' is not a range"),
            ("--strides 3", "unrecognized arguments: --strides"),
            ("--dropped 1.5", "'1.5' is not a share in 0..1"),
            ("--keypoint-radius nan", "'nan' is not a number, 0 or above"),
            ("--background -1", "--background"),
        ],
    )
    def test_values_that_cannot_be_are_told(self, capsys, given, said):
        with pytest.raises(SystemExit):
            mcdiff("--step", "flow", "--synthetic", "--out", "x", *given.split())
        assert said in capsys.readouterr().err

    def test_trains_the_halves_on_videos_and_goes_on_with_both(self, tmp_path, capsys):
        write_video(tmp_path / "videos" / "slide.mp4", sliding(12), crf="12")
        videos = ("--videos", tmp_path / "videos", "--cache", tmp_path / "cache")
        more = (*QUICK, "--tracker", "fast", "--report-every", 2, "--clips-per-video", 2)
        strokes = ("--half-size", 1, "--keypoint-radius", 1)
        flow, frame, both = (tmp_path / name for name in ("flow", "frame", "both"))
        assert mcdiff("--step", "flow", *videos, *NARROW, *more, *strokes, "--out", flow) == 0
        prediction = ("--prediction", "v", "--zero-terminal-snr")
        synthetic = ("--synthetic", *NARROW, *QUICK, *prediction)
        assert mcdiff("--step", "frame", *synthetic, "--out", frame) == 0
        start = (
            *("--flow-start", flow / "files" / "mcdiff.safetensors"),
            *("--frame-start", frame / "files" / "mcdiff.safetensors"),
        )
        given = ("--step", "together", *videos, *more, *start, "--size", "64x48", "--batch", 1)
        assert mcdiff(*given, "--out", both) == 0
        assert "the report of step" not in capsys.readouterr().err
        file = read_mcdiff(both / "files" / "mcdiff.safetensors")
        assert file.completion_shape == CompletionShape(32, (1, 1))
        assert file.frame_shape == FrameShape(32, (1, 1))
        assert (file.trained.prediction, file.trained.zero_terminal_snr) == ("v", True)
        assert (file.side, file.stroke) == (55, 2)
        assert read_mcdiff(flow / "files" / "mcdiff.safetensors").stroke == 1
        with safe_open(both / "files" / "mcdiff.safetensors", "pt") as opened:
            metadata = opened.metadata()
        assert metadata["motion_i2v.data"] == "a folder of videos"
        assert metadata["motion_i2v.steps"] == "2"
        assert json.loads(metadata["motion_i2v.configuration"])["step"] == "together"

    def test_a_file_without_the_half_is_told(self, tmp_path, capsys):
        half = partial(narrow_mcdiff.write_mcdiff, tmp_path / "half.safetensors")
        common = ("--synthetic", *NARROW[6:], *QUICK, "--out", tmp_path / "out")
        path = half(halves=("flow_completion",))
        assert mcdiff("--step", "together", "--flow-start", path, *common) == 1
        assert f"{path} holds flow completion (F) alone" in capsys.readouterr().err
        path = half(halves=("future_frame",))
        assert mcdiff("--step", "flow", "--flow-start", path, *common) == 1
        assert f"{path} holds the future frame (G) alone" in capsys.readouterr().err
        given = ("--step", "frame", "--frame-start", path, "--prediction", "eps")
        assert mcdiff(*given, *common) == 1
        assert "was trained to predict 'v'" in capsys.readouterr().err

    def test_one_file_may_hold_both_halves(self, tmp_path):
        path = narrow_mcdiff.write_mcdiff(tmp_path / "both.safetensors")
        given = ("--step", "together", "--frame-start", path, "--synthetic", "--apart")
        assert mcdiff(*given, *NARROW[6:], *QUICK, "--out", tmp_path / "out") == 0
        made = read_mcdiff(tmp_path / "out" / "files" / "mcdiff.safetensors")
        start = read_mcdiff(path)
        assert made.completion_shape == start.completion_shape
        for one, other in ((made.completion, start.completion), (made.future, start.future)):
            # Two steps later they are nearly what they were.
            name = next(
                name for name in one if name.endswith("conv_in.weight") or "0.0.weight" in name
            )
            close(one[name].float(), other[name].float(), Tolerance(5e-3))

    def test_a_vae_of_either_layout_is_read(self, tmp_path):
        import comfy.sd
        from motion_i2v.models.host.small_networks import FOLDER
        from motion_i2v.training.objectives.pretrained import decoded, encoded, load_vae

        pictures = torch.rand(1, 3, 16, 24) * 2 - 1
        small = load_vae(None)
        latents = encoded(small, pictures)
        assert latents.shape == (1, 4, 2, 3)
        assert decoded(small, latents).shape == pictures.shape
        named = load_vae(FOLDER / "image_vae.safetensors")
        assert torch.equal(encoded(named, pictures), latents)
        save_file({"some.weight": torch.zeros(2)}, tmp_path / "other.safetensors")
        with pytest.raises(ValueError, match=r"other\.safetensors is no VAE"):
            load_vae(tmp_path / "other.safetensors")
        with pytest.raises(ValueError, match="there is no VAE"):
            load_vae(tmp_path / "none.safetensors")
        assert isinstance(small, comfy.sd.VAE)
