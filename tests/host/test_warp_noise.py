"""Noise along a field in the real ComfyUI: sampled by its own sampler, and given as latents."""

import pytest
import torch
from motion_i2v.models.fields.field_formats import save_safetensors
from motion_i2v.models.types.motion_field import MotionField

from tests.host import stage2_host
from tests.host.stage1_host import node
from tests.host.stage2_host import Stage2Prompts
from tests.tolerances import Tolerance, close

FRAMES, SIDE, STEP = 5, 256, 16  # STEP: pixels from frame to frame, two of the latents'


@pytest.fixture(scope="module")
def sampled(tmp_path_factory):
    """A host with a narrow SD 1.5, and a motion field of a pan in its input folder."""
    base = tmp_path_factory.mktemp("noise_host")
    with stage2_host.start(base) as host:
        flow = torch.zeros(FRAMES, 2, SIDE, SIDE)
        flow[:, 0] = STEP * torch.arange(FRAMES).view(-1, 1, 1)
        save_safetensors(MotionField(flow), host.base / "input" / "pan.safetensors")
        yield Stage2Prompts(host)


def prompt_of(sampled, noise_node=None, batch=FRAMES, **given):
    """A batch of frames, sampled by SamplerCustomAdvanced and saved as "latents"."""
    parts = sampled.parts()
    prompt = {name: parts[name] for name in ("model", "positive", "negative")}
    prompt["pan"] = node("MotionI2VLoadMotionField", file="pan.safetensors")
    prompt["empty"] = node("EmptyLatentImage", width=SIDE, height=SIDE, batch_size=batch)
    prompt["noise"] = noise_node or sampled.usual(
        "MotionI2VWarpNoise", field=["pan", 0], latent=["empty", 0], noise_seed=5, **given
    )
    prompt["guider"] = sampled.usual(
        "CFGGuider", model=["model", 0], positive=["positive", 0], negative=["negative", 0], cfg=2.0
    )
    prompt["sampler"] = node("KSamplerSelect", sampler_name="euler")
    prompt["sigmas"] = sampled.usual(
        "BasicScheduler", model=["model", 0], scheduler="normal", steps=3, denoise=1.0
    )
    prompt["sampled"] = node(
        "SamplerCustomAdvanced",
        noise=["noise", 0],
        guider=["guider", 0],
        sampler=["sampler", 0],
        sigmas=["sigmas", 0],
        latent_image=["empty", 0],
    )
    return sampled.saved_latent(prompt, ["sampled", 0], "latents")


def along(latents: torch.Tensor) -> float:
    """How the last frame correlates with the first, carried by the pan; borders left out."""
    cells = STEP // 8 * (FRAMES - 1)
    first = latents[0, :, 4:-4, 4 : -4 - cells].flatten(1)
    last = latents[-1, :, 4:-4, 4 + cells : -4].flatten(1)
    centred = (x - x.mean(1, keepdim=True) for x in (first, last))
    return float(torch.nn.functional.cosine_similarity(*centred, dim=1).mean())


def test_what_is_sampled_moves_with_the_noise(sampled):
    carried = along(sampled.latents(prompt_of(sampled)))
    independent = along(sampled.latents(prompt_of(sampled, degradation=1.0)))
    assert carried > 0.9
    assert abs(independent) < 0.2


def test_wholly_degraded_is_random_noise_to_the_bit(sampled):
    ours = sampled.latents(prompt_of(sampled, degradation=1.0))
    random = sampled.latents(prompt_of(sampled, node("RandomNoise", noise_seed=5)))
    assert torch.equal(ours, random)


def test_the_same_prompt_again_and_another_seed(sampled):
    prompt = prompt_of(sampled)
    first = sampled.latents(prompt)
    prompt["noise"]["inputs"]["noise_seed"] = 6
    assert not torch.equal(first, sampled.latents(prompt))
    prompt["noise"]["inputs"]["noise_seed"] = 5
    assert torch.equal(first, sampled.latents(prompt))


