"""Load Small Model: native models that are what their files tell, or an error that helps."""

import pytest
import torch

from tests import small_files
from tests.tolerances import Tolerance, close

pytestmark = pytest.mark.usefixtures("host_env")

PICTURE = torch.rand(1, 48, 64, 3, generator=torch.Generator().manual_seed(1))
ARROW = "8,24, 40,24"


@pytest.fixture(scope="module")
def folder(host_env, tmp_path_factory):
    return small_files.write_small_model(tmp_path_factory.mktemp("small") / "small_model")


@pytest.fixture(scope="module")
def small(folder):
    from motion_i2v.models.host.small_networks import load_small_model

    return load_small_model(folder)


@pytest.fixture
def copy(folder, tmp_path):
    """A folder of the same files, to be spoilt."""
    for path in folder.iterdir():
        (tmp_path / path.name).hardlink_to(path)
    return tmp_path


def spoilt(path, content: bytes):
    path.unlink()
    path.write_bytes(content)


def load(folder):
    from motion_i2v.models.host.small_networks import load_small_model

    return load_small_model(folder)


def texts(small, positive="rocket moves right", negative=""):
    clip = small.clip
    return [clip.encode_from_tokens_scheduled(clip.tokenize(t)) for t in (positive, negative)]


def tracks(frames=4):
    from motion_i2v.models.drawing.paths import sample_paths
    from motion_i2v.models.drawing.track_formats import parse_tracks

    return sample_paths(parse_tracks(ARROW, (64, 48)), frames, (64, 48)).to_dict()


def stage1(small, frames=4, scheduler="DDIM leading", tracks_given=True):
    """A field [F, 2, H, W] of a picture, as the nodes sample it."""
    from motion_i2v.models.host import stage1_sampling as sampling
    from motion_i2v.models.host.apply_control import apply_control
    from motion_i2v.models.host.hints import TrackHint
    from motion_i2v.models.host.sampling import Settings

    positive, negative = texts(small)
    if tracks_given:
        hint = TrackHint(tracks(frames), small.flow_vae, half_size=8)
        positive, negative = apply_control(
            positive, negative, small.control_net, hint, 1.0, (0.0, 1.0)
        )
    wanted = sampling.Frames(frames, width=0, height=0)
    clip = sampling.make_clip(PICTURE, small.vae, wanted, small.flow_vae)
    positive, negative = sampling.with_clip(positive, clip), sampling.with_clip(negative, clip)
    settings = Settings(3, 3.0, 7, scheduler=scheduler)
    latents = sampling.sample_flow(small.motion_field_model, positive, negative, settings)
    return sampling.decode_field(small.flow_vae, latents, clip.view)


@pytest.mark.parametrize("which", ["model", "motion_field_model"])
def test_both_models_predict_v_to_pure_noise_with_two_heads(small, which):
    import comfy.model_sampling

    patcher = getattr(small, which)
    sampling = patcher.get_model_object("model_sampling")
    assert isinstance(sampling, comfy.model_sampling.V_PREDICTION)
    close(float(sampling.sigma_max), 4518.8, Tolerance(1))
    attention = patcher.model.diffusion_model.input_blocks[1][1].transformer_blocks[0].attn1
    assert attention.heads == 2


def test_the_control_net_has_as_many_heads(small):
    model = small.control_net.control_model
    assert model.input_blocks[1][1].transformer_blocks[0].attn1.heads == 2


def test_windows_are_as_long_as_what_was_trained(small):
    handler = small.motion_field_model.model_options["context_handler"]
    assert (handler.context_length, handler.context_overlap) == (7, 2)
    assert small.motion_module.trained.frames == 8


