"""MCDiff's future frame and its rollout on the host's samplers, with narrow seeded networks."""

import numpy
import pytest
import torch
from motion_i2v.models.drawing.momentary_strokes import SparseFlow

from tests import narrow_mcdiff
from tests.mcdiff_parts import (
    HEIGHT,
    WIDTH,
    Completer,
    load_model,
    load_vae,
    picture,
    sliding,
    tracks,
)
from tests.tolerances import HUNDREDS, close

pytestmark = pytest.mark.usefixtures("host_env")


@pytest.fixture(scope="module")
def model(host_env, tmp_path_factory):
    return load_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def vae(host_env, tmp_path_factory):
    return load_vae(tmp_path_factory.mktemp("vae"))


def settings(**changed):
    from motion_i2v.models.host.sampling import Settings

    return Settings(**{"steps": 2, "cfg": 1.0, "seed": 5, "scheduler": "sgm_uniform", **changed})


def along(model, vae, directions=None, frames=3, told=None, **options):
    from motion_i2v.models.host.mcdiff_rollout import by_field, rollout

    directions = directions or by_field(sliding())
    return rollout(model, vae, picture(), directions, frames, told or settings(), **options)


def by_strokes(count=6):
    from motion_i2v.models.host.mcdiff_rollout import by_strokes

    return by_strokes(Completer(), tracks(count))


def same(one, other):
    return (
        torch.equal(one.frames, other.frames)
        and torch.equal(one.latents, other.latents)
        and torch.equal(one.field.flow, other.field.flow)
    )


# What a rollout is.


