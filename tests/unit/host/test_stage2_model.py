"""Motion-augmented attention on the host's own MODEL, sampler and nodes, with narrow networks."""

from types import SimpleNamespace

import pytest
import torch

from tests import narrow_release
from tests.tolerances import ACCUMULATED, FLOAT32, close

pytestmark = pytest.mark.usefixtures("host_env")

FRAMES, HEIGHT, WIDTH = 3, 8, 12


@pytest.fixture(scope="module")
def nets(host_env):
    """One MODEL and one MOTION_MODULE for all tests: none may leave a trace in them."""
    from motion_i2v.models.files.checkpoints import checkpoint_of
    from motion_i2v.models.host.motion_module import load_motion_module

    tensors = narrow_release.weights("motion_modules")
    module = load_motion_module(checkpoint_of(tensors, "a test", "motion_modules"))
    return SimpleNamespace(model=narrow_model(), module=module)


def narrow_model(dtype=torch.float32):
    from motion_i2v.models.files.checkpoints import checkpoint_of

    from testing.sd15 import load_unet

    checkpoint = checkpoint_of(narrow_release.weights("sd15_unet"), "a test", "sd15_unet")
    return load_unet(checkpoint.take_host_tensors(), dtype)


def make_motion(frames=FRAMES, seed=0, reach=6.0, size=(HEIGHT, WIDTH), **options):
    from motion_i2v.models.host.motion_run import Motion
    from motion_i2v.models.types.motion_field import MotionField

    generator = torch.Generator().manual_seed(seed)
    height, width = size
    flow = reach * torch.randn(frames, 2, 8 * height, 8 * width, generator=generator)
    flow[0] = 0
    reference = torch.randn(1, 4, height, width, generator=generator)
    return Motion(MotionField(flow), reference, **options)


def text(seed=0, frames=1, **values):
    generator = torch.Generator().manual_seed(100 + seed)
    embedding = torch.randn(1, 7, narrow_release.CONTEXT, generator=generator)
    return [[embedding.repeat(frames, 1, 1), values]]


def noise_for(frames, size=(HEIGHT, WIDTH)):
    return torch.randn(frames, 4, *size, generator=torch.Generator().manual_seed(7))


def sample(
    model, frames=FRAMES, sampler="euler", steps=2, cfg=3.0, positive=None, negative=None,
    size=(HEIGHT, WIDTH), **options,
):  # fmt: skip
    """Core sampling, as KSampler does it."""
    import comfy.sample

    return comfy.sample.sample(
        model,
        noise_for(frames, size),
        steps,
        cfg,
        sampler,
        "normal",
        positive or text(0),
        negative or text(1),
        torch.zeros(frames, 4, *size),
        disable_pbar=True,
        seed=1,
        **options,
    )


def applied(nets, motion=None, model=None):
    from motion_i2v.models.host.motion_wrappers import apply_motion

    return apply_motion(model or nets.model, nets.module, motion or make_motion())


def alike(ours, theirs, bound=2e-5):
    assert (ours - theirs).norm() / theirs.norm() < bound


def hooks(model):
    return sum(len(m._forward_hooks) for m in model.model.diffusion_model.modules())


# The user's MODEL is left as it was.


def test_the_model_gives_the_same_bits_before_and_after(nets):
    before = sample(nets.model)
    keys = list(nets.model.model.state_dict())
    moving = sample(applied(nets))
    assert hooks(nets.model) == 0
    assert list(nets.model.model.state_dict()) == keys
    assert torch.equal(sample(nets.model), before)
    assert not torch.equal(moving, before)


class Stop(Exception):
    pass


def test_the_model_is_left_alone_after_an_exception(nets):
    before = sample(nets.model)
    moving = applied(nets)
    calls = []

    def fail(h, options):
        calls.append(options["block"])
        if len(calls) > 15:
            raise Stop
        return h

    moving.set_model_input_block_patch(fail)
    with pytest.raises(Stop):
        sample(moving)
    assert calls[-1] == ("input", 3)
    assert hooks(nets.model) == 0
    assert torch.equal(sample(nets.model), before)