def test_heads_change_what_comes_out_and_only_heads_do(folder, tmp_path):
    """The same weights with another number of heads are another network."""
    from motion_i2v.models.files.checkpoints import read_checkpoint
    from motion_i2v.models.host.small_networks import load_image_unet

    outputs = []
    for heads in ("2", "2", "4"):
        path = small_files.write_part(tmp_path, "sd15_unet")
        small_files.retold(path, heads=heads)
        unet = load_image_unet(read_checkpoint(path, "sd15_unet"), torch.float32)
        x = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
        context = torch.randn(1, 5, 64, generator=torch.Generator().manual_seed(1))
        outputs.append(unet.model.diffusion_model(x, torch.tensor([500.0]), context=context))
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.allclose(outputs[0], outputs[2], atol=1e-4)


@pytest.mark.parametrize("scheduler", ["DDIM leading", "normal", "sgm_uniform"])
def test_stage_1_samples_and_heeds_its_arrows(small, scheduler):
    field = stage1(small, scheduler=scheduler)
    assert field.flow.shape == (4, 2, 48, 64)
    assert bool(torch.isfinite(field.flow).all())
    assert torch.equal(field.flow, stage1(small, scheduler=scheduler).flow)
    without = stage1(small, scheduler=scheduler, tracks_given=False)
    assert (field.flow - without.flow).abs().max() > 1e-3


def motion_of(small, frames):
    from motion_i2v.models.host.reference import encode_picture
    from motion_i2v.models.host.stage2_sampling import make_motion
    from motion_i2v.models.types.motion_field import MotionField

    flow = torch.zeros(frames, 2, 48, 64)
    flow[:, 0] = torch.linspace(0, 16, frames)[:, None, None]
    return make_motion(MotionField(flow), encode_picture(small.vae, PICTURE), overlap=2)


def stage2(small, frames=4, schedule="motion-i2v", scheduler="DDIM leading"):
    from motion_i2v.models.host.sampling import Settings
    from motion_i2v.models.host.stage2_sampling import sample_video, with_schedule

    model = with_schedule(small.model, schedule, small.motion_module)
    settings = Settings(3, 3.0, 7, scheduler=scheduler)
    motion = motion_of(small, frames)
    return sample_video(model, small.motion_module, motion, *texts(small), settings)


@pytest.mark.parametrize("scheduler", ["DDIM leading", "normal"])
def test_stage_2_samples_on_the_modules_schedule(small, scheduler):
    latents = stage2(small, scheduler=scheduler)
    assert latents.shape == (4, 4, 6, 8)
    assert bool(torch.isfinite(latents).all())
    for same in ("motion-i2v, zero terminal SNR", "the model's own"):
        assert torch.equal(latents, stage2(small, schedule=same, scheduler=scheduler))


def test_the_default_schedule_is_the_modules_own(small):
    from motion_i2v.models.host.stage2_sampling import with_schedule

    def largest(*arguments):
        scheduled = with_schedule(*arguments)
        return float(scheduled.get_model_object("model_sampling").sigma_max)

    assert largest(small.model, "motion-i2v", small.motion_module) > 4000
    close(largest(small.model, "motion-i2v"), 25.146, Tolerance(1e-2))


def test_stage_2_sees_no_more_frames_at_once_than_were_trained(small):
    seen = []

    def count(executor, x, *args, **kwargs):
        seen.append(x.shape[0])
        return executor(x, *args, **kwargs)

    from comfy.patcher_extension import WrappersMP

    counting = small.model.clone()
    counting.add_wrapper_with_key(WrappersMP.DIFFUSION_MODEL, "count", count)
    from dataclasses import replace

    latents = stage2(replace(small, model=counting), frames=11)
    assert latents.shape[0] == 11
    assert set(seen) <= {8, 16}  # alone, or both halves of guidance


def test_modules_are_refused_by_a_model_that_predicts_otherwise(small):
    from motion_i2v.models.host.motion_wrappers import check_model

    from testing.sd15 import load_unet

    check_model(small.model, small.motion_module)
    tensors = small.model.model.diffusion_model.state_dict()
    with pytest.raises(ValueError, match=r"predicts v, but this one predicts eps"):
        check_model(load_unet(tensors), small.motion_module)


