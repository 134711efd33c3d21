"""The example workflows' API twins, run by the real ComfyUI over HTTP and websocket."""

import copy
import json
import threading

import numpy as np
import pytest
from PIL import Image

from devkit import base
from devkit.workflows import TWINS, needs_weights
from tests.host_process import HostProcess, Prompt

PHOTOS = base.PHOTOS


@pytest.fixture(scope="module", autouse=True)
def photos(host: HostProcess) -> None:
    base.put_photos(host.base)


def twin(name: str) -> Prompt:
    return json.loads((TWINS / f"{name}.json").read_text("utf-8"))


def node_of(prompt: Prompt, kind: str) -> str:
    (found,) = [key for key, node in prompt.items() if node["class_type"] == kind]
    return found


def frames_of(host: HostProcess, prompt: Prompt) -> np.ndarray:
    """[F, H, W, 3] uint8: the frames that the workflow makes a video of, saved without loss."""
    prompt = copy.deepcopy(prompt)
    frames = prompt[node_of(prompt, "CreateVideo")]["inputs"]["images"]
    saver = {"images": frames, "filename_prefix": "frames/f"}
    prompt["frames"] = {"class_type": "SaveImage", "inputs": saver}
    result = host.run(prompt)
    assert result.succeeded, result.errors
    files = result.outputs["frames"]["images"]
    folder = host.output_dir / "frames"
    return np.stack([np.asarray(Image.open(folder / file["filename"])) for file in files])


def photo_of(prompt: Prompt) -> tuple[np.ndarray, np.ndarray]:
    """The workflow's photo [H, W, 3] and its painted brush [H, W] bool (all, where none is)."""
    picture = Image.open(PHOTOS / prompt[node_of(prompt, "LoadImage")]["inputs"]["image"])
    rgba = np.asarray(picture.convert("RGBA"))
    return rgba[..., :3], rgba[..., 3] == 0


def loaded(host: HostProcess, prompt: Prompt) -> np.ndarray:
    """[H, W, 3] uint8: the workflow's photo as this host reads it; JPEGs differ with the decoder.

    New in 0.33: FFmpeg, by which the colours of a JPEG are a shade off Pillow's.
    """
    load = node_of(prompt, "LoadImage")
    saver = {"images": [load, 0], "filename_prefix": "photo"}
    result = host.run({load: prompt[load], "photo": {"class_type": "SaveImage", "inputs": saver}})
    assert result.succeeded, result.errors
    (file,) = result.outputs["photo"]["images"]
    return np.asarray(Image.open(host.output_dir / file["filename"]))


# Those that need weights run on narrow ones, in the tests of the stages.
NAMES = sorted(file.stem for file in TWINS.glob("*.json"))
NAMES = [name for name in NAMES if not needs_weights(twin(name))]
NOT_THE_PHOTO = {
    "tracks-for-video-models": "its frames are a guide on black",
    "video-to-video": "its frame 0 is the clip's, restyled",
    "small-model": "its frame 0 has been through the VAE; see test_small_model_runs.py",
    "warped-noise": "its frame 0 has been through the VAE",
    "mcdiff": "its frame 0 is the photo made smaller; see test_mcdiff_runs.py",
    "motion-in-steps": "its frame 0 is the photo made smaller; see test_mcdiff_runs.py",
    "time-to-move-small": "its frame 0 is the photo made smaller, and has been through the VAE",
    "chain-shots": "its frame 0 has been through the VAE; see test_small_model_runs.py",
}


def test_every_node_stands_in_a_workflow(host: HostProcess):
    ours = {kind for kind in host.object_info() if kind.startswith("MotionI2V")}
    twins = [json.loads(file.read_text("utf-8")) for file in TWINS.glob("*.json")]
    assert ours
    assert ours <= {node["class_type"] for nodes in twins for node in nodes.values()}


@pytest.mark.parametrize("name", NAMES, scope="class")
class TestEveryWorkflow:
    def test_writes_a_video_a_webp_and_a_picture_of_the_motion(self, host: HostProcess, name: str):
        import av

        result = host.run(twin(name))
        assert result.succeeded, result.errors
        files = host.files(result)
        assert {file.suffix for file in files} == {".mp4", ".webp", ".png"}
        for file in files:
            if file.suffix == ".mp4":
                with av.open(str(file)) as video:
                    assert video.streams.video[0].codec_context.name == "h264"
                    assert sum(1 for _ in video.decode(video=0)) >= 16
            elif file.suffix == ".webp":
                assert Image.open(file).n_frames > 1
            else:
                assert np.asarray(Image.open(file)).std() > 1

    def test_the_same_prompt_twice_hits_the_cache(self, host: HostProcess, name: str):
        host.run(twin(name))
        again = host.run(twin(name))
        assert again.succeeded
        assert again.cached == set(twin(name))
        assert not again.progress

    def test_frame_0_is_the_photo(self, host: HostProcess, name: str):
        prompt = twin(name)
        if name in NOT_THE_PHOTO:
            pytest.skip(NOT_THE_PHOTO[name])
        assert (frames_of(host, prompt)[0] == loaded(host, prompt)).all()

    def test_something_moves(self, host: HostProcess, name: str):
        frames = frames_of(host, twin(name)).astype(int)
        assert (abs(frames - frames[0]).max(axis=(1, 2, 3)) > 64).sum() > 8