def test_the_model_is_left_alone_after_an_interrupt(nets):
    import comfy.model_management as management

    before = sample(nets.model)
    moved = sample(applied(nets), steps=3)

    def interrupt(step, *_):
        management.interrupt_current_processing(True)

    with pytest.raises(management.InterruptProcessingException):
        sample(applied(nets), steps=3, callback=interrupt)
    assert hooks(nets.model) == 0
    assert torch.equal(sample(nets.model), before)
    assert torch.equal(sample(applied(nets), steps=3), moved)


def test_applying_twice_replaces(nets):
    first, second = make_motion(seed=1), make_motion(seed=2)
    twice = applied(nets, second, applied(nets, first))
    assert len(twice.get_additional_models()) == 1
    assert torch.equal(sample(twice), sample(applied(nets, second)))


def test_two_fields_on_two_clones_do_not_mix(nets):
    one, two = applied(nets, make_motion(seed=1)), applied(nets, make_motion(seed=2))
    first = sample(one)
    second = sample(two)
    assert not torch.equal(first[1:], second[1:])
    assert torch.equal(sample(one.clone()), first)
    assert torch.equal(sample(two), second)


def test_the_field_matters_unless_its_strength_is_0(nets):
    weak = [sample(applied(nets, make_motion(seed=s, warp_strength=0.0)))[1:] for s in (1, 1)]
    assert torch.equal(*weak)
    field = make_motion(seed=2).field

    def with_field(strength):
        from dataclasses import replace

        motion = replace(make_motion(seed=1, warp_strength=strength), field=field)
        return sample(applied(nets, motion))[1:]

    assert torch.equal(with_field(0.0), weak[0])
    assert not torch.equal(with_field(1.0), sample(applied(nets, make_motion(seed=1)))[1:])


def test_without_temporal_layers_each_frame_is_plain_sd(nets):
    motion = make_motion(temporal_strength=0.0)
    moving = sample(applied(nets, motion))
    plain = sample(nets.model)
    assert torch.equal(moving[1:], plain[1:])
    assert torch.equal(moving[0], motion.reference[0])


def test_a_weak_temporal_strength_lies_between(nets):
    plain, half, whole = (
        sample(applied(nets, make_motion(temporal_strength=s)), steps=1)[1:]
        for s in (0.0, 0.01, 1.0)
    )
    assert 0 < (half - plain).norm() < 0.1 * (whole - plain).norm()


# The reference, with every sampler; the brush.


# One of each sort that the host has; the adaptive one takes too long here.
SAMPLERS = (
    *("euler", "euler_ancestral", "euler_cfg_pp", "heun", "dpm_2", "lms", "dpm_fast"),
    *("dpmpp_2s_ancestral", "dpmpp_2m", "dpmpp_3m_sde", "ddpm", "lcm", "deis", "res_multistep"),
    *("er_sde", "sa_solver", "ddim", "uni_pc", "uni_pc_bh2"),
)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_frame_0_is_the_reference_and_the_outside_is_kept(nets, sampler):
    region = torch.zeros(1, 1, HEIGHT, WIDTH)
    region[..., :5] = 1
    motion = make_motion(region=region)
    out = sample(applied(nets, motion), sampler=sampler, steps=3)
    assert torch.isfinite(out).all()
    assert torch.equal(out[0], motion.reference[0])
    assert torch.equal(out[:, :, :, 5:], motion.reference[:, :, :, 5:].expand(FRAMES, -1, -1, -1))
    assert not torch.equal(out[1, :, :, :5], motion.reference[0, :, :, :5])


