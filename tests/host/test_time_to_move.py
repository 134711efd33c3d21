"""Motion-guided sampling through the queue of a real ComfyUI, on narrow models of two kinds."""

import io

import pytest
import torch
from PIL import Image

from tests.host.led_host import KINDS, STEPS
from tests.tolerances import HUNDREDS, Tolerance, close


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def test_the_directed_region_follows_and_the_rest_is_the_model_s(led, kind):
    prompt = led.parts(kind)
    led.lead(prompt, 1, STEPS)
    led.custom(prompt, "video", "led", ["sigmas", 0])
    clip, video = led.latents(prompt, "clip", "video")
    assert (video - clip)[..., :2].abs().max() < 1e-4
    assert (video - clip)[..., 2:].abs().mean() > 0.1


def test_the_longer_it_is_held_the_closer_it_follows(led, kind):
    away = []
    for strong in (1, 3, 5):
        prompt = led.parts(kind)
        led.lead(prompt, 1, strong)
        led.custom(prompt, "video", "led", ["sigmas", 0])
        clip, video = led.latents(prompt, "clip", "video")
        away.append(float((video - clip)[..., :2].norm()))
    assert away == sorted(away, reverse=True)
    assert away[0] > away[-1]


def test_strong_as_weak_is_the_host_s_own_img2img_to_the_bit(led, kind):
    prompt = led.parts(kind)
    led.lead(prompt, 2, 2)
    led.custom(prompt, "sdedit", "led", ["sigmas", 0])
    prompt["split"] = led.node("SplitSigmas", sigmas=["sigmas", 0], step=2)
    led.custom(prompt, "plain", "euler", ["split", 1])
    led.lead(prompt, 2, 5)
    prompt["free"] = {**prompt["led"], "inputs": {**prompt["led"]["inputs"], "mask": ["black", 0]}}
    led.custom(prompt, "unheld", "free", ["sigmas", 0])
    led.lead(prompt, 2, 2)
    sdedit, plain, unheld = led.latents(prompt, "sdedit", "plain", "unheld")
    assert torch.equal(sdedit, plain)
    assert torch.equal(unheld, plain)


def test_the_sampler_node_is_the_wrapper_and_runs_the_steps_after_the_weak_clock(led, kind):
    prompt = led.parts(kind)
    led.lead(prompt, 2, 4)
    led.custom(prompt, "video", "led", ["sigmas", 0])
    (wrapped,) = led.latents(prompt, "video")
    prompt = led.parts(kind)
    led.sampler(prompt, 2, 4)
    file = str(led.host.base / "sampler.pt")
    prompt["save"] = led.node("NarrowSaveTensor", file=file, latent=["sampler", 0])
    result = led.host.run(prompt)
    assert result.succeeded, result.errors
    assert torch.equal(torch.load(file), wrapped)
    steps = [data for data in result.progress if data["node"] == "sampler"]
    assert steps[-1]["value"] == steps[-1]["max"] == STEPS - 2


def test_two_experts_share_a_schedule(led):
    """The second run, of another model, goes on from the first without noise."""
    prompt = led.parts("Wan")
    prompt["second"] = prompt["model"]
    prompt["split"] = led.node("SplitSigmas", sigmas=["sigmas", 0], step=2)
    led.lead(prompt, 1, 4, schedule=["sigmas", 0])
    led.custom(prompt, "whole", "led", ["sigmas", 0])
    led.custom(prompt, "high", "led", ["split", 0])
    rest = {"add_noise": False, "latent_image": ["high", 0], "model": ["second", 0]}
    led.custom(prompt, "low", "led", ["split", 1], **rest)
    whole, low = led.latents(prompt, "whole", "low")
    close(low, whole, HUNDREDS)
    prompt["second"] = led.node("NarrowVideoModel", family="Wan 2.1", seed=1)
    led.lead(prompt, 1, STEPS, schedule=["sigmas", 0])
    clip, low = led.latents(prompt, "clip", "low")
    assert (low - clip)[..., :2].abs().max() < 1e-4
    assert (low - whole)[..., 2:].abs().max() > 1e-2


def test_context_windows_go_on_working(led):
    prompt = led.parts("Wan")
    prompt["clip"]["inputs"]["shape"] = "1, 16, 7, 4, 6"
    prompt["pictures"]["inputs"]["amount"] = 25
    prompt["windows"] = led.node(
        "WanContextWindowsManual", model=["model", 0], context_length=13, context_overlap=4
    )
    led.lead(prompt, 1, STEPS)
    led.custom(prompt, "windowed", "led", ["sigmas", 0], model=["windows", 0])
    led.custom(prompt, "whole", "led", ["sigmas", 0])
    clip, windowed, whole = led.latents(prompt, "clip", "windowed", "whole")
    assert (windowed - clip)[..., :2].abs().max() < 1e-4
    assert (windowed - whole)[..., 2:].abs().max() > 1e-3


