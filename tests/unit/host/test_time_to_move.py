"""Dual-clock denoising on the host's own samplers: arithmetic in float64, then real networks."""

from types import SimpleNamespace

import pytest
import torch

from tests.tolerances import FLOAT64, RELATIVE, close

pytestmark = pytest.mark.usefixtures("host_env")

SHAPE = (1, 4, 3, 4, 6)


def sampling_of(kind):
    import comfy.model_sampling as host

    if kind == "flow":
        base = host.ModelSamplingDiscreteFlow, host.CONST
    else:
        base = host.ModelSamplingDiscrete, host.EPS
    return type("Sampling", base, {})()


class Guider:
    """What the host's samplers call: a smooth denoiser that mixes all that it sees."""

    def __init__(self, kind="flow"):
        sampling = sampling_of(kind)
        self.inner_model = SimpleNamespace(
            model_sampling=sampling,
            process_latent_in=lambda latent: 2 * latent - 0.5,
            scale_latent_inpaint=lambda sigma, noise, latent_image, **_: sampling.noise_scaling(
                sigma, noise, latent_image
            ),
        )
        self.model_patcher = SimpleNamespace(
            model=self.inner_model, get_model_object=lambda _: sampling
        )
        self.seen, self.cfg = [], 1.0

    def __call__(self, x, sigma, model_options=None, seed=None):
        self.seen.append((float(sigma.max()), x.clone()))
        return torch.tanh(x.roll(1, -1) + 0.3 * x.mean()) * 0.7


def random(seed, shape=SHAPE):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


CLIP, NOISE = random(1), random(2)
LEFT = torch.zeros(1, 1, 3, 4, 6, dtype=torch.float64)
LEFT[..., :2] = 1


def sigmas_of(guider, steps=10):
    from comfy.samplers import normal_scheduler

    return normal_scheduler(guider.inner_model.model_sampling, steps).double()


def inner_of(name):
    from comfy.samplers import sampler_object

    return sampler_object(name)


def led(weak, strong, mask=LEFT, name="euler", schedule=None):
    from motion_i2v.models.host.dual_clock import Clocks, Directed, TimeToMove

    return TimeToMove(inner_of(name), Directed(CLIP, mask, Clocks(weak, strong)), schedule)


def run(sampler, guider, sigmas, noise=NOISE, latent=None, **more):
    # The host hands its samplers latents that its model has scaled already.
    latent = torch.zeros_like(noise) if latent is None else latent
    return sampler.sample(
        guider, sigmas, {"seed": 5, "model_options": {}}, None, noise.clone(), latent,
        disable_pbar=True, **more,
    )  # fmt: skip


def as_the_paper_writes_it(guider, sigmas, weak, strong, mask):
    """Algorithm 1 with Euler's steps: after each one, the masked latents are replaced."""
    sampling, clip = guider.inner_model.model_sampling, 2 * CLIP - 0.5
    x = sampling.noise_scaling(sigmas[weak], NOISE, clip)
    for i in range(weak, len(sigmas) - 1):
        denoised = guider(x, sigmas[i].reshape(1))
        x = x + (x - denoised) / sigmas[i] * (sigmas[i + 1] - sigmas[i])
        if i + 1 <= strong:
            x = (1 - mask) * x + mask * sampling.noise_scaling(sigmas[i + 1], NOISE, clip)
    return x


@pytest.mark.parametrize("kind", ["flow", "eps"])
@pytest.mark.parametrize(("weak", "strong"), [(1, 4), (3, 9), (1, 10)])
def test_with_euler_it_is_the_paper_s_algorithm(kind, weak, strong):
    guider = Guider(kind)
    sigmas = sigmas_of(guider)
    ours = run(led(weak / 10, strong / 10), guider, sigmas)
    theirs = as_the_paper_writes_it(guider, sigmas, weak, strong, LEFT)
    close(ours, theirs, FLOAT64)


SAMPLERS = ["euler", "euler_ancestral", "heun", "dpmpp_2m", "lms", "dpmpp_sde", "dpm_2", "ddim"]


def sampled_from_within(guider, sigmas, name):
    """The host's own img2img: the noised clip from one of its sigmas on."""
    torch.manual_seed(9)
    return run(inner_of(name), guider, sigmas, latent=2 * CLIP - 0.5)


@pytest.mark.parametrize("kind", ["flow", "eps"])
@pytest.mark.parametrize("name", SAMPLERS)
def test_strong_as_weak_is_sdedit_and_nothing_masked_is_plain_to_the_bit(kind, name):
    guider = Guider(kind)
    sigmas = sigmas_of(guider)
    plain = sampled_from_within(guider, sigmas[3:].clone(), name)
    for sampler in (led(0.3, 0.3, name=name), led(0.3, 0.8, 0 * LEFT, name)):
        torch.manual_seed(9)
        assert torch.equal(run(sampler, guider, sigmas.clone()), plain)
    torch.manual_seed(9)
    assert not torch.equal(run(led(0.3, 0.8, name=name), guider, sigmas.clone()), plain)


@pytest.mark.parametrize("kind", ["flow", "eps"])
@pytest.mark.parametrize("name", SAMPLERS)
def test_between_the_clocks_the_model_sees_the_noised_clip_where_it_is_masked(kind, name):
    guider = Guider(kind)
    sigmas = sigmas_of(guider)
    run(led(0.2, 0.6, name=name), guider, sigmas.clone())
    sampling, clip = guider.inner_model.model_sampling, 2 * CLIP - 0.5
    close(guider.seen[0][0], float(sigmas[2]), RELATIVE)
    held = [(s, x) for s, x in guider.seen if s > float(sigmas[6]) * 1.0001]
    assert 4 <= len(held) < len(guider.seen)
    for i, (sigma, x) in enumerate(held):
        level = torch.tensor([sigma], dtype=torch.float64)
        error = (x - sampling.noise_scaling(level, NOISE, clip)).abs() / max(1, sigma)
        assert error[..., :2].max() < 1e-6
        # Outside it is free, from the first step after the weak clock on.
        assert (error[..., 2:].max() > 1e-2) == (i > 0)


