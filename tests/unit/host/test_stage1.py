"""Stage 1 on the host's own classes, in this process, on narrow networks."""

# ruff: noqa: E402 (the host must be on the path before anything of it is imported)

from dataclasses import replace

import pytest
import torch

from testing.comfyui import load_host
from tests.narrow_release import WIDTHS, weights
from tests.tolerances import RELATIVE, REORDERED, SAMPLED, Tolerance, close

load_host()

import comfy.controlnet
import comfy.model_management
import comfy.samplers
from motion_i2v.models.fields.strides import parse_strides
from motion_i2v.models.files.checkpoints import checkpoint_of
from motion_i2v.models.host import loading
from motion_i2v.models.host.apply_control import apply_control
from motion_i2v.models.host.features import frame_window
from motion_i2v.models.host.hints import FieldHint, TrackHint
from motion_i2v.models.host.sampling import Settings, ddim_leading_sigmas, schedule
from motion_i2v.models.host.stage1_clip import Stage1Clip
from motion_i2v.models.host.stage1_sampling import (
    decode_field,
    encode_field,
    sample_flow,
    with_clip,
)
from motion_i2v.models.host.stage1_windows import MotionWindows, slide_windows, window_frames
from motion_i2v.models.types.motion_field import MotionField
from motion_i2v.models.types.view import fit

SIZE = (56, 40)
"""A latent of 7 x 5, which does not halve evenly."""


@pytest.fixture(autouse=True)
def _as_the_host_runs():
    with torch.inference_mode():
        yield


def load(kind, dtype=None):
    loader = {
        "stage1_unet": loading.load_motion_field_model,
        "stage1_controlnet": loading.load_trajectory_control,
        "flow_vae": loading.load_flow_vae,
    }[kind]
    return loader(checkpoint_of(weights(kind), kind, kind), dtype)


@pytest.fixture(scope="module")
def model():
    return load("stage1_unet")


@pytest.fixture(scope="module")
def control():
    return load("stage1_controlnet")


@pytest.fixture(scope="module")
def vae():
    return load("flow_vae")