class TestDrawAndPreview:
    """The rocket follows its arrow, and nothing else changes."""

    NAME = "draw-and-preview"

    def arrow(self, prompt: Prompt, size: tuple[int, int]) -> np.ndarray:
        """The arrow's whole displacement in pixels."""
        drawing = json.loads(
            prompt[node_of(prompt, "MotionI2VTrajectoryEditor")]["inputs"]["drawing"]
        )
        points = next(p["points"] for p in drawing["paths"] if p["kind"] == "path")
        first, last = ([p["x"] * size[0], p["y"] * size[1]] for p in (points[0], points[-1]))
        return np.subtract(last, first)

    def test_the_drawn_object_follows_its_arrow(self, host: HostProcess):
        import cv2

        prompt = twin(self.NAME)
        frames = frames_of(host, prompt)
        photo, brush = photo_of(prompt)
        ys, xs = np.nonzero(brush)
        box = (slice(ys.min(), ys.max() + 1), slice(xs.min(), xs.max() + 1))
        mask = np.repeat(brush[box][..., None], 3, axis=2).astype(np.float32)
        template, last = photo[box].astype(np.float32), frames[-1].astype(np.float32)
        match = cv2.matchTemplate(last, template, cv2.TM_SQDIFF, mask=mask)
        _, _, (x, y), _ = cv2.minMaxLoc(match)
        moved = np.array([x - xs.min(), y - ys.min()])
        drawn = self.arrow(prompt, (photo.shape[1], photo.shape[0]))
        assert abs(moved - drawn).max() <= 1
        assert abs(drawn).max() > 50

    def test_the_unbrushed_rest_stays_pixel_identical(self, host: HostProcess):
        import cv2

        prompt = twin(self.NAME)
        frames = frames_of(host, prompt)
        photo, brush = photo_of(prompt)
        way = self.arrow(prompt, (photo.shape[1], photo.shape[0]))
        swept = np.zeros_like(brush, dtype=np.uint8)
        for part in np.linspace(0, 1, 200):
            shift = np.float32([[1, 0, part * way[0]], [0, 1, part * way[1]]])
            swept |= cv2.warpAffine(brush.astype(np.uint8), shift, brush.shape[::-1])
        # What the object passes over is covered by it; a filter's width of soft rim around it.
        touched = cv2.dilate(swept, np.ones((5, 5), np.uint8)) > 0
        assert touched.mean() < 0.2
        assert (frames[:, ~touched] == photo[~touched]).all()


def test_an_interrupt_stops_within_a_step(host: HostProcess):
    prompt = twin("draw-and-preview")
    frames = 300
    prompt[node_of(prompt, "MotionI2VTrajectoryEditor")]["inputs"]["frames"] = frames
    warp = node_of(prompt, "MotionI2VWarpPreview")
    asked = threading.Event()

    def interrupt_once(event: dict) -> None:
        # The slowest node: its steps are long beside the way of a message through the host.
        of_warp = event["type"] == "progress" and event["data"]["node"] == warp
        if of_warp and not asked.is_set():
            asked.set()
            host.interrupt()

    result = host.run(prompt, on_event=interrupt_once)
    assert asked.is_set()
    assert result.interrupted
    assert not result.succeeded
    values = [data["value"] for data in result.progress if data["node"] == warp]
    # A step is a frame; the node tells of several parts of each. One may have been under way, and
    # the messages of a few may have been in the pipe.
    parts = result.progress[-1]["max"] / frames
    assert (values[-1] - values[0]) / parts <= 5
    assert host.run(twin("draw-and-preview")).succeeded


def test_a_saved_motion_comes_back_to_where_it_began(host: HostProcess):
    frames = frames_of(host, twin("saved-motion")).astype(int)
    away = [abs(frame - frames[0]).mean() for frame in frames]
    assert away[-1] < 0.5 * max(away)


def test_shots_share_the_frame_that_joins_them(host: HostProcess):
    prompt = twin("chain-shots")
    editors = [n for n in prompt.values() if n["class_type"] == "MotionI2VTrajectoryEditor"]
    assert len(editors) > 1
    lengths = [editor["inputs"]["frames"] for editor in editors]
    assert len(frames_of(host, prompt)) == sum(lengths) - (len(lengths) - 1)


def test_text_moves_the_picture_as_the_drawing_it_was_written_from(host: HostProcess):
    prompt = twin("tracks-as-text")
    by_text = frames_of(host, prompt)
    spread = prompt[node_of(prompt, "MotionI2VDensifyTracks")]["inputs"]
    spread["tracks"] = [node_of(prompt, "MotionI2VTrajectoryEditor"), 0]
    drawn = frames_of(host, prompt)
    # The text has whole pixels.
    assert abs(by_text.astype(int) - drawn.astype(int)).mean() < 1