def test_the_network_sees_the_clean_reference_at_timestep_1(nets):
    from comfy.patcher_extension import WrappersMP

    motion = make_motion()
    moving = applied(nets, motion)
    seen = []

    def spy(executor, x, timesteps, *args, **kwargs):
        seen.append((x.clone(), timesteps.clone()))
        return executor(x, timesteps, *args, **kwargs)

    moving.add_wrapper_with_key(WrappersMP.DIFFUSION_MODEL, "spy", spy)
    sample(moving)
    scaled = nets.model.model.process_latent_in(motion.reference)[0]
    for x, t in seen:
        for chunk, times in zip(x.split(FRAMES), t.split(FRAMES), strict=True):
            close(chunk[0], scaled, FLOAT32)
            assert times[0] == 1
            assert (times[1:] == times[1]).all()
    assert seen[0][1][1] > 900


def test_a_soft_region_follows_the_released_rule(nets):
    """latents = region latents + (1 - region) q(reference) after each step but the last."""
    import comfy.samplers

    region = torch.rand(1, 1, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(3))
    motion = make_motion(region=region, keep_exactly=False)
    ours = sample(applied(nets, motion), steps=4)

    free = applied(nets, make_motion())
    noise = noise_for(FRAMES)
    reference = nets.model.model.process_latent_in(motion.reference)

    def euler(model, x, sigmas, extra_args=None, **_):
        for i in range(len(sigmas) - 1):
            d = (x - model(x, sigmas[i].expand(len(x)), **extra_args)) / sigmas[i]
            x = x + d * (sigmas[i + 1] - sigmas[i])
            if i < len(sigmas) - 2:
                x = region * x + (1 - region) * (reference + sigmas[i + 1] * noise)
        return x

    sigmas = comfy.samplers.KSampler(free, 4, free.load_device, "euler", "normal").sigmas
    theirs = comfy.samplers.sample(
        free, noise, text(0), text(1), 3.0, free.load_device, comfy.samplers.KSAMPLER(euler),
        sigmas, latent_image=torch.zeros_like(noise), seed=1,
    )  # fmt: skip
    alike(ours[1:], theirs[1:])


def thin_brush():
    """6 px wide, between the pixels that a reduction to 1/8 would look at."""
    region = torch.zeros(1, 8 * HEIGHT, 8 * WIDTH)
    region[:, 10:60, 17:23] = 0.5
    return region


def test_a_thin_brush_moves_every_cell_that_it_touches(host_env):
    from motion_i2v.models.host.stage2_sampling import make_motion as checked

    given = make_motion()
    kept = checked(given.field, given.reference, thin_brush()).region
    expected = torch.zeros(1, 1, HEIGHT, WIDTH)
    expected[..., 1:8, 2] = 0.5
    assert torch.equal(kept, expected)


def test_a_brush_that_the_released_rule_loses_is_an_error(host_env):
    from motion_i2v.models.host.stage2_sampling import make_motion as checked

    given = make_motion()
    with pytest.raises(ValueError, match="grow the brush"):
        checked(given.field, given.reference, thin_brush(), keep_exactly=False)
    wide = thin_brush()
    wide[:, :, 24] = 1
    kept = checked(given.field, given.reference, wide, keep_exactly=False).region
    assert torch.equal(kept[0, 0], wide[0, ::8, ::8])


def test_sampling_in_two_halves_is_sampling_at_once(nets):
    import comfy.sample

    region = torch.zeros(1, 1, HEIGHT, WIDTH)
    region[..., :5] = 1
    moving = applied(nets, make_motion(region=region))
    whole = sample(moving, steps=4)
    first = sample(moving, steps=4, last_step=2, force_full_denoise=False)
    second = comfy.sample.sample(
        moving, torch.zeros_like(first), 4, 3.0, "euler", "normal", text(0), text(1), first,
        disable_noise=True, start_step=2, disable_pbar=True, seed=1,
    )  # fmt: skip
    alike(second, whole, 1e-4)


def test_one_frame_is_the_reference(nets):
    motion = make_motion(frames=1)
    out = sample(applied(nets, motion), frames=1)
    assert torch.equal(out, motion.reference)


