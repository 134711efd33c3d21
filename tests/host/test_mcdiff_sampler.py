"""MCDiff Sampler and MCDiff Continue through the real queue, on narrow seeded networks."""

import io
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from tests.host.core_tracks import joined_under_masks, need_core_tracks
from tests.host.stage1_host import (
    FILES,
    PICTURE,
    SIZE,
    Stage1Prompts,
    narrow_host,
    node,
    prepare,
    tracks,
)
from tests.narrow_mcdiff import write_mcdiff
from tests.tolerances import Tolerance, close

FRAMES = 5
FILE = "mcdiff_narrow.safetensors"
WIDTH, HEIGHT = SIZE
SAMPLING = {
    **{"seed": 3, "steps": 2, "cfg": 2.0, "sampler_name": "euler"},
    "scheduler": "sgm_uniform",
}


class McdiffPrompts(Stage1Prompts):
    """Prompts for the sampler, and what they saved."""

    def parts(self, frames: int = FRAMES) -> dict:
        return {
            "mcdiff": node("MotionI2VLoadMCDiff", file=FILE),
            "vae": node("NarrowVAE", file=str(self.host.base / "image_vae.safetensors")),
            "picture": node("LoadImage", image=PICTURE),
            "tracks": tracks(self.info, frames),
        }

    def sampler(self, prompt: dict | None = None, **inputs: Any) -> dict:
        """The usual prompt; its tracks are left out where a motion field is given."""
        prompt = prompt or self.parts()
        drawn = {"flow_completion": ["mcdiff", 0], "tracks": ["tracks", 0]}
        usual = {
            **{"model": ["mcdiff", 1], "vae": ["vae", 0], "picture": ["picture", 0], "frames": 0},
            **{"width": 0, "height": 0, "fit": "stretch", **SAMPLING},
            **({} if "motion_field" in inputs else drawn),
        }
        prompt["video"] = node("MotionI2VMCDiffSampler", **{**usual, **inputs})
        return prompt

    def made(self, prompt: dict, video: str = "video") -> tuple[torch.Tensor, ...]:
        """Runs it; frames, latents and the field's flow."""
        for output, kind in enumerate(("image", "latent", "field")):
            file = self.file(kind)
            file.unlink(missing_ok=True)
            prompt[f"save_{kind}"] = node(
                "NarrowSaveTensor", file=str(file), **{kind: [video, output]}
            )
        result = self.host.run(prompt)
        assert result.succeeded, result.errors
        return tuple(torch.load(self.file(kind)) for kind in ("image", "latent", "field"))


@pytest.fixture(scope="module")
def mcdiff(host_env, tmp_path_factory):
    base = tmp_path_factory.mktemp("mcdiff_sampler") / "base"
    prepare(base)
    write_mcdiff(base / "models" / "motion_i2v" / FILE, side=32)
    with narrow_host(base) as process:
        yield McdiffPrompts(process)


@pytest.fixture(scope="module")
def video(mcdiff):
    """What the usual prompt makes; the other tests compare with it."""
    return mcdiff.made(mcdiff.sampler())