def test_the_first_frame_is_the_picture_and_the_field_adds_up(model, vae):
    video = along(model, vae, frames=4)
    assert video.frames.shape == (4, HEIGHT, WIDTH, 3)
    assert video.latents.shape == (4, 4, HEIGHT // 8, WIDTH // 8)
    assert torch.equal(video.frames[:1], picture())
    close(video.field.flow, sliding(4).flow, HUNDREDS)
    assert torch.isfinite(video.frames).all()
    assert not torch.equal(video.frames[1], video.frames[2])


def test_latents_stay_latents(model, vae, monkeypatch):
    encoded, decoded = [], []
    encode, decode = vae.encode, vae.decode
    monkeypatch.setattr(vae, "encode", lambda x: encoded.append(x) or encode(x))
    monkeypatch.setattr(vae, "decode", lambda x: decoded.append(x) or decode(x))
    video = along(model, vae, frames=4)
    assert len(encoded) == 1
    assert torch.equal(torch.cat(decoded), video.latents[1:])
    for latent, frame in zip(video.latents[1:], video.frames[1:], strict=True):
        assert torch.equal(decode(latent[None])[0], frame)


def test_flow_completion_sees_each_decoded_frame(model, vae):
    shown = []

    def directions(step, frame):
        shown.append((step, frame))
        return torch.zeros(2, HEIGHT, WIDTH)

    video = along(model, vae, directions, frames=4)
    assert [step for step, _ in shown] == [0, 1, 2]
    assert torch.equal(torch.cat([frame for _, frame in shown]), video.frames[:3])


@pytest.mark.parametrize("cut", [2, 3, 5])
def test_six_frames_at_once_are_some_and_then_the_rest(model, vae, cut):
    told = settings(cfg=2.0, sampler="euler_ancestral")
    whole = along(model, vae, by_strokes(), 6, told)
    first = along(model, vae, by_strokes(), cut, told)
    from motion_i2v.models.host.mcdiff_rollout import rollout

    rest = rollout(
        model, vae, first.frames[-1:], by_strokes(), 7 - cut, told,
        start=cut - 1, latent=first.latents[-1:], field=first.field,
    )  # fmt: skip
    assert torch.equal(torch.cat([first.frames, rest.frames[1:]]), whole.frames)
    assert torch.equal(torch.cat([first.latents, rest.latents[1:]]), whole.latents)
    assert torch.equal(rest.field.flow, whole.field.flow)


def test_the_same_seed_gives_the_same_bits_and_another_does_not(model, vae):
    first = along(model, vae, by_strokes())
    assert same(along(model, vae, by_strokes()), first)
    assert not torch.equal(along(model, vae, told=settings(seed=6)).frames[1], first.frames[1])


def test_seeds_of_steps_do_not_meet():
    from motion_i2v.models.host.mcdiff_rollout import step_seed

    seeds = {step_seed(seed, step) for seed in (0, 1, 2, 2**64 - 1) for step in range(50)}
    assert len(seeds) == 200
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_the_flow_matters(model, vae):
    from motion_i2v.models.host.mcdiff_rollout import by_field

    still = along(model, vae, by_field(sliding(by=(0.0, 0.0))))
    assert not still.field.flow.any()
    assert torch.isfinite(still.frames).all()
    assert not torch.equal(still.frames[1], along(model, vae).frames[1])


def test_a_part_of_the_flow_may_be_unknown(model, vae):
    flow, known = torch.full((2, HEIGHT, WIDTH), 2.0), torch.ones(1, HEIGHT, WIDTH)
    whole = along(model, vae, lambda *_: SparseFlow(flow, known), 2)
    assert same(along(model, vae, lambda *_: flow, 2), whole)
    known[..., :8] = 0
    partly = along(model, vae, lambda *_: SparseFlow(flow * known, known), 2)
    assert not torch.equal(partly.frames, whole.frames)
    assert not partly.field.flow[..., :8].any()


def test_the_hosts_step_is_the_one_of_training(model):
    import comfy.sample
    from motion_i2v.models.host.mcdiff_networks import CHANGE, folded
    from motion_i2v.models.host.mcdiff_rollout import next_latent, step_seed
    from motion_i2v.training.objectives.linear_vae import FACTOR
    from motion_i2v.training.objectives.noise import Schedule

    generator = torch.Generator().manual_seed(2)
    before = torch.randn(1, 4, HEIGHT // 8, WIDTH // 8, generator=generator) / FACTOR
    flow = 3 * torch.randn(1, 2, HEIGHT, WIDTH, generator=generator)
    made = next_latent(model, before, flow[0], settings(steps=1), 4)

    noise = comfy.sample.prepare_noise(before, step_seed(5, 4))
    schedule = Schedule("v", zero_terminal_snr=True)
    sigma = schedule.levels()[-1:]
    seen, _ = schedule.noised(torch.zeros_like(before), noise, sigma)
    x = torch.cat([seen, FACTOR * before, folded(flow, torch.ones_like(flow[:, :1]))], dim=1)
    with torch.no_grad():
        said = narrow_mcdiff.future()(x, torch.tensor([999.0]))
    expected = before + CHANGE * schedule.clean(seen, said, sigma) / FACTOR
    assert (made - expected).norm() < 2e-3 * (expected - before).norm()


# Guidance.


def seen(monkeypatch, name):
    """What goes through a method of the network, or of the model around it."""
    from motion_i2v.models.host.future_frame import FutureFrameModel, FutureFrameUNet

    target = FutureFrameUNet if name == "forward" else FutureFrameModel
    real, collected = getattr(target, name), []

    def spy(self, x, *args, **kwargs):
        collected.append(x)
        return real(self, x, *args, **kwargs)

    monkeypatch.setattr(target, name, spy)
    return collected


def test_without_guidance_only_what_is_told_runs(model, vae, monkeypatch):
    inputs = seen(monkeypatch, "forward")
    along(model, vae, frames=3)
    assert [len(x) for x in inputs] == [1] * 4
    assert all((x[:, -64:] == 1).all() for x in inputs)


def test_guidance_is_away_from_no_flow(model, vae, monkeypatch):
    inputs = seen(monkeypatch, "forward")
    guided = along(model, vae, frames=2, told=settings(cfg=3.0))
    x = inputs[0]
    assert len(x) == 2
    told = {int(half[-64:].mean()): half for half in x}
    assert set(told) == {0, 1}
    assert torch.equal(told[0][:8], told[1][:8])
    assert told[1][8:-64].any()
    assert not told[0][8:-64].any()
    assert not torch.equal(guided.frames, along(model, vae, frames=2).frames)


def test_a_batch_of_guidance_may_be_split(model, vae, monkeypatch):
    told = settings(cfg=3.0)
    together = along(model, vae, told=told)
    sizes = seen(monkeypatch, "apply_model")
    monkeypatch.setattr(type(model.model), "memory_required", lambda *a, **k: 1 << 60)
    apart = along(model, vae, told=told)
    assert {len(x) for x in sizes} == {1}
    assert (apart.latents - together.latents).norm() < 1e-4 * together.latents.norm()


# A MODEL like any other.


def test_a_lora_and_another_sampling_are_taken(model, vae):
    import comfy.lora
    from motion_i2v.models.host.stage2_sampling import OWN, TRAINED, with_schedule

    plain = along(model, vae)
    keys = comfy.lora.model_lora_keys_unet(model.model, {})
    key = keys["lora_unet_input_blocks_1_0_out_layers_3"]
    shape = model.model.state_dict()[key].shape
    patched = model.clone()
    assert patched.add_patches({key: (0.1 * torch.ones(shape),)}) == [key]
    assert not torch.equal(along(patched, vae).frames, plain.frames)
    # Its own has zero terminal SNR.
    other = with_schedule(model, TRAINED)
    assert not torch.equal(along(other, vae).frames, plain.frames)
    assert same(along(with_schedule(model, OWN), vae), plain)


@pytest.mark.parametrize("sampler", ["dpmpp_2m", "uni_pc", "lcm", "heun"])
@pytest.mark.parametrize("scheduler", ["normal", "karras", "DDIM leading"])
def test_the_hosts_samplers_and_schedulers(model, vae, sampler, scheduler):
    told = settings(steps=3, sampler=sampler, scheduler=scheduler)
    assert torch.isfinite(along(model, vae, frames=2, told=told).latents).all()


def test_half_precision(vae, tmp_path):
    from motion_i2v.models.host.future_frame import load_future_frame
    from motion_i2v.models.host.mcdiff_file import read_mcdiff

    path = narrow_mcdiff.write_mcdiff(tmp_path / "mcdiff.safetensors")
    exact = load_future_frame(read_mcdiff(path), torch.float32)
    half = load_future_frame(read_mcdiff(path), torch.bfloat16)
    assert half.model.get_dtype() == torch.bfloat16
    latents = [along(each, vae, frames=2).latents for each in (exact, half)]
    assert (latents[0] - latents[1]).norm() < 0.2 * latents[0].norm()


def test_a_file_without_the_future_frame(tmp_path):
    from motion_i2v.models.host.future_frame import load_future_frame
    from motion_i2v.models.host.mcdiff_file import read_mcdiff

    path = tmp_path / "mcdiff.safetensors"
    narrow_mcdiff.write_mcdiff(path, halves=("flow_completion",))
    with pytest.raises(ValueError, match="future frame"):
        load_future_frame(read_mcdiff(path))


# Progress, previews, interrupts.


@pytest.fixture
def shown(monkeypatch):
    import comfy.utils

    events = []
    hook = lambda value, total, preview, node_id=None: events.append((value, total, preview))  # noqa: E731
    monkeypatch.setattr(comfy.utils, "PROGRESS_BAR_HOOK", hook)
    return events


def test_every_frame_is_shown_as_it_comes(model, vae, shown):
    told = []
    video = along(model, vae, frames=4, on_frame=lambda step, frame: told.append((step, frame)))
    # Not each step: newer hosts leave out updates that come too soon after another.
    values = [value for value, *_ in shown]
    assert values == sorted(values)
    assert values[-1] == 6
    assert {total for _, total, _ in shown} == {6}
    assert [value for value, _, preview in shown if preview is not None] == [2, 4, 6]
    pictures = [preview for *_, preview in shown if preview is not None]
    for (kind, image, _), frame in zip(pictures, video.frames[1:], strict=True):
        assert (kind, image.size) == ("JPEG", (WIDTH, HEIGHT))
        pixels = torch.from_numpy(numpy.array(image)) / 255
        assert (pixels - frame).abs().max() <= 1 / 255
    assert [step for step, _ in told] == [0, 1, 2]
    assert torch.equal(torch.cat([frame for _, frame in told]), video.frames[1:])


def test_an_interrupt_is_heeded_within_a_step(model, vae, monkeypatch):
    import comfy.model_management as management

    before = along(model, vae, frames=4)
    inputs = seen(monkeypatch, "forward")

    def directions(step, _):
        if step == 1:
            management.interrupt_current_processing(True)
        return torch.zeros(2, HEIGHT, WIDTH)

    with pytest.raises(management.InterruptProcessingException):
        along(model, vae, directions, frames=4)
    assert len(inputs) == 3, "one step more than the first frame's two"
    assert same(along(model, vae, frames=4), before)


# What cannot be.


def bad(model, vae, words, **options):
    from motion_i2v.models.host.mcdiff_rollout import by_field, rollout

    given = {"model": model, "vae": vae, "picture": picture(), "frames": 3, **options}
    given = {"directions": by_field(sliding()), "settings": settings(), **given}
    with pytest.raises(ValueError, match=words):
        rollout(**given)


def test_what_cannot_be_is_told(model, vae):
    holed = picture()
    holed[0, 3, 3] = float("nan")
    bad(model, vae, "NaN", picture=holed)
    bad(model, vae, "one picture", picture=picture().repeat(2, 1, 1, 1))
    bad(model, vae, "multiples of 8", picture=picture(34, 24))
    bad(model, vae, "at least 2", frames=1)
    bad(model, vae, "resize", picture=picture(40, 24))
    bad(model, vae, "steps 0..4, not 5", frames=7)
    bad(model, vae, "NaN", directions=lambda *_: torch.full((2, HEIGHT, WIDTH), torch.nan))


def test_another_vae_is_told(model):
    class Other:
        def __init__(self, channels, shrink):
            self.channels, self.shrink = channels, shrink

        def encode(self, x):
            return torch.zeros(1, self.channels, *(side // self.shrink for side in x.shape[1:3]))

    bad(model, Other(16, 8), "SD 1.5 VAE")
    bad(model, Other(4, 16), "SD 1.5 VAE")


def test_an_answer_that_is_not_finite_is_told(model, vae):
    broken = model.clone()
    broken.set_model_sampler_post_cfg_function(lambda args: args["denoised"] * torch.nan)
    bad(broken, vae, "step 0 came out as NaN")


def test_other_models_are_told(vae):
    from motion_i2v.models.files.checkpoints import checkpoint_of
    from motion_i2v.models.host.loading import load_motion_field_model

    from testing.sd15 import load_unet
    from tests import narrow_release

    sd15 = checkpoint_of(narrow_release.weights("sd15_unet"), "a test", "sd15_unet")
    bad(load_unet(sd15.take_host_tensors()), vae, "Load MCDiff")
    stage1 = checkpoint_of(narrow_release.weights("stage1_unet"), "a test", "stage1_unet")
    bad(load_motion_field_model(stage1), vae, "Load MCDiff")


def test_other_samplers_are_told(model, vae):
    import comfy.sample

    latent = torch.zeros(1, 4, 5, 6)
    text = [[torch.zeros(1, 7, 48), {}]]
    with pytest.raises(ValueError, match="MCDiff Sampler"):
        comfy.sample.sample(
            model, latent, 2, 1.0, "euler", "normal", text, text, latent, disable_pbar=True
        )


def test_stage_2_is_told(model):
    from motion_i2v.models.files.checkpoints import checkpoint_of
    from motion_i2v.models.host.motion_module import load_motion_module
    from motion_i2v.models.host.motion_wrappers import check_model

    from tests import narrow_release

    tensors = narrow_release.weights("motion_modules")
    module = load_motion_module(checkpoint_of(tensors, "a test", "motion_modules"))
    with pytest.raises(ValueError, match="MCDiff Sampler"):
        check_model(model, module)


def test_the_next_frame_is_one_frame(model):
    import comfy.sample
    from motion_i2v.models.host.future_frame import with_step

    positive, negative = with_step(torch.zeros(1, 4, 5, 6), torch.zeros(2, 40, 48))
    latent = torch.zeros(2, 4, 5, 6)
    with pytest.raises(ValueError, match="one frame at a time"):
        comfy.sample.sample(
            model, latent, 2, 1.0, "euler", "normal", positive, negative, latent, disable_pbar=True
        )