def test_displacements_far_outside_are_dropped(nets):
    assert torch.isfinite(sample(applied(nets, make_motion(reach=1e5)))).all()


# Other parts of the host.


def test_a_batch_may_be_split(nets, monkeypatch):
    together = sample(applied(nets))
    calls = []
    inner = type(nets.model.model).apply_model

    def count(self, x, *args, **kwargs):
        calls.append(len(x))
        return inner(self, x, *args, **kwargs)

    monkeypatch.setattr(type(nets.model.model), "apply_model", count)
    monkeypatch.setattr(type(nets.model.model), "memory_required", lambda *a, **k: 1 << 60)
    alike(sample(applied(nets)), together)
    assert set(calls) == {FRAMES}


def test_without_guidance(nets):
    out = sample(applied(nets), cfg=1.0)
    assert torch.isfinite(out).all()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lora_works_before_and_after(nets, when):
    key = "diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight"
    delta = {key: (torch.randn(32, 32, generator=torch.Generator().manual_seed(5)),)}
    if when == "before":
        patched = nets.model.clone()
        assert patched.add_patches(delta) == [key]
        moving = applied(nets, model=patched)
    else:
        moving = applied(nets).clone()
        assert moving.add_patches(delta) == [key]
    out = sample(moving)
    assert not torch.equal(out, sample(applied(nets)))
    direct = nets.model.clone()
    direct.add_patches(delta)
    assert torch.equal(out, sample(applied(nets, model=direct)))


def narrow_control(seed=0):
    """A core ControlNet for pictures, of the narrow UNet's widths."""
    import comfy.cldm.cldm
    import comfy.controlnet
    import comfy.ops

    from testing.sd15 import unet_config

    config = {**unet_config(narrow_model().model.diffusion_model.state_dict()), "num_heads": 8}
    del config["out_channels"]
    torch.manual_seed(seed)
    net = comfy.cldm.cldm.ControlNet(
        hint_channels=3, operations=comfy.ops.disable_weight_init, **config
    )
    for parameter in net.parameters():
        fan = parameter[0].numel() if parameter.ndim > 1 else 100
        parameter.data = torch.randn_like(parameter) / fan**0.5
    net.requires_grad_(False)
    return comfy.controlnet.ControlNet(net, load_device=torch.device("cpu"))


def controlled(pictures, strength=1.0):
    control = narrow_control().copy().set_cond_hint(pictures, strength, (0.0, 1.0))
    values = {"control": control, "control_apply_to_uncond": True}
    return {"positive": text(0, **values), "negative": text(1)}


def test_a_core_controlnet(nets):
    pictures = torch.rand(FRAMES, 3, 8 * HEIGHT, 8 * WIDTH)
    free = sample(applied(nets))
    out = sample(applied(nets), **controlled(pictures))
    assert torch.isfinite(out).all()
    assert (out[1:] - free[1:]).norm() / free[1:].norm() > 1e-3
    alike(sample(applied(nets), **controlled(pictures, 0.0)), free, 1e-6)


def looks_of(control):
    """What the ControlNet's network is given: latents and timesteps of each call."""
    seen = []
    control.control_model.register_forward_pre_hook(
        lambda _, __, given: seen.append((given["x"].clone(), given["timesteps"].clone())),
        with_kwargs=True,
    )
    return seen


@pytest.mark.parametrize("frames", [FRAMES, 24])
def test_a_core_controlnet_sees_the_clean_reference_at_timestep_1(nets, frames):
    given = controlled(torch.rand(1, 3, 8 * HEIGHT, 8 * WIDTH))
    control = given["positive"][0][1]["control"]
    seen = looks_of(control)
    motion = make_motion(frames)
    sample(applied(nets, motion), frames, steps=2, **given)
    scaled = nets.model.model.process_latent_in(motion.reference)[0]
    clip = min(frames, 16)
    assert len(seen) == 2 * (1 if frames == clip else 2)
    for x, t in seen:
        assert len(x) == 2 * clip
        for chunk, times in zip(x.split(clip), t.split(clip), strict=True):
            close(chunk[0], scaled, ACCUMULATED)
            assert times[0] == 1
            assert (times[1:] == times[1]).all()
    assert seen[0][1][1] > 900
    assert control.model_sampling_current is None