def clip(frames=4, size=SIZE):
    generator = torch.Generator().manual_seed(3)
    reference = torch.randn(1, 4, size[1] // 8, size[0] // 8, generator=generator)
    return Stage1Clip(reference, parse_strides("8", frames), fit(size, 0, 0, crop=False))


def texts(given=None):
    generator = torch.Generator().manual_seed(4)
    made = [[[torch.randn(1, 7, 48, generator=generator), {}]] for _ in range(2)]
    shared = given or clip()
    return [with_clip(text, shared) for text in made]


def tracks(frames=4, size=SIZE):
    path = torch.linspace(0, 10, frames)
    points = torch.stack([20 + path, 20 - path], dim=-1)[:, None]
    return {
        "track_path": points,
        "track_visibility": torch.ones(frames, 1, dtype=torch.bool),
        "size": size,
    }


def hint(vae, frames=4, region=None):
    return TrackHint(tracks(frames), vae, 6, region)


QUICK = Settings(steps=2, cfg=5.0, seed=1)


def test_every_weight_can_be_offloaded_layer_by_layer(model, control):
    """The host's low-VRAM loading works on layers that cast their own weights."""
    for net in (model.model.diffusion_model, control.control_model):
        for name, module in net.named_modules():
            if list(module.parameters(recurse=False)):
                assert hasattr(module, "comfy_cast_weights"), name


def test_lora_keys_reach_every_layer(model):
    import comfy.lora

    keys = comfy.lora.model_lora_keys_unet(model.model, {})
    assert "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q" in keys
    assert keys["lora_unet_up_blocks_0_upsamplers_0_conv"] == (
        "diffusion_model.output_blocks.2.1.conv.weight"
    )


def test_a_lora_changes_the_result_and_the_original_stays(model):
    before = sample_flow(model, *texts(), QUICK)
    key = "diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight"
    patched = model.clone()
    patched.add_patches({key: ("diff", (torch.ones(WIDTHS[0], WIDTHS[0]),))})
    assert not torch.equal(sample_flow(patched, *texts(), QUICK), before)
    assert torch.equal(sample_flow(model, *texts(), QUICK), before)


def spied(monkeypatch, target, name, seen):
    """Calls of a method, with what `seen` makes of their arguments collected."""
    collected, real = [], getattr(target, name)

    def spy(self, x, *args, **kwargs):
        collected.append(seen(x, kwargs))
        return real(self, x, *args, **kwargs)

    monkeypatch.setattr(target, name, spy)
    return collected


def test_guidance_in_one_batch_equals_halves_apart(model, control, vae, monkeypatch):
    positive, negative = apply_control(*texts(), control, hint(vae), 1.0, (0, 1))
    sizes = spied(monkeypatch, type(model.model), "apply_model", lambda x, _: x.shape[0])
    together = sample_flow(model, positive, negative, QUICK)
    assert set(sizes) == {6}
    sizes.clear()
    monkeypatch.setattr(comfy.samplers, "can_concat_cond", lambda a, b: a is b)
    apart = sample_flow(model, positive, negative, QUICK)
    assert set(sizes) == {3}
    close(apart, together, SAMPLED)


def test_strength_0_is_exactly_no_control(model, control, vae):
    free = sample_flow(model, *texts(), QUICK)
    zero = apply_control(*texts(), control, hint(vae), 0.0, (0, 1))
    assert torch.equal(sample_flow(model, *zero, QUICK), free)
    whole = apply_control(*texts(), control, hint(vae), 1.0, (0, 1))
    assert not torch.equal(sample_flow(model, *whole, QUICK), free)


def test_strength_scales_the_residuals(model, control, vae):
    outs = {}
    for strength in (1.0, 0.5):
        one = control.with_hint(hint(vae), strength, (0, 1))
        one.pre_run(model.model, lambda percent: 999.0 * (1 - percent))
        given = clip()
        latents = torch.randn(3, 4, 5, 7, generator=torch.Generator().manual_seed(0))
        cond = {
            "c_concat": given.reference.expand(3, -1, -1, -1),
            "y": model.model.encode_adm(motion_clip=given, device="cpu"),
            "c_crossattn": torch.zeros(3, 7, 48),
            "motion_clip": given,
        }
        outs[strength] = one.get_control(latents, torch.full((3,), 1.0), cond, 1, {})
    for whole, half in zip(outs[1.0]["output"], outs[0.5]["output"], strict=True):
        assert torch.equal(whole * 0.5, half)


def test_two_controls_add_their_residuals(model, control, vae):
    """Two at half strength are one at full strength."""
    once = apply_control(*texts(), control, hint(vae), 1.0, (0, 1))
    twice = apply_control(*texts(), control, hint(vae), 0.5, (0, 1))
    twice = apply_control(*twice, control, hint(vae), 0.5, (0, 1))
    close(sample_flow(model, *twice, QUICK), sample_flow(model, *once, QUICK), REORDERED)


def test_an_empty_region_means_everything(vae):
    free = hint(vae)(clip())
    assert torch.equal(hint(vae, region=torch.zeros(40, 56))(clip()), free)
    half = torch.ones(40, 56)
    half[:, 28:] = 0
    mask = hint(vae, region=half)(clip())[:, 4]
    assert mask[:, :, 4:].min() == 1
    assert mask[:, 0, 0].max() == 0


def test_a_field_hint_equals_the_tracks_it_was_made_of(vae):
    flow = torch.zeros(4, 2, SIZE[1], SIZE[0])
    known = torch.zeros(SIZE[1], SIZE[0])
    known[14:26, 14:26] = 1
    path = torch.linspace(0, 10, 4)
    flow[:, 0], flow[:, 1] = path[:, None, None], -path[:, None, None]
    made = FieldHint(MotionField(flow), vae, known)(clip())
    torch.testing.assert_close(made, hint(vae)(clip()))


def test_core_tracks_without_a_size_belong_to_the_picture(vae):
    plain = {key: value for key, value in tracks().items() if key != "size"}
    assert torch.equal(TrackHint(plain, vae, 6)(clip()), hint(vae)(clip()))


def test_15_predicted_frames_are_bit_equal_with_and_without_windows(model):
    given = clip(16, (24, 16))
    plain = model.clone()
    del plain.model_options["context_handler"]
    plain.wrappers.clear()
    assert torch.equal(
        sample_flow(plain, *texts(given), QUICK), sample_flow(model, *texts(given), QUICK)
    )


def test_64_frames_never_hold_more_than_a_window(model, control, vae, monkeypatch):
    """And every window brings its own strides and its own part of the hint."""
    given = clip(65, (24, 16))
    positive, negative = apply_control(*texts(given), control, hint(vae, 65), 1.0, (0, 1))
    strides = spied(monkeypatch, type(model.model), "apply_model", lambda x, k: k["y"])
    hints = []
    watched = control.control_model.input_hint_block.register_forward_pre_hook(
        lambda _, inputs: hints.append(inputs[0].clone())
    )
    out = sample_flow(model, positive, negative, Settings(steps=1, cfg=5.0))
    watched.remove()
    assert out.shape[0] == 64
    assert torch.isfinite(out).all()
    assert all(y.shape[0] == 30 for y in strides)
    assert len({tuple(y[0].tolist()) for y in strides}) == len(strides) > 4
    whole = hint(vae, 65)(given)
    for frames, seen in zip(MotionWindows().windows(64), hints, strict=True):
        assert torch.equal(seen[:15], whole[frames])
        assert torch.equal(seen[15:], whole[frames])


@pytest.mark.parametrize("size", [(24, 16), SIZE, (64, 64)])
@pytest.mark.parametrize("frames", [17, 24, 40])
def test_a_window_is_a_clip_of_its_own(model, frames, size):
    """Euler's one step to sigma 0 is the prediction: that of each window, blended."""
    given = clip(frames, size)
    settings = Settings(steps=1, cfg=5.0)
    generator = torch.Generator().manual_seed(5)
    noise = torch.randn(frames - 1, 4, size[1] // 8, size[0] // 8, generator=generator)
    long = sample_flow(model, *texts(given), settings, noise=noise)
    total, weights = torch.zeros_like(long), torch.zeros(len(long), 1, 1, 1)
    starts = {17: [0, 1], 24: [0, 8], 40: [0, 10, 20, 24]}[frames]
    for start in starts:
        part = slice(start, start + 15)
        alone = replace(given, strides=given.strides[part])
        weight = torch.tensor([1, 2, 3, 4, 5, 6, 7, 8, 7, 6, 5, 4, 3, 2, 1.0]).view(-1, 1, 1, 1)
        total[part] += weight * sample_flow(model, *texts(alone), settings, noise=noise[part])
        weights[part] += weight
    close(long, total / weights, REORDERED)


@pytest.mark.parametrize("frames", [4, 21])
def test_prompts_are_one_or_one_a_predicted_frame(model, frames):
    given = clip(frames, (24, 16))
    positive, negative = texts(given)
    positive[0][0] = positive[0][0].repeat(frames, 1, 1)
    fitting = f"has {frames - 1} predicted frames .*: give 1 or {frames - 1}"
    with pytest.raises(ValueError, match=f"{frames} prompts, but the clip {fitting}"):
        sample_flow(model, positive, negative, QUICK)


class CoreControl(comfy.controlnet.ControlBase):
    """As a core ControlNet; notes which pictures it is asked for, and does nothing."""

    def __init__(self, pictures, seen):
        super().__init__()
        self.set_cond_hint(pictures)
        self.seen = seen

    def get_control(self, *_):
        self.seen.append(self.cond_hint_original.flatten().tolist())


def test_the_pictures_of_core_controlnets_slide_along(model):
    frames = 21
    positive, negative = texts(clip(frames, (24, 16)))
    seen = []
    pictures = torch.arange(frames - 1.0).view(-1, 1, 1, 1)
    positive[0][1]["control"] = CoreControl(pictures, seen)
    positive[0][1]["control_apply_to_uncond"] = True
    sample_flow(model, positive, negative, Settings(steps=1, cfg=5.0))
    assert {*map(tuple, seen)} == {*map(tuple, MotionWindows().windows(frames - 1))}
    positive[0][1]["control"] = CoreControl(pictures[:15], seen)
    with pytest.raises(ValueError, match="15 control pictures, but the clip has 20 predicted"):
        sample_flow(model, positive, negative, Settings(steps=1, cfg=5.0))


def test_windows_cover_every_frame_and_tell_which():
    windows = MotionWindows(overlap=5)
    made = windows.windows(40)
    assert sorted({frame for window in made for frame in window}) == list(range(40))
    assert all(len(window) == 15 for window in made)
    assert window_frames({"context_window": frame_window(made[1], 40)}, 15, 40) == made[1]
    assert window_frames({}, 40, 40) == list(range(40))
    with pytest.raises(ValueError, match="works on 39 frames, but the control is for 40"):
        window_frames({}, 39, 40)


@pytest.mark.parametrize("own", [5, 9])
@pytest.mark.parametrize("wanted", [None, 2])
def test_the_conditioning_may_want_another_overlap(model, own, wanted):
    clone = model.clone()
    slide_windows(clone, MotionWindows(overlap=own))
    seen = []
    positive, negative = texts(replace(clip(21, (24, 16)), overlap=wanted))
    positive[0][1]["control"] = CoreControl(torch.arange(20.0).view(-1, 1, 1, 1), seen)
    positive[0][1]["control_apply_to_uncond"] = True
    sample_flow(clone, positive, negative, Settings(steps=1, cfg=5.0))
    made = MotionWindows(overlap=own if wanted is None else wanted).windows(20)
    assert {*map(tuple, seen)} == {*map(tuple, made)}


@pytest.mark.parametrize("overlap", [-1, 15])
def test_impossible_overlaps(overlap):
    with pytest.raises(ValueError, match=r"overlap must be 0\.\.14"):
        MotionWindows(overlap=overlap)


def test_ddim_leading_is_the_released_schedule(model):
    sampling = model.get_model_object("model_sampling")
    sigmas = ddim_leading_sigmas(sampling, 25)
    expected = [sampling.sigma(torch.tensor(float(t))).item() for t in range(961, 0, -40)]
    assert sigmas.tolist() == pytest.approx([*expected, 0.0])
    alpha = (1 - torch.linspace(0.00085, 0.012, 1000, dtype=torch.float64)).prod()
    close(sampling.sigma_max.item(), ((1 - alpha) / alpha).sqrt().item(), RELATIVE)


@pytest.mark.parametrize(
    ("steps", "denoise", "words"),
    [(0, 1.0, "DDIM leading has"), (600, 0.5, "1200 timesteps"), (1, 1e-313, "1000000000 timest")],
)
def test_impossible_schedules(model, steps, denoise, words):
    with pytest.raises(ValueError, match=words):
        schedule(model, Settings(steps, denoise=denoise))


def test_a_continuous_schedule_is_sent_to_a_core_scheduler(model):
    from comfy_extras.nodes_model_advanced import ModelSamplingContinuousEDM

    (continuous,) = ModelSamplingContinuousEDM().patch(model, "eps", 120.0, 0.002)
    with pytest.raises(ValueError, match=r"ModelSamplingContinuous.* is continuous.*'normal'"):
        schedule(continuous, Settings())
    assert len(schedule(continuous, Settings(steps=3, scheduler="normal"))[1]) == 4


def test_denoise_keeps_a_given_motion(model, vae):
    flow = torch.zeros(4, 2, SIZE[1], SIZE[0])
    flow[1:, 0] = 5
    latent = encode_field(vae, MotionField(flow), clip().view)
    assert torch.equal(sample_flow(model, *texts(), Settings(denoise=0.0), latent), latent)
    little = sample_flow(model, *texts(), Settings(steps=2, denoise=0.02, cfg=1.0), latent)
    much = sample_flow(model, *texts(), Settings(steps=2, denoise=0.9, cfg=1.0), latent)
    assert (little - latent).norm() < (much - latent).norm()


def field_sampled(model, flow_vae, **inputs):
    from motion_i2v.nodes.stage1_sampler import MotionI2VMotionFieldSampler

    class PictureVAE:
        def encode(self, picture):
            return picture[:, ::8, ::8, :1].movedim(-1, 1).expand(-1, 4, -1, -1)

    settings = {"frames": 4, "stride": "8", "width": 0, "height": 0, "fit": "stretch", "seed": 1}
    settings |= {"steps": 2, "cfg": 1.0, "sampler_name": "euler", "scheduler": "DDIM leading"}
    settings |= {"window_overlap": -1}
    picture = torch.rand(1, 40, 56, 3, generator=torch.Generator().manual_seed(5))
    settings |= {"picture": picture, "vae": PictureVAE(), "flow_vae": flow_vae}
    positive, negative = texts()
    return MotionI2VMotionFieldSampler.execute(
        model, positive, negative, **{**settings, **inputs}
    ).result[1]["samples"]


def test_an_initial_field_counts_only_below_denoise_1(model, vae):
    given = MotionField(torch.zeros(4, 2, 40, 56) + torch.arange(4)[:, None, None, None] * 9.0)
    plain = field_sampled(model, vae, denoise=1.0)
    assert torch.equal(field_sampled(model, vae, denoise=1.0, initial_field=given), plain)
    assert not torch.equal(field_sampled(model, vae, denoise=0.9, initial_field=given), plain)
    short = MotionField(torch.zeros(3, 2, 40, 56))
    with pytest.raises(ValueError, match="initial field"):
        field_sampled(model, vae, denoise=1.0, initial_field=short)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_near(model, control, vae, dtype):
    """Weights at half precision; one call, since many amplify what random weights amplify."""
    settings = Settings(steps=1, cfg=1.0, seed=1)
    exact = sample_flow(model, *apply_control(*texts(), control, hint(vae), 1.0, (0, 1)), settings)
    half = load("stage1_unet", dtype), load("stage1_controlnet", dtype)
    near = sample_flow(half[0], *apply_control(*texts(), half[1], hint(vae), 1.0, (0, 1)), settings)
    assert half[0].model.diffusion_model.dtype == dtype
    assert ((near - exact).norm() / exact.norm()).item() < 0.05


@pytest.mark.parametrize("size", [(64, 1), (96, 64)], ids=["too small", "large enough"])
def test_a_vae_of_larger_cells_is_refused_before_it_encodes(model, vae, size):
    """The host cuts a picture to whole cells: of one smaller than a cell nothing is left."""
    import comfy.sd
    from motion_i2v.models.host.flow_vae import autoencoder_config, host_autoencoder_tensors

    checkpoint = checkpoint_of(weights("image_vae"), "a test", "image_vae")
    config = autoencoder_config(checkpoint.vae)
    image_vae = comfy.sd.VAE(sd=host_autoencoder_tensors(checkpoint), config=config)
    # As the host's VAE of LTX has it.
    image_vae.downscale_ratio = (lambda frames: frames, 32, 32)
    with pytest.raises(ValueError, match=r"32x32 px, but one of SD 1\.5 for 8x8") as refused:
        field_sampled(
            model, vae, picture=torch.rand(1, size[1], size[0], 3), vae=image_vae, denoise=1.0
        )
    assert ("at least 32 px on each side" in str(refused.value)) == (size == (64, 1))


def test_sampling_without_the_clip_is_explained(model):
    with pytest.raises(ValueError, match="Motion-Field Conditioning"):
        sample_flow(
            model,
            [[torch.zeros(1, 7, 48), {}]],
            [[torch.zeros(1, 7, 48), {}]],
            QUICK,
            torch.zeros(3, 4, 5, 7),
        )


def test_the_control_on_another_model_is_explained(control, vae):
    one = control.with_hint(hint(vae), 1.0, (0, 1))
    with pytest.raises(ValueError, match="Load Motion-Field Model"):
        one.get_control(torch.zeros(3, 4, 5, 7), torch.ones(3), {}, 1, {})


def test_an_ordinary_controlnet_is_refused(vae):
    import comfy.controlnet

    with pytest.raises(ValueError, match="Apply ControlNet"):
        apply_control(*texts(), comfy.controlnet.ControlBase(), hint(vae), 1.0, (0, 1))


class TestFlowVAE:
    def field(self, frames=3, size=(64, 48)):
        generator = torch.Generator().manual_seed(5)
        return torch.rand(frames, 2, size[1], size[0], generator=generator)

    def test_frames_are_apart(self, vae):
        flow01 = self.field(7)
        seen = []
        together = vae.encode_flow(flow01, on_step=lambda done, total: seen.append((done, total)))
        assert seen == [(4, 7), (7, 7)]
        alone = torch.cat([vae.encode_flow(frame[None]) for frame in flow01])
        close(together, alone, REORDERED)

    def test_tiles_are_near_whole_frames(self, vae):
        flow01 = torch.nn.functional.interpolate(self.field(1, (6, 4)), scale_factor=32)
        whole, tiled = vae.encode_flow(flow01), vae.encode_flow(flow01, tile=128)
        assert tiled.shape == whole.shape
        latent = torch.randn(1, 4, 16, 24, generator=torch.Generator().manual_seed(0))
        whole, tiled = vae.decode_flow(latent), vae.decode_flow(latent, tile=128)
        assert tiled.shape == whole.shape == (1, 2, 128, 192)
        # Random weights' group norms see the whole frame, so tiles differ; they must not be noise.
        assert torch.corrcoef(torch.stack([whole.flatten(), tiled.flatten()]))[0, 1] > 0.5

    @pytest.mark.parametrize("tile", [-64, 1, 8, 63, 100])
    def test_tiles_that_cannot_be_are_refused(self, vae, tile):
        with pytest.raises(ValueError, match=f"tile_size {tile}.*at least 64"):
            vae.encode_flow(torch.rand(1, 2, 64, 64), tile=tile)
        with pytest.raises(ValueError, match=f"tile_size {tile}.*at least 64"):
            vae.decode_flow(torch.rand(1, 4, 8, 8), tile=tile)

    def test_out_of_memory_falls_back_to_tiles(self, vae, monkeypatch):
        latent = torch.randn(2, 4, 16, 24, generator=torch.Generator().manual_seed(0))
        real = vae.first_stage_model.decode
        failed = []

        def decode(z, **kwargs):
            if not failed:
                failed.append(z.shape)
                raise comfy.model_management.OOM_EXCEPTION("no memory")
            return real(z, **kwargs)

        monkeypatch.setattr(vae.first_stage_model, "decode", decode)
        assert vae.decode_flow(latent).shape == (2, 2, 128, 192)
        assert failed

    def test_still_is_one_half(self):
        assert (MotionField(torch.zeros(2, 2, 8, 8)).encoded() == 0.5).all()

    def test_a_field_of_any_size_comes_back_at_its_own(self, vae):
        field = MotionField(torch.zeros(3, 2, 45, 61))
        view = fit(field.size, 0, 0, crop=False)
        latent = encode_field(vae, field, view)
        assert latent.shape == (2, 4, 6, 8)
        assert decode_field(vae, latent, view).flow.shape == field.flow.shape

    def test_region_and_empty_region(self, vae):
        view = fit((64, 48), 0, 0, crop=False)
        latent = torch.randn(2, 4, 6, 8, generator=torch.Generator().manual_seed(0))
        whole = decode_field(vae, latent, view)
        assert torch.equal(decode_field(vae, latent, view, torch.zeros(48, 64)).flow, whole.flow)
        region = torch.zeros(48, 64)
        region[:, :32] = 1
        kept = decode_field(vae, latent, view, region)
        assert not kept.flow[..., 32:].any()
        assert torch.equal(kept.flow[..., :32], whole.flow[..., :32])

    @pytest.mark.parametrize(
        ("latents", "words"),
        [
            (torch.zeros(2, 4, 5, 5), "decodes latents"),
            (torch.zeros(2, 16, 6, 8), "decodes latents"),
            (torch.full((2, 4, 6, 8), float("nan")), "NaN"),
            (torch.zeros(0, 4, 6, 8), "no frames"),
        ],
    )
    def test_bad_latents(self, vae, latents, words):
        with pytest.raises(ValueError, match=words):
            decode_field(vae, latents, fit((64, 48), 0, 0, crop=False))

    def test_nothing_to_encode(self, vae):
        field = MotionField(torch.zeros(1, 2, 48, 64))
        with pytest.raises(ValueError, match="only the reference frame"):
            encode_field(vae, field, fit((64, 48), 0, 0, crop=False))


def test_the_preview_is_a_colour_wheel(model, vae):
    latents = model.model.latent_format
    latents.projection = vae.preview_projection()
    picture = latents.latent_rgb_factors_reshape(torch.randn(3, 4, 5, 7))
    assert picture.shape == (1, 3, 5, 7)
    assert picture.min() >= -1
    assert picture.max() <= 1
    latents.projection = None
    assert latents.latent_rgb_factors_reshape(torch.randn(3, 4, 5, 7)).shape == (1, 3, 5, 7)


def test_the_preview_guess_of_a_linear_codec_is_exact(vae, monkeypatch):
    """Where latents are the displacement itself, the fit finds it."""
    monkeypatch.setattr(vae, "_projection", None)

    def linear(flow01, *args, **kwargs):
        small = torch.nn.functional.avg_pool2d(2 * flow01 - 1, 8) * 2
        return torch.cat([small[:, 1:], small[:, :1], torch.zeros_like(small)], dim=1)

    monkeypatch.setattr(vae, "encode_flow", linear)
    matrix, offset = vae.preview_projection()
    expected = torch.tensor([[0.0, 1, 0, 0], [1, 0, 0, 0]])
    close(matrix, expected, Tolerance(0.05))
    assert offset.abs().max() < 0.05
    monkeypatch.setattr(vae, "_projection", None)
