"""Masks of a clip as a video model's latents see them."""

import pytest
import torch
from motion_i2v.models.picture.latent_mask import LatentClip, latent_mask

from tests.tolerances import RELATIVE64, close

WAN = LatentClip(21, 6, 8, 8, 4)
PICTURES = LatentClip(5, 6, 8)


def stepped(frames, height=48, width=64):
    """Each frame one value of its own, in float64."""
    return torch.linspace(0, 1, frames, dtype=torch.float64).view(-1, 1, 1).repeat(1, height, width)


def test_81_frames_become_21_as_nearest_interpolation_has_it():
    cells, note = latent_mask(stepped(81), WAN)
    nearest = torch.nn.functional.interpolate(stepped(81)[None, None], size=(21, 6, 8))
    assert cells.dtype == torch.float64
    assert cells.shape == (21, 6, 8)
    assert note == ""
    close(cells, nearest[0, 0], RELATIVE64)


@pytest.mark.parametrize("temporal", [1, 4, 6, 8])
def test_each_latent_frame_is_given_a_frame_of_its_own_group(temporal):
    clip = LatentClip(9, 2, 2, 8, temporal)
    frame = (latent_mask(stepped(clip.pictures, 2, 2), clip)[0] * (clip.pictures - 1)).round()
    groups = (frame[:, 0, 0] + temporal - 1) // temporal
    assert groups.tolist() == list(range(9))


def test_a_cell_is_given_its_mean():
    mask = torch.zeros(5, 48, 64, dtype=torch.float64)
    mask[:, :12, :8] = 1
    cells, _ = latent_mask(mask, PICTURES)
    assert cells[:, 0, 0].eq(1).all()
    assert cells[:, 1, 0].eq(0.5).all()
    assert cells.sum() == 5 * 1.5


def test_one_mask_goes_for_all_frames_and_latent_frames_are_taken_as_they_are():
    one = torch.rand(48, 64, dtype=torch.float64)
    assert torch.equal(latent_mask(one, WAN)[0], latent_mask(one.expand(21, -1, -1), WAN)[0])
    own = torch.rand(21, 6, 8, dtype=torch.float64)
    assert torch.equal(latent_mask(own, WAN)[0], own)


def test_a_mask_of_the_uncut_picture_is_cut_as_the_vae_cuts_it():
    mask = torch.zeros(5, 51, 64, dtype=torch.float64)
    mask[:, 1:9, :8] = 1
    cells, note = latent_mask(mask, PICTURES)
    assert cells[:, 0, 0].eq(1).all()
    assert cells.sum() == 5
    assert note == ""


def test_another_size_of_the_same_proportions_is_resampled_with_a_note():
    cells, note = latent_mask(stepped(81, 96, 128), WAN)
    assert torch.allclose(cells, latent_mask(stepped(81), WAN)[0])
    assert "128x96" in note
    assert "64x48" in note


def test_frames_that_the_vae_leaves_out_are_left_out_with_a_note():
    cells, note = latent_mask(stepped(83), WAN)
    assert torch.equal(cells, latent_mask(stepped(83)[:81], WAN)[0])
    assert "last 2 frames" in note


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (torch.zeros(60, 48, 64), "60 frames.*21 frames stand for 81"),
        (torch.zeros(0, 48, 64), r"at least one frame and pixel, got \[0, 48, 64\]"),
        (torch.zeros(81, 0, 64), "at least one frame"),
        (torch.zeros(1, 81, 48, 64), r"\[frames, height, width\]"),
        (torch.zeros(81, 64, 64), "64x64.*64x48"),
        (torch.full((81, 48, 64), float("nan")), "NaN"),
        (torch.full((81, 48, 64), 255.0), "255"),
    ],
)
def test_refuses_what_does_not_fit(mask, words):
    with pytest.raises(ValueError, match=words):
        latent_mask(mask, WAN)