def same(one, other) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_drawing_becomes_a_video(mcdiff, video):
    frames, latents, flow = video
    assert frames.shape == (FRAMES, HEIGHT, WIDTH, 3)
    assert latents.shape == (FRAMES, 4, HEIGHT // 8, WIDTH // 8)
    assert flow.shape == (FRAMES, 2, HEIGHT, WIDTH)
    assert all(torch.isfinite(part).all() for part in video)
    with Image.open(mcdiff.host.input_dir / PICTURE) as picture:
        given = torch.tensor(list(picture.convert("RGB").tobytes())).view(HEIGHT, WIDTH, 3)
    assert torch.equal((frames[0] * 255).round().int(), given.int())
    assert not torch.equal(frames[1], frames[2])


def test_queued_again_is_cached_and_the_same(mcdiff, video):
    prompt = mcdiff.sampler()
    assert same(mcdiff.made(prompt), video)
    assert "video" in mcdiff.host.run(prompt).cached
    other = mcdiff.made(mcdiff.sampler(seed=4))
    assert not torch.equal(other[0][1], video[0][1])
    # The first seed's result is not in the cache any more.
    assert same(mcdiff.made(mcdiff.sampler()), video)


def test_the_precision_is_that_of_the_models_weights(mcdiff, video):
    made = {}
    for precision in ("float32", "bfloat16"):
        prompt = mcdiff.sampler()
        prompt["mcdiff"]["inputs"]["precision"] = precision
        made[precision] = mcdiff.made(prompt)
    # `video` has none, as prompts of before it was an input: the host's choice, on a CPU float32.
    assert same(made["float32"], video)
    latents = made["bfloat16"][1]
    assert torch.isfinite(latents).all()
    assert not torch.equal(latents, video[1])
    assert (latents - video[1]).norm() < 0.2 * video[1].norm()


def test_every_frame_is_shown_and_steps_are_counted(mcdiff):
    result = mcdiff.host.run(mcdiff.sampler(seed=21) | shown())
    assert result.succeeded, result.errors
    own = [data for data in result.progress if data["node"] == "video"]
    assert {data["max"] for data in own} == {2 * (FRAMES - 1)}
    # A host that throttles its messages leaves some out, never the last.
    values = [data["value"] for data in own]
    assert values == sorted(values)
    assert values[0] < values[-1] == 2 * (FRAMES - 1)
    files = mcdiff.host.files(result)
    assert len(files) == FRAMES
    assert len(result.previews) == FRAMES - 1
    for preview, file in zip(result.previews, files[1:], strict=True):
        with Image.open(io.BytesIO(preview)) as seen, Image.open(file) as frame:
            close(seen.width / seen.height, WIDTH / HEIGHT, Tolerance(0.02))
            apart = pixels(seen.resize((9, 7), Image.Resampling.BOX)) - pixels(
                frame.resize((9, 7), Image.Resampling.BOX)
            )
            assert apart.abs().mean() < 8


def shown() -> dict:
    return {"shown": node("SaveImage", images=["video", 0], filename_prefix="mcdiff")}


def pixels(picture: Image.Image) -> torch.Tensor:
    return torch.tensor(list(picture.convert("RGB").tobytes())).float()


def test_an_interrupt_stops_within_a_step_and_the_next_run_is_the_same(mcdiff, video):
    slow = mcdiff.sampler(steps=100, seed=9) | shown()
    steps = []

    def interrupt(event):
        if event["type"] == "progress" and event["data"]["node"] == "video":
            steps.append(event["data"]["value"])
            if len(steps) == 1:
                mcdiff.host.interrupt()

    result = mcdiff.host.run(slow, on_event=interrupt)
    assert result.interrupted
    # What was done until the interrupt had arrived, and one step.
    assert max(steps) <= steps[0] + 10
    assert same(mcdiff.made(mcdiff.sampler()), video)


def continued(prompt: dict, frames: list, latents: list | None, **inputs: Any) -> dict:
    usual = {
        **{"model": ["mcdiff", 1], "vae": ["vae", 0], "frames_so_far": frames, "more_frames": 0},
        **{"strokes": "of the whole clip", **SAMPLING},
        **{"flow_completion": ["mcdiff", 0], "tracks": ["tracks", 0]},
        **({"latents_so_far": latents} if latents else {}),
    }
    prompt["more"] = node("MotionI2VMCDiffContinue", **{**usual, **inputs})
    return prompt


def test_what_was_cut_off_comes_again(mcdiff, video):
    prompt = mcdiff.sampler()
    prompt["frames"] = node("ImageFromBatch", image=["video", 0], batch_index=0, length=3)
    prompt["latents"] = node("LatentFromBatch", samples=["video", 1], batch_index=0, length=3)
    continued(prompt, ["frames", 0], ["latents", 0])
    frames, latents, flow = mcdiff.made(prompt, "more")
    assert torch.equal(frames, video[0])
    assert torch.equal(latents, video[1])
    assert flow.shape[0] == FRAMES - 2


def test_a_video_goes_on_from_its_last_frame(mcdiff, video):
    prompt = mcdiff.sampler()
    given = {"motion_field_so_far": ["video", 2], "strokes": "drawn on the last frame"}
    continued(prompt, ["video", 0], ["video", 1], more_frames=2, **given)
    frames, latents, flow = mcdiff.made(prompt, "more")
    assert len(frames) == len(latents) == len(flow) == FRAMES + 2
    assert same((frames[:FRAMES], latents[:FRAMES], flow[:FRAMES]), video)
    # Without latents the frames are encoded; more than one take can follow.
    continued(prompt, ["video", 0], None, strokes="drawn on the last frame")
    assert len(mcdiff.made(prompt, "more")[0]) == 2 * FRAMES - 1


def test_the_cores_own_tracks_drive_it(mcdiff, video):
    need_core_tracks(mcdiff.info)
    core = joined_under_masks(mcdiff.info, SIZE, FRAMES)
    prompt = mcdiff.sampler(mcdiff.parts() | core)
    prompt["more"] = node(
        "MotionI2VMCDiffContinue",
        model=["mcdiff", 1],
        vae=["vae", 0],
        frames_so_far=["video", 0],
        strokes="drawn on the last frame",
        more_frames=2,
        flow_completion=["mcdiff", 0],
        tracks=["tracks", 0],
        **SAMPLING,
    )
    frames, *_ = mcdiff.made(prompt, "more")
    assert frames.shape == (FRAMES + 2, *video[0].shape[1:])
    assert not torch.equal(frames[1:FRAMES], video[0][1:])


def test_any_motion_field_drives_it(mcdiff):
    prompt = mcdiff.parts()
    prompt["field"] = node(
        "MotionI2VDensifyTracks",
        **{"tracks": ["tracks", 0], "reach": 0.35, "edge_sensitivity": 1.0},
        **{"paths_outside": "error", "width": WIDTH, "height": HEIGHT},
    )
    dense = mcdiff.field(mcdiff.saved(dict(prompt), ["field", 0], "dense"), "dense")
    frames, _, flow = mcdiff.made(mcdiff.sampler(prompt, motion_field=["field", 0]))
    assert len(frames) == FRAMES
    inside = slice(8, -8)
    off = (flow - dense)[..., inside, inside].norm(dim=1).mean()
    assert off < 0.1 * dense[1:, :, inside, inside].norm(dim=1).mean()


def test_a_lora_of_the_core(mcdiff, video):
    name = "lora_unet_input_blocks_1_0_out_layers_3"
    lora = {
        f"{name}.lora_up.weight": torch.ones(32, 1, 1, 1) / 10,
        f"{name}.lora_down.weight": torch.ones(1, 32, 3, 3) / 10,
        f"{name}.alpha": torch.tensor(1.0),
    }
    folder = mcdiff.host.base / "models" / "loras"
    folder.mkdir(parents=True, exist_ok=True)
    save_file(lora, folder / "narrow.safetensors")
    prompt = mcdiff.parts()
    inputs = {"model": ["mcdiff", 1], "lora_name": "narrow.safetensors", "strength_model": 1.0}
    prompt["lora"] = node("LoraLoaderModelOnly", **inputs)
    changed = mcdiff.made(mcdiff.sampler(prompt, model=["lora", 0]))
    assert not torch.equal(changed[0][1], video[0][1])
    prompt["lora"]["inputs"]["strength_model"] = 0.0
    assert same(mcdiff.made(mcdiff.sampler(prompt, model=["lora", 0])), video)


def refusal(mcdiff, prompt: dict, source: str) -> str:
    prompt["sink"] = node("PreviewAny", source=[source, 0])
    return mcdiff.error(prompt)


def test_other_models_and_samplers_are_told(mcdiff):
    prompt = mcdiff.parts()
    prompt["stage1_unet"] = node(
        "MotionI2VLoadMotionFieldModel",
        **{"file": FILES["stage1_unet"], "precision": "auto"},
    )
    mcdiff.sampler(prompt, model=["stage1_unet", 0])
    assert "connect the MODEL of 'Load MCDiff'" in refusal(mcdiff, prompt, "video")

    prompt = mcdiff.parts()
    prompt["text"] = node("NarrowText", text="", width=48)
    prompt["empty"] = node("EmptyLatentImage", width=64, height=64, batch_size=1)
    prompt["core"] = node(
        "KSampler",
        **{"model": ["mcdiff", 1], "positive": ["text", 0], "negative": ["text", 0]},
        **{"latent_image": ["empty", 0], "denoise": 1.0, **SAMPLING},
    )
    assert "Use the node 'MCDiff Sampler'" in refusal(mcdiff, prompt, "core")


def test_wrong_ways_are_told_and_the_server_goes_on(mcdiff, video):
    for inputs, words in (
        ({"tracks": None}, "neither is"),
        ({"flow_completion": None}, "connect flow_completion"),
        ({"frames": 1}, "frames is 1"),
    ):
        prompt = mcdiff.sampler()
        given = {**prompt["video"]["inputs"], **inputs}
        prompt["video"]["inputs"] = {k: v for k, v in given.items() if v is not None}
        assert words in refusal(mcdiff, prompt, "video")
    assert same(mcdiff.made(mcdiff.sampler()), video)
