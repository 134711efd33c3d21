"""The example workflows of other video models, on narrow ones of the same classes."""

import numpy as np
import pytest
import torch
from PIL import Image

from devkit import base
from testing.example_prompts import changed, twin
from tests.host.small_host import node_of
from tests.host_process import Prompt
from tests.tolerances import HUNDREDS, close

MODELS = {
    "time-to-move-wan": "Wan 2.1 of a picture",
    "wan-move": "Wan 2.1 of a picture",
    "void-warped-noise": "VOID",
}
LEFT_OUT = {"CLIPLoader", "CLIPVisionLoader", "CLIPVisionEncode"}
SMALL = {"width": 96, "height": 64, "steps": 8, "step": 4, "working_side": 128}
FRAMES = {"time-to-move-wan": 9, "wan-move": 9, "void-warped-noise": 13}


def on_narrow_weights(led, name: str) -> Prompt:
    """A workflow's API twin, quick, with narrow networks in place of the loaders."""
    workflow = twin(name)
    lacking = {entry["class_type"] for entry in workflow.values()} - led.info.keys()
    if lacking:
        pytest.skip(f"this ComfyUI lacks the nodes {', '.join(sorted(lacking))}")
    frames = FRAMES[name]
    prompt = changed(workflow, **SMALL, frames=frames, length=frames)
    for key, entry in workflow.items():
        if entry["class_type"] == "UNETLoader":
            seed = len(entry["_meta"]["title"])  # two experts differ
            prompt[key] = led.node("NarrowVideoModel", family=MODELS[name], seed=seed)
        elif entry["class_type"] == "VAELoader":
            prompt[key] = led.node("NarrowVideoVAE")
        elif entry["class_type"] == "CLIPTextEncode":
            prompt[key] = led.node("NarrowText", text=entry["inputs"]["text"], width=24)
        elif entry["class_type"] in LEFT_OUT:
            del prompt[key]
    for entry in prompt.values():
        entry["inputs"] = {
            name: value
            for name, value in entry["inputs"].items()
            if not isinstance(value, list) or value[0] in prompt
        }
    return prompt


def video(led, prompt: Prompt) -> torch.Tensor:
    """[1, 16, T, h, w]: the latents that the workflow makes its video of."""
    prompt = dict(prompt)
    prompt["video"] = led.node("LatentMultiply", samples=samples_of(prompt), multiplier=1.0)
    (latents,) = led.latents(prompt, "video")
    return latents


def samples_of(prompt: Prompt) -> list:
    return prompt[node_of(prompt, "VAEDecode")]["inputs"]["samples"]


@pytest.fixture(scope="module", autouse=True)
def photos(led):
    base.put_photos(led.host.base)


@pytest.mark.parametrize("name", MODELS)
def test_it_makes_a_video(led, name):
    import av

    result = led.host.run(on_narrow_weights(led, name))
    assert result.succeeded, result.errors
    files = [file for file in led.host.files(result) if file.suffix == ".mp4"]
    assert files
    for file in files:
        with av.open(str(file)) as clip:
            assert sum(1 for _ in clip.decode(video=0)) == FRAMES[name]


def test_by_time_to_move_the_brushed_rocket_follows_the_warped_clip(led):
    prompt = on_narrow_weights(led, "time-to-move-wan")
    lead = prompt[node_of(prompt, "MotionI2VTimeToMove")]["inputs"]
    lead["strong_clock"] = 1.0
    # So that whole cells of the small latents are held.
    prompt[node_of(prompt, "MotionI2VRegionMask")]["inputs"]["grow"] = 12
    held = video(led, prompt)
    (clip,) = led.latents({**prompt, "clip": prompt[lead["clip"][0]]}, "clip")
    lead["mask"] = ["none", 0]
    prompt["none"] = led.node("SolidMask", value=0.0, width=96, height=64)
    free = video(led, prompt)
    brush = Image.open(base.PHOTOS / "rocket.png").getchannel("A").resize((12, 8), Image.BOX)
    rocket = torch.from_numpy(np.array(brush) < 255)
    assert rocket.any()
    assert (held - clip)[0, :, 0, rocket].abs().max() < 1e-3
    assert (free - clip)[0, :, 0, rocket].abs().max() > 1e-2


def test_wan_move_takes_the_drawing_as_the_core_takes_its_own_tracks(led):
    prompt = on_narrow_weights(led, "wan-move")
    moving = prompt[node_of(prompt, "WanMoveTrackToVideo")]["inputs"]
    drawn = video(led, prompt)
    again = dict(prompt)
    again["text"] = led.node("MotionI2VTracksToText", tracks=moving["tracks"], format="kj")
    again["core"] = led.node("WanMoveTracksFromCoords", track_coords=["text", 0])
    again[node_of(prompt, "WanMoveTrackToVideo")] = {
        "class_type": "WanMoveTrackToVideo",
        "inputs": {**moving, "tracks": ["core", 0]},
    }
    close(video(led, again), drawn, HUNDREDS)
    del moving["tracks"]
    assert (video(led, prompt) - drawn).abs().max() > 1e-2


def test_void_begins_with_the_noise_of_the_measured_motion(led):
    prompt = changed(on_narrow_weights(led, "void-warped-noise"), steps=2)
    carried = video(led, prompt)
    assert torch.isfinite(carried).all()
    noise = prompt[node_of(prompt, "MotionI2VWarpNoise")]["inputs"]
    noise["degradation"] = 1.0
    assert (video(led, prompt) - carried).abs().max() > 1e-2