@pytest.mark.parametrize("name", ["euler", "dpmpp_2m", "lms", "ddim", "ipndm", "deis"])
def test_the_directed_region_leaves_the_strong_clock_as_the_noised_clip(name):
    guider = Guider()
    sigmas = sigmas_of(guider)
    x = run(led(0.2, 1.0, name=name), guider, sigmas.clone())
    assert (x - (2 * CLIP - 0.5))[..., :2].abs().max() < 1e-6
    assert (x - (2 * CLIP - 0.5))[..., 2:].abs().max() > 0.1


def test_a_soft_mask_holds_in_part():
    guider = Guider()
    ends = [
        run(led(0.2, 1.0, share * LEFT), guider, sigmas_of(guider))[..., :2]
        for share in (0.0, 0.5, 1.0)
    ]
    free, half, whole = ((end - (2 * CLIP - 0.5)[..., :2]).norm() for end in ends)
    assert whole < half < free


@pytest.mark.parametrize("kind", ["flow", "eps"])
@pytest.mark.parametrize("split", [2, 4, 7])
def test_a_schedule_split_between_two_runs_is_sampled_as_one(kind, split):
    guider = Guider(kind)
    sigmas = sigmas_of(guider)
    whole = run(led(0.1, 0.5), guider, sigmas)
    sampler = led(0.1, 0.5, schedule=sigmas)
    first = run(sampler, guider, sigmas[: split + 1])
    second = run(sampler, guider, sigmas[split:], torch.zeros_like(NOISE), latent=first)
    close(second, whole, FLOAT64)


def test_a_weak_clock_at_the_end_gives_the_clip():
    guider = Guider()
    assert torch.equal(run(led(1, 1), guider, sigmas_of(guider)), 2 * CLIP - 0.5)
    assert guider.seen == []


def test_what_an_inpainting_mask_keeps_is_the_run_s_own():
    guider = Guider()
    kept = random(4)
    free = torch.ones(SHAPE, dtype=torch.float64)
    free[..., :1, :] = 0
    x = run(led(0.2, 0.6), guider, sigmas_of(guider), latent=kept, denoise_mask=free)
    assert torch.allclose(x[..., :1, :], kept[..., :1, :])
    sigma, seen = guider.seen[2]
    noised = sigma * NOISE + (1 - sigma) * kept
    close(seen[..., :1, :], noised[..., :1, :], FLOAT64)
    noised = sigma * NOISE + (1 - sigma) * (2 * CLIP - 0.5)
    close(seen[..., 1:, :2], noised[..., 1:, :2], FLOAT64)


def test_patches_of_the_model_are_told_the_steps_that_are_run():
    told = []

    class Telling(Guider):
        def __call__(self, x, sigma, model_options=None, seed=None):
            told.append(model_options["transformer_options"]["sample_sigmas"])
            return super().__call__(x, sigma)

    guider = Telling()
    sigmas = sigmas_of(guider)
    run(led(0.3, 0.6), guider, sigmas)
    assert len(told) == 7
    assert all(torch.equal(t, sigmas[3:]) for t in told)


def test_a_start_within_the_schedule_is_noised_to_its_own_level():
    from motion_i2v.models.host.dual_clock import Clocks, Directed, TimeToMove
    from motion_i2v.models.host.sampling import unit_noise

    guider = Guider("eps")
    sigmas = sigmas_of(guider)
    sampler = TimeToMove(unit_noise(inner_of("euler")), Directed(CLIP, LEFT, Clocks(0.5, 0.5)))
    assert torch.equal(
        run(sampler, guider, sigmas), sampled_from_within(guider, sigmas[5:], "euler")
    )


@pytest.mark.parametrize(
    ("part", "noise", "words"),
    [
        (slice(0, 3), NOISE, "comes only after it"),
        (slice(6, None), NOISE, "after the weak clock.*switch it off"),
        (slice(2, None), 0 * NOISE, "switch the noise on"),
    ],
)
def test_a_part_of_a_schedule_that_the_clip_cannot_enter_is_refused(part, noise, words):
    guider = Guider()
    sigmas = sigmas_of(guider)
    with pytest.raises(ValueError, match=words):
        run(led(0.5, 0.7, schedule=sigmas), guider, sigmas[part], noise)
    assert guider.seen == []


def test_a_clip_of_another_size_than_what_is_sampled_is_refused_with_both():
    guider = Guider()
    with pytest.raises(ValueError, match=r"\[1, 4, 3, 4, 6\].*\[1, 4, 2, 4, 6\]"):
        run(led(0, 0.5), guider, sigmas_of(guider), NOISE[:, :, :2])


def test_each_of_a_batch_of_videos_is_led():
    guider = Guider()
    noise = random(8, (2, *SHAPE[1:]))
    x = run(led(0.2, 1.0), guider, sigmas_of(guider), noise)
    assert (x - (2 * CLIP - 0.5))[..., :2].abs().max() < 1e-6


@pytest.mark.parametrize(("weak", "strong"), [(0.5, 0.4), (-0.1, 0.4), (0.5, 1.2)])
def test_clocks_that_cannot_be_are_refused(weak, strong):
    from motion_i2v.models.host.dual_clock import Clocks

    with pytest.raises(ValueError, match="weak <= strong"):
        Clocks(weak, strong)