def test_a_lora_changes_the_model(small):
    import comfy.sd

    name = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
    lora = {
        f"{name}.lora_up.weight": torch.ones(32, 4),
        f"{name}.lora_down.weight": torch.ones(4, 32),
        f"{name}.alpha": torch.tensor(4.0),
    }
    model, clip = comfy.sd.load_lora_for_models(small.model, small.clip, lora, 1.0, 1.0)
    assert list(model.patches) == [
        "diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight"
    ]
    assert clip is not None


@pytest.mark.parametrize("name", ["text.safetensors", *small_files.FILES.values()])
def test_a_missing_file_is_named_and_what_to_do(copy, name):
    (copy / name).unlink()
    with pytest.raises(FileNotFoundError, match="get it again") as error:
        load(copy)
    assert name in str(error.value)
    assert str(copy) in str(error.value)


@pytest.mark.parametrize("name", ["text.safetensors", "flow_vae.safetensors"])
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda whole: whole[: len(whole) // 2], "not a whole"),
        (lambda whole: b"", "is empty"),
        (lambda whole: b"version https://git-lfs.github.com/spec/v1\n", "git-LFS"),
    ],
)
def test_a_damaged_file_is_named_and_what_to_do(copy, name, damage, said):
    spoilt(copy / name, damage((copy / name).read_bytes()))
    with pytest.raises(ValueError, match="get it again") as error:
        load(copy)
    assert name in str(error.value)
    assert said in str(error.value)


def test_files_that_took_each_others_place_are_told_apart(copy, folder):
    spoilt(copy / "image_vae.safetensors", (folder / "flow_vae.safetensors").read_bytes())
    with pytest.raises(ValueError, match=r"image_vae.safetensors is not a VAE for pictures"):
        load(copy)
    spoilt(copy / "text.safetensors", (folder / "flow_vae.safetensors").read_bytes())
    spoilt(copy / "image_vae.safetensors", (folder / "image_vae.safetensors").read_bytes())
    with pytest.raises(ValueError, match=r"text.safetensors.*flow_vae.*must be 'text'"):
        load(copy)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("motion_modules", {"prediction": "eps"}),
        ("motion_modules", {"zero_terminal_snr": "false"}),
        ("stage1_controlnet", {"heads": "4"}),
        ("stage1_controlnet", {"frames": "16"}),
    ],
)
def test_parts_of_two_trainings_are_refused(copy, kind, told):
    path = copy / small_files.FILES[kind]
    spoilt(path, path.read_bytes())
    small_files.retold(path, **told)
    with pytest.raises(ValueError, match="not of one training"):
        load(copy)


def test_parts_of_other_widths_are_refused(copy):
    (copy / small_files.FILES["stage1_controlnet"]).unlink()
    small_files.write_part(copy, "stage1_controlnet", widths=(32, 32, 32, 64))
    with pytest.raises(ValueError, match=r"widths \[32, 32, 32, 64\]"):
        load(copy)


def test_the_fingerprint_changes_with_each_file(copy):
    from motion_i2v.models.host.small_networks import fingerprint

    before = fingerprint(copy)
    assert fingerprint(copy) == before
    for path in sorted(copy.iterdir()):
        content = path.read_bytes()
        path.unlink()
        missing = fingerprint(copy)
        path.write_bytes(content)
        assert len({before, missing, before := fingerprint(copy)}) == 3


def test_the_loaded_model_does_not_hang_on_its_files(folder, tmp_path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    loaded = load(tmp_path)
    before = loaded.model.model.diffusion_model.state_dict()["out.2.weight"].clone()
    for path in tmp_path.iterdir():
        path.write_bytes(bytes(len(path.read_bytes())))
    assert torch.equal(loaded.model.model.diffusion_model.state_dict()["out.2.weight"], before)