def test_noise_as_latents_is_the_noise(sampled):
    prompt = prompt_of(sampled)
    for unused in ("sampled", "save_latents", "guider", "sampler", "sigmas"):
        del prompt[unused]
    noise = sampled.latents(sampled.saved_latent(prompt, ["noise", 1], "latents"))
    assert noise.shape == (FRAMES, 4, SIDE // 8, SIDE // 8)
    close(float(noise.var()), 1, Tolerance(0.03))
    assert torch.equal(noise[1, :, :, 2:], noise[0, :, :, :-2])


def test_voids_sampling_takes_the_latents(sampled):
    """The core's own node for warped noise, new in 0.33."""
    if "VOIDWarpedNoiseSource" not in sampled.info:
        pytest.skip("this host has no VOID")
    prompt = prompt_of(sampled)
    ours = sampled.latents(prompt)
    prompt["void"] = node("VOIDWarpedNoiseSource", warped_noise=["noise", 1])
    prompt["sampled"]["inputs"]["noise"] = ["void", 0]
    assert torch.equal(sampled.latents(prompt), ours)


def test_a_video_models_latents_get_their_frames(sampled):
    prompt = {
        "pan": node("MotionI2VLoadMotionField", file="pan.safetensors"),
        "empty": node(
            "EmptyHunyuanLatentVideo", width=SIDE, height=SIDE, length=FRAMES, batch_size=2
        ),
    }
    prompt["noise"] = sampled.usual("MotionI2VWarpNoise", field=["pan", 0], latent=["empty", 0])
    noise = sampled.latents(sampled.saved_latent(prompt, ["noise", 1], "latents"))
    # 5 frames are 2 latent ones, the second at the end of the pan.
    assert noise.shape == (2, 16, 2, SIDE // 8, SIDE // 8)
    cells = STEP // 8 * (FRAMES - 1)
    assert torch.equal(noise[:, :, 1, :, cells:], noise[:, :, 0, :, :-cells])


def test_a_video_model_samples_it(led):
    """The narrow Wan makes of the noise what moves with it, at the pace of its latent frames."""
    pan = torch.zeros(9, 2, 64, 192)
    pan[:, 0] = STEP // 4 * torch.arange(9).view(-1, 1, 1)
    save_safetensors(MotionField(pan), led.host.base / "input" / "wan_pan.safetensors")
    prompt = led.parts("Wan")
    prompt["clip"] = led.node("EmptyHunyuanLatentVideo", width=192, height=64, length=9)
    prompt["pan"] = led.node("MotionI2VLoadMotionField", file="wan_pan.safetensors")
    prompt["noise"] = led.node(
        "MotionI2VWarpNoise", field=["pan", 0], latent=["clip", 0], noise_seed=5
    )
    prompt["guider"] = led.node(
        "CFGGuider", model=["model", 0], positive=["positive", 0], negative=["negative", 0], cfg=2.0
    )
    prompt["video"] = led.node(
        "SamplerCustomAdvanced",
        noise=["noise", 0],
        guider=["guider", 0],
        sampler=["euler", 0],
        sigmas=["sigmas", 0],
        latent_image=["clip", 0],
    )
    (carried,) = led.latents(prompt, "video")
    prompt["noise"]["inputs"]["degradation"] = 1.0
    (independent,) = led.latents(prompt, "video")

    def along(latents: torch.Tensor) -> float:
        """How each latent frame correlates with the one before, carried by the pan."""
        cells = 4 * (STEP // 4) // 8
        pairs = latents[0, :, 1:, :, cells:], latents[0, :, :-1, :, :-cells]
        flat = [x.flatten(1) - x.flatten(1).mean(1, keepdim=True) for x in pairs]
        return float(torch.nn.functional.cosine_similarity(*flat, dim=1).mean())

    assert along(carried) > 0.8
    assert along(independent) < 0.5  # what its frames have in common whatever the noise