def test_context_windows_over_a_batch_of_frames(led):
    """As AnimateDiff's models are windowed; this one sees each frame alone, so nothing changes."""
    prompt = led.parts("SD 1.5")
    prompt["clip"]["inputs"]["shape"] = "11, 4, 4, 6"
    prompt["pictures"]["inputs"]["amount"] = 11
    watched = led.watch(prompt)
    windows = {"context_length": 5, "context_overlap": 2, "dim": 0}
    if "freenoise" in led.info["ContextWindowsManual"]["input"]["required"]:
        windows["freenoise"] = False  # new in 0.33: other noise for the windows
    prompt["windows"] = led.node("ContextWindowsManual", model=watched, **windows)
    led.custom(prompt, "plain", "euler", ["sigmas", 0], model=["windows", 0])
    file = str(led.host.base / "plain.pt")
    prompt["save"] = led.node("NarrowSaveTensor", file=file, latent=["plain", 0])
    if not led.host.run(prompt).succeeded:
        pytest.skip("this ComfyUI's own sampling cannot be windowed over a batch (0.3.75)")
    del prompt["save"]
    led.lead(prompt, 1, STEPS - 1)
    led.custom(prompt, "whole", "led", ["sigmas", 0])
    led.custom(prompt, "windowed", "led", ["sigmas", 0], model=["windows", 0])
    whole, windowed = led.latents(prompt, "whole", "windowed")
    close(windowed, whole, Tolerance(1e-3))
    # Windows overlap: more frames than a step has.
    assert sum(shape[0] for shape in led.calls()) > (STEPS - 1) * 2 * 11
    led.sampler(prompt, 1, STEPS - 1, model=["windows", 0])
    assert torch.equal(*led.latents(prompt, "sampler", "windowed"))


def test_a_lora_has_its_effect_and_the_region_follows_all_the_same(led, kind):
    prompt = led.parts(kind)
    lora = led.lora(prompt, *KINDS[kind].layer)
    led.lead(prompt, 1, STEPS)
    led.custom(prompt, "without", "led", ["sigmas", 0])
    led.custom(prompt, "with", "led", ["sigmas", 0], model=lora)
    clip, without, with_lora = led.latents(prompt, "clip", "without", "with")
    assert (with_lora - clip)[..., :2].abs().max() < 1e-4
    assert (with_lora - without)[..., 2:].abs().max() > 1e-2
    led.sampler(prompt, 1, STEPS, model=lora)
    (by_node,) = led.latents(prompt, "sampler")
    assert torch.equal(by_node, with_lora)
    prompt["split"] = led.node("SplitSigmas", sigmas=["sigmas", 0], step=2)
    led.custom(prompt, "plain", "euler", ["split", 1], model=lora)
    led.sampler(prompt, 2, 2, model=lora)
    assert torch.equal(*led.latents(prompt, "sampler", "plain"))


@pytest.mark.parametrize("form", ["wrapper", "sampler node"])
def test_an_interrupt_stops_in_the_step_and_the_next_run_is_the_same(led, kind, form):
    def prompt_of(**watching) -> tuple[dict, str]:
        prompt = led.parts(kind)
        watched = led.watch(prompt, **watching)
        if form == "wrapper":
            led.lead(prompt, 0, 4)
            led.custom(prompt, "video", "led", ["sigmas", 0], model=watched)
            return prompt, "video"
        led.sampler(prompt, 0, 4, model=watched)
        return prompt, "sampler"

    prompt, name = prompt_of()
    (before,) = led.latents(prompt, name)
    calls = len(led.calls()) // STEPS
    prompt, name = prompt_of(interrupt_in=2)
    file = str(led.host.base / "interrupted.pt")
    prompt["save"] = led.node("NarrowSaveTensor", file=file, latent=[name, 0])
    result = led.host.run(prompt)
    assert result.interrupted
    assert len(led.calls()) <= 2 * calls
    prompt, name = prompt_of()
    (after,) = led.latents(prompt, name)
    assert torch.equal(after, before)


def test_live_previews_arrive_for_every_step(led, kind):
    prompt = led.parts(kind)
    led.lead(prompt, 1, 4)
    led.custom(prompt, "video", "led", ["sigmas", 0])
    led.sampler(prompt, 2, 4)
    for name, steps in (("video", STEPS - 1), ("sampler", STEPS - 2)):
        of_one = {key: entry for key, entry in prompt.items() if key not in ("video", "sampler")}
        of_one[name] = prompt[name]
        file = str(led.host.base / "shown.pt")
        of_one["save"] = led.node("NarrowSaveTensor", file=file, latent=[name, 0])
        result = led.host.run(of_one)
        assert result.succeeded, result.errors
        assert len(result.previews) == steps
        for preview in result.previews:
            assert Image.open(io.BytesIO(preview)).width > 0
        assert len(set(result.previews)) == steps


def test_what_does_not_fit_is_refused_with_both_numbers(led):
    prompt = led.parts("Wan")
    prompt["pictures"]["inputs"]["amount"] = 60
    led.lead(prompt, 1, 3)
    led.custom(prompt, "video", "led", ["sigmas", 0])
    prompt["save"] = led.node("NarrowSaveTensor", file="unused", latent=["video", 0])
    (error,) = led.host.run(prompt).errors
    assert "60 frames" in error["exception_message"]
    assert "3 frames stand for 9" in error["exception_message"]