def test_a_core_controlnet_for_a_part_sees_its_part_of_the_reference(nets):
    given = controlled(torch.rand(1, 3, 8 * HEIGHT, 8 * WIDTH))
    given["positive"][0][1]["area"] = (4, 6, 2, 4)
    seen = looks_of(given["positive"][0][1]["control"])
    motion = make_motion()
    sample(applied(nets, motion), steps=1, positive=given["positive"] + text(2))
    scaled = nets.model.model.process_latent_in(motion.reference)[0]
    close(seen[0][0][0], scaled[:, 2:6, 4:10], ACCUMULATED)


@pytest.mark.parametrize(("percent", "calls"), [((0.0, 0.5), 2), ((0.5, 1.0), 2), ((0.0, 1.0), 4)])
def test_a_core_controlnet_begins_and_ends_where_it_should(nets, percent, calls):
    given = controlled(torch.rand(1, 3, 8 * HEIGHT, 8 * WIDTH))
    control = given["positive"][0][1]["control"]
    control.timestep_percent_range = percent
    seen = looks_of(control)
    sample(applied(nets), steps=4, **given)
    assert len(seen) == calls


def patched_by(name, model):
    """The core's own nodes."""
    if name == "FreeU":
        from comfy_extras.nodes_freelunch import FreeU_V2

        return FreeU_V2().patch(model, 1.3, 1.4, 0.9, 0.2)[0]
    if name == "PAG":
        from comfy_extras.nodes_pag import PerturbedAttentionGuidance

        return PerturbedAttentionGuidance.execute(model, 3.0).result[0]
    from comfy_extras.nodes_sag import SelfAttentionGuidance

    return SelfAttentionGuidance.execute(model, 0.5, 2.0).result[0]


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("name", ["FreeU", "PAG", "SAG"])
def test_with_other_patches(nets, name, order):
    # The core's SAG fails for smaller pictures, with a motion or without.
    motion = make_motion(size=(16, 16))
    if order == "before":
        moving = applied(nets, motion, patched_by(name, nets.model))
    else:
        moving = patched_by(name, applied(nets, motion))
    out = sample(moving, size=(16, 16))
    assert torch.isfinite(out).all()
    assert torch.equal(out[0], motion.reference[0])
    assert not torch.equal(out, sample(applied(nets, motion), size=(16, 16)))


def test_with_rescaled_guidance(nets):
    moving = applied(nets)

    def rescale(args):
        cond, uncond = args["cond"], args["uncond"]
        mixed = uncond + args["cond_scale"] * (cond - uncond)
        axes = (1, 2, 3)
        return mixed * cond.std(axes, keepdim=True) / mixed.std(axes, keepdim=True)

    moving.set_model_sampler_cfg_function(rescale)
    assert torch.isfinite(sample(moving)).all()


def test_an_area_of_the_whole_picture_changes_nothing(nets):
    area = (HEIGHT, WIDTH, 0, 0)
    whole = sample(applied(nets), positive=text(0, area=area), negative=text(1, area=area))
    alike(whole, sample(applied(nets)))


