"""Noise along a field, as the host's samplers ask for it."""

import pytest
import torch
from motion_i2v.models.fields.warped_noise import warped_noise
from motion_i2v.models.host import noise_source
from motion_i2v.models.host.noise_source import WarpedNoise
from motion_i2v.models.types.motion_field import MotionField, still

from tests.tolerances import Tolerance, close


def pan(frames=5, reach=32.0):
    flow = torch.zeros(frames, 2, 64, 96)
    flow[:, 0] = torch.linspace(0, reach, frames).view(-1, 1, 1)
    return MotionField(flow)


def latent(*shape, dtype=torch.float32, **more):
    return {"samples": torch.zeros(shape, dtype=dtype), **more}


def noise(field, given, seed=7, degradation=0.0):
    return WarpedNoise(field, seed, degradation).generate_noise(given)


def test_a_batch_of_frames_moves():
    made = noise(pan(), latent(5, 4, 8, 12))
    assert made.shape == (5, 4, 8, 12)
    assert torch.equal(made[4][:, :, 4:], made[0][:, :, :-4])


def test_what_was_asked_for_last_is_made_once_and_is_not_lent_out(monkeypatch):
    made = []

    def counted(*given):
        made.append(given)
        return warped_noise(*given)

    monkeypatch.setattr(noise_source, "warped_noise", counted)
    source = WarpedNoise(pan(), 7)
    first = source.generate_noise(latent(5, 4, 8, 12))
    kept = first.clone()
    first.zero_()
    assert torch.equal(source.generate_noise(latent(5, 4, 8, 12)), kept)
    assert len(made) == 1
    assert source.generate_noise(latent(5, 4, 4, 6)).shape == (5, 4, 4, 6)
    assert torch.equal(source.generate_noise(latent(5, 4, 8, 12)), kept)
    assert len(made) == 3


def test_a_videos_latents_move_and_each_clip_has_its_own():
    # 17 frames are 5 latent ones: each further one is 4 frames on.
    made = noise(pan(17), latent(2, 16, 5, 8, 12))
    assert made.shape == (2, 16, 5, 8, 12)
    assert torch.equal(made[:, :, 4, :, 4:], made[:, :, 0, :, :-4])
    assert abs(float((made[0] * made[1]).mean())) < 0.05
    assert not torch.equal(made[0], made[1])


def test_every_length_of_video_latents_ends_where_the_field_ends(caplog):
    made = noise(pan(16), latent(1, 4, 5, 8, 12))
    assert "has 16 frames, but 5 are needed" in caplog.text
    assert torch.equal(made[:, :, 4, :, 4:], made[:, :, 0, :, :-4])


def test_fitting_lengths_and_sizes_are_not_spoken_of(caplog):
    noise(pan(81), latent(1, 4, 21, 8, 12))
    assert not caplog.records
    noise(pan(5), latent(5, 4, 8, 8))
    assert "96x64, but the frames are 8x8: it is stretched" in caplog.text


def test_parts_of_a_batch_are_those_of_the_whole():
    whole = noise(pan(), latent(5, 4, 8, 12), degradation=0.3)
    for part in ([0, 1], [2, 3, 4], [3]):
        some = noise(pan(), latent(len(part), 4, 8, 12, batch_index=part), degradation=0.3)
        assert torch.equal(some, whole[part])
    clips = noise(pan(), latent(3, 4, 5, 8, 12))
    assert torch.equal(noise(pan(), latent(1, 4, 5, 8, 12, batch_index=[2])), clips[2:])


@pytest.mark.parametrize("degradation", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_degradation_keeps_the_variance_and_loosens_the_frames(degradation):
    made = noise(pan(), latent(5, 64, 16, 24), degradation=degradation)
    close(float(made.var()), 1, Tolerance(0.02))
    along = float((made[4][:, :, 8:] * made[0][:, :, :-8]).mean())
    carried = (1 - degradation) ** 2 / ((1 - degradation) ** 2 + degradation**2)
    close(along, carried, Tolerance(0.03))


def test_wholly_degraded_noise_is_the_hosts_own(host_env):
    import comfy.sample

    for shape in ((5, 4, 8, 12), (1, 16, 5, 8, 12)):
        ours = noise(pan(), latent(*shape), degradation=1.0)
        assert torch.equal(ours, comfy.sample.prepare_noise(torch.zeros(shape), 7))


def test_carried_noise_is_apart_from_the_hosts_own_of_the_seed(host_env):
    import comfy.sample

    ours = noise(still(5, (96, 64)), latent(5, 64, 16, 24))
    plain = comfy.sample.prepare_noise(torch.zeros(5, 64, 16, 24), 7)
    assert abs(float((ours * plain).mean())) < 0.02


@pytest.mark.parametrize("seed", [0, 7, 2**64 - 1])
def test_a_seed_says_all(seed):
    given = latent(5, 4, 8, 12)
    assert WarpedNoise(pan(), seed).seed == seed
    assert torch.equal(noise(pan(), given, seed), noise(pan(), given, seed))
    assert not torch.equal(noise(pan(), given, seed), noise(pan(), given, seed ^ 1))


def test_the_global_generator_is_left_alone():
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    noise(pan(), latent(5, 4, 8, 12), degradation=0.5)
    assert torch.equal(torch.rand(1), expected)


def test_the_latents_precision_is_kept():
    assert noise(pan(), latent(5, 4, 8, 12, dtype=torch.float16)).dtype == torch.float16


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (latent(4, 8, 12), r"shape \[4, 8, 12\], but noise is carried for"),
        (latent(0, 4, 8, 12), r"shape \[0, 4, 8, 12\]"),
        (latent(2, 4, 8, 12, batch_index=[4, 5]), "up to number 5 .* the field has 5 frames"),
    ],
)
def test_other_latents_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        noise(pan(), given)


def test_latents_of_video_and_sound_are_refused(host_env):
    from comfy.nested_tensor import NestedTensor

    both = NestedTensor([torch.zeros(1, 4, 5, 8, 12), torch.zeros(1, 8, 20, 4)])
    with pytest.raises(ValueError, match="video and its sound"):
        noise(pan(), {"samples": both})


def test_a_degradation_beyond_its_bounds_is_refused():
    with pytest.raises(ValueError, match=r"0\.\.1, not 1.5"):
        WarpedNoise(pan(), 0, 1.5)
