"""Dual-clock denoising of the host's own model classes, narrow: latents, factors, checks."""

import sys
from types import ModuleType

import pytest
import torch

from tests.tolerances import HUNDREDS, RELATIVE, close

pytestmark = pytest.mark.usefixtures("host_env")

FAMILIES = {
    # channels of the latents, then what one stands for: pixels and frames
    "Wan 2.1": (16, 8, 4),
    "Wan 2.2 5B": (48, 16, 4),
    "LTX": (128, 32, 8),
    "Hunyuan": (16, 8, 4),
    "CogVideoX": (16, 8, 4),
}
FRAMES, HEIGHT, WIDTH = 3, 4, 6
STEPS = 6


@pytest.fixture(scope="module", params=FAMILIES)
def family(request, host_env):
    from testing.video_models import known

    if not known(request.param):
        pytest.skip(f"this ComfyUI has no classes for {request.param}")
    return request.param


@pytest.fixture(scope="module")
def model(family):
    from testing.video_models import load_video_model

    return load_video_model(family)


def random(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def clip_of(family):
    return random(1, 1, FAMILIES[family][0], FRAMES, HEIGHT, WIDTH)


def mask_of(family, frames=None):
    """The left third of a clip's pictures."""
    _, spatial, temporal = FAMILIES[family]
    frames = (FRAMES - 1) * temporal + 1 if frames is None else frames
    mask = torch.zeros(frames, HEIGHT * spatial, WIDTH * spatial)
    mask[..., : 2 * spatial] = 1
    return mask


def text(seed, model):
    """The family's conditioning: LTX wants to know which of the text's tokens count."""
    from testing.video_models import TEXT

    more = {"pooled_output": random(seed + 1, 1, TEXT)}
    if type(model.model).__name__ == "LTXV":
        more["attention_mask"] = torch.ones(1, 7, dtype=torch.long)
    return [[random(seed, 1, 7, TEXT), more]]


def sample(model, clip, sampler, sigmas, noise, seen=None):
    import comfy.sample
    from comfy.patcher_extension import WrappersMP

    watched = model.clone()
    if seen is not None:

        def watch(executor, x, timestep, *arguments, **keywords):
            seen.append((float(timestep.max()), x.clone()))
            return executor(x, timestep, *arguments, **keywords)

        watched.add_wrapper(WrappersMP.PREDICT_NOISE, watch)
    return comfy.sample.sample_custom(
        watched, noise, 2.0, sampler, sigmas, text(3, model), text(6, model), clip,
        disable_pbar=True, seed=4,
    )  # fmt: skip


def schedule_of(model):
    from comfy.samplers import calculate_sigmas

    return calculate_sigmas(model.get_model_object("model_sampling"), "simple", STEPS)


def led(model, clip, mask, weak, strong, name="euler"):
    from comfy.samplers import sampler_object
    from motion_i2v.models.host.directed import directed_by
    from motion_i2v.models.host.dual_clock import TimeToMove

    return TimeToMove(sampler_object(name), directed_by(model, clip, mask, weak, strong))


@pytest.mark.parametrize("name", ["euler", "uni_pc"])
def test_the_directed_region_follows_and_the_rest_is_free(model, family, name):
    clip, sigmas, seen = clip_of(family), schedule_of(model), []
    noise = random(2, *clip.shape)
    sampler = led(model, clip, mask_of(family), 1 / STEPS, 4 / STEPS, name)
    sample(model, clip, sampler, sigmas, noise, seen)
    sampling, latents = model.model.model_sampling, model.model.process_latent_in(clip)
    # Nothing is run before the weak clock, and there the whole clip is noised in.
    close(seen[0][0], float(sigmas[1]), RELATIVE)
    held = [(s, x) for s, x in seen if s > float(sigmas[4]) * 1.001]
    assert 3 <= len(held) < len(seen)
    for i, (sigma, x) in enumerate(held):
        noised = sampling.noise_scaling(torch.tensor([sigma]), noise, latents)
        error = (x - noised).abs() / max(1, sigma)
        assert error[..., :2].max() < 1e-4
        assert (error[..., 2:].max() > 1e-2) == (i > 0)


@pytest.mark.parametrize("name", ["euler", "uni_pc", "dpmpp_2m_sde"])
def test_both_identities_hold_to_the_bit(model, family, name):
    from comfy.samplers import sampler_object

    clip, sigmas = clip_of(family), schedule_of(model)
    noise, mask = random(2, *clip.shape), mask_of(family)
    plain = sample(model, clip, sampler_object(name), sigmas[2:].clone(), noise)
    sdedit = led(model, clip, mask, 2 / STEPS, 2 / STEPS, name)
    assert torch.equal(sample(model, clip, sdedit, sigmas.clone(), noise), plain)
    unheld = led(model, clip, 0 * mask, 2 / STEPS, 5 / STEPS, name)
    assert torch.equal(sample(model, clip, unheld, sigmas.clone(), noise), plain)


def test_held_to_the_end_the_region_is_the_clip(model, family):
    clip = clip_of(family)
    noise = random(2, *clip.shape)
    held = led(model, clip, mask_of(family), 0.2, 1.0)
    video = sample(model, clip, held, schedule_of(model), noise)
    assert (video - clip)[..., :2].abs().max() < 1e-4
    assert (video - clip)[..., 2:].abs().max() > 1e-2


def test_a_mask_of_another_length_names_both_numbers(model, family):
    _, _, temporal = FAMILIES[family]
    with pytest.raises(ValueError, match=f"60 frames.*3 frames stand for {2 * temporal + 1}"):
        led(model, clip_of(family), mask_of(family, 60), 0.1, 0.2)


def test_latents_of_another_model_name_both_numbers(model, family):
    channels = FAMILIES[family][0]
    with pytest.raises(ValueError, match=f"4 channels.*have {channels}"):
        led(model, random(1, 1, 4, FRAMES, HEIGHT, WIDTH), mask_of(family), 0.1, 0.2)
    with pytest.raises(ValueError, match=r"4 dimensions.*\[1, channels, frames"):
        led(model, random(1, FRAMES, channels, HEIGHT, WIDTH), mask_of(family), 0.1, 0.2)


@pytest.mark.parametrize(
    ("clip", "words"),
    [
        (torch.full((1, 16, FRAMES, HEIGHT, WIDTH), float("nan")), "NaN"),
        (torch.zeros(1, 16, 0, HEIGHT, WIDTH), "at least one frame"),
    ],
)
def test_an_empty_clip_and_nan_are_refused(clip, words, host_env):
    from testing.video_models import load_video_model

    with pytest.raises(ValueError, match=words):
        led(load_video_model("Wan 2.1"), clip, mask_of("Wan 2.1"), 0.1, 0.2)


def test_two_experts_sample_as_one_would(host_env):
    """Wan 2.2: the schedule is split, and the second run goes on without noise."""
    from comfy.samplers import sampler_object
    from motion_i2v.models.host.directed import directed_by
    from motion_i2v.models.host.dual_clock import TimeToMove

    from testing.video_models import load_video_model

    model = load_video_model("Wan 2.1")
    clip, sigmas = clip_of("Wan 2.1"), schedule_of(model)
    noise = random(2, *clip.shape)
    directed = directed_by(model, clip, mask_of("Wan 2.1"), 1 / STEPS, 4 / STEPS)
    sampler = TimeToMove(sampler_object("euler"), directed, sigmas)
    whole = sample(model, clip, sampler, sigmas, noise)
    for split in (2, 5):
        first = sample(model, clip, sampler, sigmas[: split + 1], noise)
        second = sample(model, first, sampler, sigmas[split:], torch.zeros_like(noise))
        close(second, whole, HUNDREDS)
        # Another expert goes on from there as well as it does by itself.
        other = load_video_model("Wan 2.1", seed=1)
        assert bool(torch.isfinite(sample(other, first, sampler, sigmas[split:], 0 * noise)).all())


@pytest.fixture(scope="module")
def void(host_env):
    """The narrow VOID, and its own sampler."""
    from testing.video_models import known, load_video_model

    if not known("VOID"):
        pytest.skip("this ComfyUI has no classes for VOID")
    with pytest.MonkeyPatch.context() as patch:
        # Its schemas name the core's `nodes`, which here are this pack's.
        patch.setitem(sys.modules, "nodes", ModuleType("nodes"))
        from comfy_extras.nodes_void import VOID_DDIM
    return load_video_model("VOID"), VOID_DDIM()


VOID_FRAMES = 4


def test_voids_own_sampler_is_led_too(void):
    """It adds no noise: what it is given as noise is where it begins, of variance 1."""
    from motion_i2v.models.host.directed import directed_by
    from motion_i2v.models.host.dual_clock import TimeToMove

    model, plain = void
    clip, noise = (random(seed, 1, 16, VOID_FRAMES, HEIGHT, WIDTH) for seed in (1, 2))
    mask, sigmas, seen = mask_of("CogVideoX", 4 * VOID_FRAMES - 3), schedule_of(model), []
    latents = model.model.process_latent_in(clip)

    def noised(sigma):
        return (latents + sigma * noise) / (1 + sigma**2) ** 0.5

    def led_by(mask, weak, strong):
        directed = directed_by(model, clip, mask, weak / STEPS, strong / STEPS)
        return TimeToMove(plain, directed)

    begun = sample(model, clip, plain, sigmas[2:].clone(), noised(sigmas[2]))
    for mask_, strong in ((mask, 2), (0 * mask, 5)):
        led_video = sample(model, clip, led_by(mask_, 2, strong), sigmas.clone(), noise)
        assert torch.equal(led_video, begun)
    held = sample(model, clip, led_by(mask, 1, STEPS), sigmas.clone(), noise, seen)
    assert (held - clip)[..., :2].abs().max() < 1e-4
    assert (held - begun)[..., 2:].abs().max() > 1e-2
    for sigma, x in seen:
        assert (x - noised(torch.tensor(sigma)))[..., :2].abs().max() < 1e-4
    with pytest.raises(ValueError, match="VOID_DDIM begins with the noise"):
        sample(model, clip, led_by(mask, 1, 2), sigmas[1:].clone(), 0 * noise)