def test_area_prompts_see_their_part(nets):
    from comfy.patcher_extension import WrappersMP
    from motion_i2v.models.host.motion_wrappers import AREAS

    left = text(2, area=(HEIGHT, 8, 0, 0))
    right = text(3, area=(HEIGHT, 8, 0, 4))
    motion = make_motion()
    moving = applied(nets, motion)
    scaled = nets.model.model.process_latent_in(motion.reference)[0]
    seen = set()

    def spy(executor, x, timesteps, context, y, control, options, **kwargs):
        for clip, area in zip(x.split(FRAMES), options[AREAS], strict=True):
            top, start, height, width = area
            part = scaled[:, top : top + height, start : start + width]
            close(clip[0], part, FLOAT32)
            seen.add(area)
        return executor(x, timesteps, context, y, control, options, **kwargs)

    moving.add_wrapper_with_key(WrappersMP.DIFFUSION_MODEL, "spy", spy)
    out = sample(moving, positive=text(0) + left + right)
    assert seen == {(0, 0, HEIGHT, WIDTH), (0, 0, HEIGHT, 8), (0, 4, HEIGHT, 8)}
    assert torch.isfinite(out).all()
    assert torch.equal(out[0], motion.reference[0])


def test_the_warp_of_a_part_is_that_of_a_smaller_picture(nets):
    from motion_i2v.models.host.motion_run import MotionRun

    motion = make_motion()
    run = MotionRun(motion, motion.reference)
    part = run.warp(tuple(range(FRAMES)), (2, 4, 4, 6), (4, 6), torch.device("cpu"))
    from dataclasses import replace

    from motion_i2v.models.types.motion_field import MotionField

    cut = replace(
        motion,
        field=MotionField(motion.field.flow[:, :, 16:48, 32:80]),
        reference=motion.reference[:, :, 2:6, 4:10],
    )
    small = MotionRun(cut, cut.reference)
    whole = small.warp(tuple(range(FRAMES)), small.whole, (4, 6), torch.device("cpu"))
    assert torch.equal(part.value, whole.value)
    assert torch.equal(part.column, whole.column)


def test_per_frame_prompts(nets):
    same = sample(applied(nets), positive=text(0, frames=FRAMES))
    alike(same, sample(applied(nets)))


# More frames than the modules know.


LONG = 24


@pytest.fixture
def batches(nets, monkeypatch):
    """How many frames the network was given in each call."""
    sizes = []
    inner = type(nets.model.model)._apply_model

    def count(self, x, *args, **kwargs):
        sizes.append(len(x))
        return inner(self, x, *args, **kwargs)

    monkeypatch.setattr(type(nets.model.model), "_apply_model", count)
    return sizes


def test_long_clips_are_sampled_in_windows(nets, batches):
    motion = make_motion(LONG)
    out = sample(applied(nets, motion), LONG, steps=1)
    assert torch.isfinite(out).all()
    assert torch.equal(out[0], motion.reference[0])
    assert set(batches) == {32}
    assert len(batches) == 2


def test_windows_equal_clips_of_their_own(nets):
    from dataclasses import replace

    from motion_i2v.models.networks.clip_windows import blend_weights, windows
    from motion_i2v.models.types.motion_field import MotionField

    motion = make_motion(LONG)
    out = sample(applied(nets, motion), LONG, steps=1)
    total, weights = torch.zeros_like(out), torch.zeros(LONG, 1, 1, 1)
    import comfy.sample

    for part in windows(LONG):
        clip = replace(motion, field=MotionField(motion.field.flow[part]))
        alone = comfy.sample.sample(
            applied(nets, clip), noise_for(LONG)[part], 1, 3.0, "euler", "normal", text(0),
            text(1), torch.zeros(16, 4, HEIGHT, WIDTH), disable_pbar=True, seed=1,
        )  # fmt: skip
        weight = blend_weights(part).view(-1, 1, 1, 1)
        total[part] += weight * alone
        weights[part] += weight
    alike(out, total / weights)


def test_at_16_frames_there_are_no_windows(nets, batches):
    first = sample(applied(nets, make_motion(16, overlap=0)), 16, steps=1)
    second = sample(applied(nets, make_motion(16, overlap=14)), 16, steps=1)
    assert torch.equal(first, second)
    assert batches == [32, 32]


