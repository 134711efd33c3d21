"""Motion-guided sampling through the queue of a real ComfyUI, on narrow models of two kinds."""

import pytest
import torch

from tests.host.led_host import KINDS, STEPS
from tests.tolerances import HUNDREDS, close


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
    prompt["sampler"] = led.node(
        "MotionI2VTimeToMoveSampler",
        model=["model", 0],
        positive=["positive", 0],
        negative=["negative", 0],
        latent=["clip", 0],
        mask=["mask", 0],
        weak_clock=2 / STEPS,
        strong_clock=4 / STEPS,
        **{"seed": 7, "steps": STEPS, "cfg": 3.0, "scheduler": "simple"},
    )
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


def test_what_does_not_fit_is_refused_with_both_numbers(led):
    prompt = led.parts("Wan")
    prompt["pictures"]["inputs"]["amount"] = 60
    led.lead(prompt, 1, 3)
    led.custom(prompt, "video", "led", ["sigmas", 0])
    prompt["save"] = led.node("NarrowSaveTensor", file="unused", latent=["video", 0])
    (error,) = led.host.run(prompt).errors
    assert "60 frames" in error["exception_message"]
    assert "3 frames stand for 9" in error["exception_message"]
