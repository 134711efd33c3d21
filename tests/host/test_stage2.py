"""Stage 2 through the real queue: a narrow SD 1.5 model paints a video along a motion field."""

import json
from pathlib import Path

import pytest
import torch

from devkit.workflows import TWINS
from tests.host.stage1_host import FILES, FRAMES, PICTURE, SIZE, node
from tests.host.stage2_host import MODULE, Stage2Prompts, start

LATENT_SIZE = (SIZE[1] // 8, SIZE[0] // 8)


@pytest.fixture(scope="module")
def stage2(tmp_path_factory):
    with start(tmp_path_factory.mktemp("stage2_host") / "base") as host:
        yield Stage2Prompts(host)


@pytest.fixture(scope="module")
def reference(stage2):
    prompt = stage2.parts()
    prompt["encoded"] = node("VAEEncode", pixels=["picture", 0], vae=["vae", 0])
    return stage2.latents(stage2.saved_latent(prompt, ["encoded", 0], "reference"), "reference")


@pytest.fixture(scope="module")
def latents(stage2):
    """The latents of the usual prompt, which the other tests compare with."""
    return stage2.latents(stage2.video(stage2.parts()))


def frames_in(path: Path) -> int:
    import av

    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def whole_pipeline(stage2) -> dict:
    """Photo, arrows and brush -> stage 1 -> stage 2 -> mp4."""
    prompt = {**stage2.controlled(), **stage2.parts()}
    region = stage2.brush(prompt)
    prompt["control"]["inputs"]["region"] = region
    stage2.sampled(prompt, region=region)
    stage2.video(prompt, field=["sampler", 0], region=region)
    prompt["movie"] = node("CreateVideo", images=["video", 1], fps=8.0)
    prompt["saved"] = stage2.usual("SaveVideo", video=["movie", 0], filename_prefix="clip")
    return prompt


def test_photo_arrows_and_brush_become_a_movie(stage2, reference):
    prompt = whole_pipeline(stage2)
    result = stage2.host.run(prompt)
    assert result.succeeded, result.errors
    (movie,) = (path for path in stage2.host.files(result) if path.suffix == ".mp4")
    assert frames_in(movie) == FRAMES
    out = torch.load(stage2.file("latents"))
    assert out.shape == (FRAMES, 4, *LATENT_SIZE)
    assert torch.equal(out[0], reference[0])
    # The brush is on the left third: 24 of 72 pixels, 3 of 9 latents.
    assert torch.equal(out[..., 3:], reference[..., 3:].expand(FRAMES, -1, -1, -1))
    assert not torch.equal(out[1, ..., :3], reference[0, ..., :3])


def test_only_stage_2_runs_again_when_its_settings_change(stage2):
    prompt = whole_pipeline(stage2)
    assert stage2.host.run(prompt).succeeded
    prompt["video"]["inputs"]["warp_strength"] = 0.9
    again = stage2.host.run(prompt)
    assert again.succeeded
    executed = {name for name in again.executed if not name.startswith("save_")}
    assert executed == {"video", "movie", "saved"}


def test_offloading_between_nodes_changes_nothing(stage2, latents):
    prompt = stage2.parts()
    prompt["unloaded"] = node("NarrowUnload", conditioning=["positive", 0])
    stage2.video(prompt, positive=["unloaded", 0])
    assert torch.equal(stage2.latents(prompt), latents)


def test_the_core_sampler_paints_the_same_video(stage2, latents):
    prompt = stage2.parts()
    prompt["encoded"] = node("VAEEncode", pixels=["picture", 0], vae=["vae", 0])
    prompt["moving"] = stage2.usual(
        "MotionI2VApplyMotionAttention",
        model=["model", 0],
        motion_module=["module", 0],
        field=["field", 0],
        reference=["encoded", 0],
    )
    prompt["schedule"] = stage2.usual("MotionI2VDDIMLeading", model=["moving", 0], steps=3)
    prompt["guider"] = node(
        "CFGGuider",
        model=["moving", 0],
        positive=["positive", 0],
        negative=["negative", 0],
        cfg=7.0,
    )
    prompt["noise"] = node("RandomNoise", noise_seed=3)
    prompt["core"] = node(
        "SamplerCustomAdvanced",
        noise=["noise", 0],
        guider=["guider", 0],
        sampler=["schedule", 0],
        sigmas=["schedule", 1],
        latent_image=["moving", 1],
    )
    ours = stage2.latents(stage2.saved_latent(prompt, ["core", 0], "core"), "core")
    assert torch.equal(ours, latents)


def plain(stage2, name: str, **links) -> dict:
    """Core KSampler on the model alone."""
    prompt = stage2.parts()
    prompt["empty"] = node("EmptyLatentImage", width=64, height=64, batch_size=2)
    prompt["plain"] = stage2.usual(
        "KSampler",
        **{"model": ["model", 0], "positive": ["positive", 0], "negative": ["negative", 0]},
        **{"latent_image": ["empty", 0], "steps": 2, "sampler_name": "euler"},
        **{"scheduler": "normal", **links},
    )
    return stage2.saved_latent(prompt, ["plain", 0], name)


def test_the_users_model_is_as_before(stage2):
    before = stage2.latents(plain(stage2, "before", seed=1), "before")
    stage2.latents(stage2.video(stage2.parts(), seed=11))
    other = stage2.latents(plain(stage2, "other", seed=2), "other")
    after = stage2.latents(plain(stage2, "after", seed=1, denoise=0.99995), "after")
    assert torch.equal(after, before)
    assert not torch.equal(other, before)


def test_an_interrupt_stops_and_the_next_run_is_the_same(stage2, latents):
    slow = stage2.video(stage2.parts(), steps=300, seed=9)
    steps = []

    def interrupt(event):
        if event["type"] == "progress" and event["data"]["max"] == 300:
            steps.append(event["data"]["value"])
            if len(steps) == 1:
                stage2.host.interrupt()

    result = stage2.host.run(slow, on_event=interrupt)
    assert result.interrupted
    assert max(steps) <= steps[0] + 3
    assert torch.equal(stage2.latents(stage2.video(stage2.parts())), latents)


def test_more_frames_than_the_modules_know(stage2, reference):
    out = stage2.latents(stage2.video(stage2.parts(20), steps=1))
    assert out.shape[0] == 20
    assert torch.isfinite(out).all()
    assert torch.equal(out[0], reference[0])


def test_a_video_is_repainted(stage2, latents):
    prompt = stage2.video(stage2.parts())
    inputs = {**prompt["video"]["inputs"], "latent": ["video", 0], "denoise": 0.4, "seed": 5}
    del inputs["picture"]
    prompt["repainted"] = node("MotionI2VAnimateDiffSampler", **inputs)
    stage2.saved_latent(prompt, ["repainted", 0], "repainted")
    out = stage2.latents(prompt, "repainted")
    assert torch.equal(out[0], latents[0])
    assert not torch.equal(out[1], latents[1])


def test_it_may_begin_with_the_warped_picture_as_time_to_move_does(stage2):
    """Half of four steps: the same from the sampler, and from Apply led with nothing held."""
    prompt = stage2.parts()
    prompt["warped"] = stage2.usual(
        "MotionI2VWarpPreview", picture=["picture", 0], field=["field", 0]
    )
    prompt["clip"] = node("VAEEncode", pixels=["warped", 0], vae=["vae", 0])
    half = {"steps": 2, "denoise": 0.5, "cfg": 2.0, "scheduler": "simple", "latent": ["clip", 0]}
    stage2.video(prompt, **half)
    del prompt["video"]["inputs"]["picture"]
    prompt["first"] = node("LatentFromBatch", samples=["clip", 0], batch_index=0, length=1)
    prompt["moving"] = stage2.usual(
        "MotionI2VApplyMotionAttention",
        model=["model", 0],
        motion_module=["module", 0],
        field=["field", 0],
        reference=["first", 0],
    )
    prompt["led"] = stage2.usual(
        "MotionI2VTimeToMoveSampler",
        model=["moving", 0],
        positive=["positive", 0],
        negative=["negative", 0],
        latent=["clip", 0],
        mask=["warped", 1],
        **{"weak_clock": 0.5, "strong_clock": 0.5, "steps": 4, "seed": 3, "cfg": 2.0},
        scheduler="simple",
    )
    stage2.saved_latent(prompt, ["led", 0], "led")
    out = stage2.latents(prompt)
    assert torch.equal(out, torch.load(stage2.file("led")))
    prompt["led"]["inputs"]["strong_clock"] = 1.0
    assert not torch.equal(stage2.latents(prompt, "led"), out)


def test_the_switches_against_drift(stage2, latents, reference):
    switched = {"schedule": "motion-i2v, zero terminal SNR", "rescale_cfg": 0.7}
    prompt = stage2.video(stage2.parts(), **switched, color_match="histogram")
    out = stage2.latents(prompt)
    assert torch.isfinite(out).all()
    assert torch.equal(out[0], reference[0])
    assert not torch.equal(out, latents)
    own = stage2.latents(stage2.video(stage2.parts(), schedule="the model's own"))
    assert not torch.equal(own, latents)


def test_shots_are_chained_and_their_colours_matched(stage2):
    prompt = stage2.video(stage2.parts())
    prompt["first"] = node("MotionI2VChainShots", shot=["video", 1])
    second = {**prompt["video"]["inputs"], "picture": ["first", 1], "seed": 4}
    prompt["next"] = node("MotionI2VAnimateDiffSampler", **second)
    prompt["both"] = node("MotionI2VChainShots", shot=["next", 1], before=["first", 0])
    prompt["matched"] = stage2.usual("MotionI2VMatchColors", frames=["both", 0])
    prompt["count"] = node("PreviewImage", images=["matched", 0])
    result = stage2.host.run(prompt)
    assert result.succeeded, result.errors
    assert len(result.outputs["count"]["images"]) == 2 * FRAMES - 1


def on_narrow_weights(stage2, name: str) -> dict:
    """An example workflow's API twin, quick, with the narrow nets in place of the checkpoint."""
    prompt = json.loads((TWINS / f"{name}.json").read_text("utf-8"))
    parts = stage2.parts()
    for key, found in list(prompt.items()):
        kind, inputs = found["class_type"], found["inputs"]
        if kind == "CheckpointLoaderSimple":
            prompt["model"], prompt["vae"] = parts["model"], parts["vae"]
            del prompt[key]
        elif kind == "CLIPTextEncode":
            prompt[key] = node("NarrowText", text=inputs["text"], width=48)
        elif kind == "LoadImage":
            inputs["image"] = PICTURE
        for each in inputs.values():
            if each == ["4", 0]:
                each[0] = "model"
            elif each == ["4", 2]:
                each[:] = ["vae", 0]
        inputs.update({k: v for k, v in QUICK.items() if k in inputs})
    return prompt


QUICK = {"steps": 1, "frames": 4, "width": 0, "half_size": 6}


@pytest.mark.parametrize("name", ["picture-arrows-prompt", "brush-to-video", "core-ksampler"])
def test_an_example_workflow_makes_a_movie(stage2, name):
    result = stage2.host.run(on_narrow_weights(stage2, name))
    assert result.succeeded, result.errors
    (movie,) = (path for path in stage2.host.files(result) if path.suffix == ".mp4")
    assert frames_in(movie) == 4


def bad(stage2, name: str) -> dict:
    """Prompts that cannot work."""
    prompt = stage2.video(stage2.parts())
    video = prompt["video"]["inputs"]
    if name == "wrong file":
        prompt["module"]["inputs"]["file"] = FILES["stage1_unet"]
    elif name == "picture and latent":
        prompt["encoded"] = node("VAEEncode", pixels=["picture", 0], vae=["vae", 0])
        video["latent"] = ["encoded", 0]
    elif name == "neither":
        del video["picture"]
    elif name == "denoise without a video":
        video["denoise"] = 0.5
    elif name == "other proportions":
        prompt["encoded"] = node("EmptyLatentImage", width=64, height=256, batch_size=1)
        video["latent"] = ["encoded", 0]
        del video["picture"]
    elif name == "other frames":
        prompt["encoded"] = node("EmptyLatentImage", width=72, height=56, batch_size=3)
        video["latent"] = ["encoded", 0]
        del video["picture"]
    elif name == "batch of pictures":
        prompt["two"] = node("RepeatImageBatch", image=["picture", 0], amount=2)
        video["picture"] = ["two", 0]
    elif name == "core context windows":
        prompt["windows"] = stage2.usual("ContextWindowsManual", model=["model", 0])
        video["model"] = ["windows", 0]
    elif name == "stage 1's model":
        prompt["stage1"] = stage2.usual(
            "MotionI2VLoadMotionFieldModel", file=FILES["stage1_unet"], precision="auto"
        )
        video["model"] = ["stage1", 0]
    elif name == "size":
        video["width"] = 65
    elif name == "strength":
        video["warp_strength"] = 1.5
    return prompt


BAD = {
    "wrong file": "by its keys it is",
    "picture and latent": "one of the two",
    "neither": "one of the two",
    "denoise without a video": "no latents of one",
    "other proportions": "Resize Motion Field",
    "other frames": f"3 frames, but the motion field has {FRAMES}",
    "batch of pictures": "batch of 2 pictures, but 1",
    "core context windows": "core Context Windows",
    "stage 1's model": "motion-field model of stage 1",
    "size": "multiple of 8",
    "strength": "warp_strength",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_explained(stage2, name):
    message = stage2.error(bad(stage2, name))
    assert BAD[name] in message
    if name == "wrong file":
        assert MODULE in message


def test_the_server_still_serves(stage2, latents):
    assert stage2.host.alive
    assert torch.equal(stage2.latents(stage2.video(stage2.parts())), latents)