def test_windows_cut_prompts_and_control_pictures(nets):
    same = sample(applied(nets, make_motion(LONG)), LONG, steps=1, positive=text(0, frames=LONG))
    alike(same, sample(applied(nets, make_motion(LONG)), LONG, steps=1))
    one = torch.rand(1, 3, 8 * HEIGHT, 8 * WIDTH)
    many = controlled(one.repeat(LONG, 1, 1, 1))
    moving = applied(nets, make_motion(LONG))
    alike(sample(moving, LONG, steps=1, **many), sample(moving, LONG, steps=1, **controlled(one)))


def test_a_control_picture_belongs_to_its_frame(nets):
    pictures = torch.rand(LONG, 3, 8 * HEIGHT, 8 * WIDTH)
    changed = pictures.clone()
    changed[20] = 0
    moving = applied(nets, make_motion(LONG, temporal_strength=0.0))
    first = sample(moving, LONG, steps=1, **controlled(pictures))
    second = sample(moving, LONG, steps=1, **controlled(changed))
    differing = (first - second).abs().amax(dim=(1, 2, 3)).nonzero().flatten().tolist()
    assert differing == [20]


# What cannot work says why.


def with_sampling(nets, name):
    """The MODEL as the core's ModelSampling nodes set it."""
    import comfy.model_sampling as host

    class Distilled(host.ModelSamplingDiscrete):
        def timestep(self, sigma):
            return super().timestep(sigma) * 20 + 19

    class LCM(host.EPS):
        def calculate_denoised(self, sigma, model_output, model_input):
            return super().calculate_denoised(sigma, model_output, model_input) * 0.5

    bases = {
        "eps": (host.ModelSamplingDiscrete, host.EPS),
        "v_prediction": (host.ModelSamplingDiscrete, host.V_PREDICTION),
        "lcm": (Distilled, LCM),
        "distilled eps": (Distilled, host.EPS),
        "x0": (host.ModelSamplingDiscrete, host.X0),
        "edm": (host.ModelSamplingContinuousEDM, host.EDM),
        "continuous v": (host.ModelSamplingContinuousV, host.V_PREDICTION),
    }
    clone = nets.model.clone()
    sampling = type("ModelSamplingAdvanced", bases[name], {})(nets.model.model.model_config)
    clone.add_object_patch("model_sampling", sampling)
    return clone


@pytest.mark.parametrize("name", ["lcm", "distilled eps", "x0", "edm", "continuous v"])
def test_a_trained_schedule_does_not_replace_another_sampling(nets, name):
    from motion_i2v.models.host import stage2_sampling

    given = with_sampling(nets, name)
    for schedule in (stage2_sampling.TRAINED, stage2_sampling.ZERO_SNR):
        with pytest.raises(ValueError, match="Set 'schedule' to 'the model's own'"):
            stage2_sampling.with_schedule(given, schedule)
    assert stage2_sampling.with_schedule(given, stage2_sampling.OWN) is given


@pytest.mark.parametrize("name", ["eps", "v_prediction"])
def test_a_trained_schedule_keeps_what_is_predicted(nets, name):
    import comfy.model_sampling
    from motion_i2v.models.host.stage2_sampling import with_schedule

    twice = with_schedule(with_schedule(with_sampling(nets, name)))
    sampling = twice.get_model_object("model_sampling")
    assert isinstance(sampling, comfy.model_sampling.V_PREDICTION) == (name == "v_prediction")


@pytest.mark.parametrize(("frames", "count"), [(FRAMES, 2), (FRAMES, 5), (LONG, 16), (LONG, 15)])
def test_what_is_not_there_for_each_frame_is_refused(nets, frames, count):
    moving = applied(nets, make_motion(frames))
    fitting = f"the clip has {frames} frames: give 1 or {frames}"
    pictures = controlled(torch.rand(count, 3, 8 * HEIGHT, 8 * WIDTH))
    with pytest.raises(ValueError, match=f"{count} control pictures, but {fitting}"):
        sample(moving, frames, steps=1, **pictures)
    with pytest.raises(ValueError, match=f"{count} prompts, but {fitting}"):
        sample(moving, frames, steps=1, positive=text(0, count))


def test_flow_matching_schedules_are_refused(nets):
    import comfy.model_sampling

    class Flow(comfy.model_sampling.ModelSamplingDiscreteFlow, comfy.model_sampling.CONST):
        pass

    late = applied(nets)
    late.add_object_patch("model_sampling", Flow())
    with pytest.raises(ValueError, match="flow-matching"):
        sample(late)
    with pytest.raises(ValueError, match="flow-matching"):
        applied(nets, model=late)


def test_core_context_windows_are_refused(nets):
    other = nets.model.clone()
    other.model_options["context_handler"] = object()
    with pytest.raises(ValueError, match="core Context Windows"):
        applied(nets, model=other)
    late = applied(nets)
    late.model_options["context_handler"] = object()
    with pytest.raises(ValueError, match="core Context Windows"):
        sample(late)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"in_channels": 9}, "9"),
        ({"adm_in_channels": 2816}, "SD 1.5 model"),
        ({"context_dim": 1024}, "SD 1.5 model"),
    ],
)
def test_other_models_are_refused(nets, change, words):
    fake = nets.model.clone()
    config = {**nets.model.model.model_config.unet_config, **change}
    fake.model = SimpleNamespace(
        diffusion_model=nets.model.model.diffusion_model,
        model_config=SimpleNamespace(unet_config=config),
    )
    with pytest.raises(ValueError, match=words):
        applied(nets, model=fake)


def test_modules_of_other_widths_are_refused(nets):
    from motion_i2v.models.files import layout
    from motion_i2v.models.files.checkpoints import checkpoint_of
    from motion_i2v.models.files.network_shapes import UNetShape
    from motion_i2v.models.host.motion_module import load_motion_module

    entries = layout.entries(UNetShape("motion_modules", (32, 32, 32, 64)))
    tensors = {entry.name: torch.zeros(entry.shape) for entry in entries}
    module = load_motion_module(checkpoint_of(tensors, "other.bin", "motion_modules"))
    with pytest.raises(ValueError, match=r"other.bin are for a UNet of widths \[32, 32, 32, 64\]"):
        applied(SimpleNamespace(model=nets.model, module=module))


def test_another_number_of_frames_is_an_error(nets):
    with pytest.raises(ValueError, match=r"7 frames of 12x8 .* 3 frames of 12x8"):
        sample(applied(nets), frames=7)


def test_half_precision(nets):
    half = narrow_model(torch.bfloat16)
    out = sample(applied(nets, model=half))
    assert torch.isfinite(out).all()
    assert (out - sample(applied(nets))).norm() / out.norm() < 0.1


# It starts from a warped clip.


def test_a_warped_clip_leads_it(nets):
    """What is held follows the clip, frame 0 stays the reference, and the rest is the model's."""
    import comfy.sample
    from comfy.samplers import calculate_sigmas, sampler_object
    from motion_i2v.models.host.directed import directed_by
    from motion_i2v.models.host.dual_clock import TimeToMove

    motion = make_motion()
    moving = applied(nets, motion)
    clip = noise_for(FRAMES).flip(0)
    mask = torch.zeros(FRAMES, 8 * HEIGHT, 8 * WIDTH)
    mask[..., :32] = 1
    sampler = TimeToMove(sampler_object("euler"), directed_by(moving, clip, mask, 0.25, 1))
    sigmas = calculate_sigmas(moving.get_model_object("model_sampling"), "normal", 4)
    video = comfy.sample.sample_custom(
        moving, noise_for(FRAMES), 3.0, sampler, sigmas, text(0), text(1), clip, disable_pbar=True
    )
    assert torch.equal(video[0], motion.reference[0])
    assert (video - clip)[1:, ..., :4].abs().max() < 1e-4
    assert (video - clip)[1:, ..., 4:].abs().mean() > 0.1
