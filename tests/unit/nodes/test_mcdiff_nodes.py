"""MCDiff Sampler and MCDiff Continue, called as the host calls them, with narrow networks."""

import pytest
import torch
from motion_i2v.models.types.motion_field import MotionField
from motion_i2v.models.types.tracks import Tracks

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

pytestmark = pytest.mark.usefixtures("host_env")


@pytest.fixture(scope="module")
def nets(host_env, tmp_path_factory):
    folder = tmp_path_factory.mktemp("nets")
    return {"model": load_model(folder), "vae": load_vae(folder)}


SAMPLING = {
    **{"seed": 5, "steps": 2, "cfg": 2.0, "sampler_name": "euler"},
    "scheduler": "sgm_uniform",
}


def node(name):
    from motion_i2v.nodes import mcdiff_sampler

    return getattr(mcdiff_sampler, f"MotionI2VMCDiff{name}")


def sampled(nets, **inputs):
    usual = {
        **{"picture": picture(), "frames": 0, "width": 0, "height": 0, "fit": "stretch"},
        **SAMPLING,
    }
    return node("Sampler").execute(**{**nets, **usual, **inputs}).result


def continued(nets, so_far, strokes="of the whole clip", more=0, **inputs):
    frames, latent, field = so_far
    usual = {
        **{"frames_so_far": frames, "latents_so_far": latent, "motion_field_so_far": field},
        **{"strokes": strokes, "more_frames": more},
        **SAMPLING,
    }
    return node("Continue").execute(**{**nets, **usual, **inputs}).result


def drawn(frames=6, first=0, **options):
    """What a user connects who drew something; from a frame on."""
    whole = tracks(frames, **options)
    part = Tracks(whole.points[first:], whole.visibility[first:], whole.size)
    return {"flow_completion": Completer(), "tracks": part.to_dict()}


def first_of(motion, frames):
    """The first frames of what is connected."""
    cut = {k: v[:frames] for k, v in motion["tracks"].items() if k != "size"}
    return {**motion, "tracks": {**cut, "size": motion["tracks"]["size"]}}


def same(one, other):
    return (
        torch.equal(one[0], other[0])
        and torch.equal(one[1]["samples"], other[1]["samples"])
        and torch.equal(one[2].flow, other[2].flow)
        and torch.equal(one[2].visibility, other[2].visibility)
    )


# The sampler.


def test_a_video_has_as_many_frames_as_the_tracks(nets):
    frames, latent, field = sampled(nets, **drawn(4))
    assert frames.shape == (4, HEIGHT, WIDTH, 3)
    assert torch.equal(frames[:1], picture())
    assert latent["samples"].shape == (4, 4, HEIGHT // 8, WIDTH // 8)
    assert (field.frames, field.size) == (4, (WIDTH, HEIGHT))


def test_tracks_and_fields_are_retimed(nets):
    _, _, field = sampled(nets, motion_field=sliding(5, (1.0, 0.0)), frames=3)
    torch.testing.assert_close(field.flow[:, 0].mean((1, 2)), torch.tensor([0.0, 2.0, 4.0]))
    frames, *_ = sampled(nets, **drawn(6), frames=3)
    assert len(frames) == 3


def test_the_picture_is_seen_at_the_size_and_so_is_the_motion(nets):
    field = MotionField(
        2 * sliding(3, (1.0, 0.5)).resized((64, 96)).flow / torch.tensor([2.0, 4.0]).view(2, 1, 1)
    )
    frames, latent, made = sampled(
        nets, picture=picture(64, 96), motion_field=field, width=32, height=24
    )
    assert frames.shape == (3, 24, 32, 3)
    assert latent["motion_view"].picture == (64, 96)
    torch.testing.assert_close(made.flow[2].mean((1, 2)), torch.tensor([2.0, 0.5]))


def test_a_crop_moves_the_tracks_along(nets):
    seen = []

    class Spy(Completer):
        def complete(self, picture, tracks, step, side=None):
            seen.append(tracks.points[:, 0].tolist())
            return super().complete(picture, tracks, step, side)

    given = Tracks(
        torch.tensor([[[32.0, 12.0]], [[40.0, 12.0]]]), torch.ones(2, 1).bool(), (64, 24)
    )
    sampled(
        nets, picture=picture(64, 24), width=32, height=24, fit="crop",
        flow_completion=Spy(), tracks=given.to_dict(),
    )  # fmt: skip
    assert seen == [[[16.0, 12.0], [24.0, 12.0]]]


def test_sides_become_multiples_of_8(nets):
    frames, *_ = sampled(nets, picture=picture(34, 21), motion_field=sliding(2))
    assert frames.shape == (2, 24, 32, 3)


def test_nothing_moves_where_nothing_is_to(nets):
    frames, _, field = sampled(nets, motion_field=sliding(3, (0.0, 0.0)))
    assert not field.flow.any()
    assert torch.isfinite(frames).all()


# Continue.


def test_three_and_three_are_six(nets):
    motion = drawn(6)
    whole = sampled(nets, **motion)
    start = sampled(nets, **first_of(motion, 3))
    assert torch.equal(start[0], whole[0][:3])
    assert same(continued(nets, start, **motion), whole)
    once_more = continued(nets, start, **first_of(motion, 4))
    assert same(continued(nets, once_more, **motion), whole)


def test_a_field_of_the_whole_clip(nets):
    whole = sampled(nets, motion_field=sliding(4))
    start = sampled(nets, motion_field=sliding(2))
    assert same(continued(nets, start, motion_field=sliding(4)), whole)


def test_a_cropped_video_goes_on_with_the_same_crop(nets):
    motion = drawn(4, size=(64, HEIGHT))
    given = {"picture": picture(64, HEIGHT), "width": WIDTH, "height": HEIGHT, "fit": "crop"}
    whole = sampled(nets, **given, **motion)
    start = sampled(nets, **given, **first_of(motion, 2))
    assert same(continued(nets, start, **motion), whole)


def test_strokes_drawn_on_the_last_frame(nets):
    whole = sampled(nets, **drawn(6))
    start = sampled(nets, **first_of(drawn(6), 3))
    rest = drawn(6, first=2)
    assert same(continued(nets, start, "drawn on the last frame", **rest), whole)
    fewer = continued(nets, start, "drawn on the last frame", more=2, **rest)
    assert len(fewer[0]) == 5


def test_what_was_there_stays(nets):
    start = sampled(nets, **drawn(3))
    frames, latent, field = continued(nets, start, "drawn on the last frame", 1, **drawn(2))
    assert torch.equal(frames[:3], start[0])
    assert torch.equal(latent["samples"][:3], start[1]["samples"])
    assert torch.equal(field.flow[:3], start[2].flow)
    assert len(frames) == len(latent["samples"]) == field.frames == 4


def test_frames_alone_are_enough(nets):
    made = sampled(nets, **drawn(3))[0]
    frames, latent, field = continued(
        nets, (made, None, None), "drawn on the last frame", **drawn(3)
    )
    assert torch.equal(frames[:3], made)
    assert latent["samples"].shape[0] == len(frames) == 5
    assert field.frames == 3, "it begins at the last frame so far"


# What cannot be.


def refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_one_way_to_say_what_moves(nets):
    refused(lambda: sampled(nets), "neither")
    refused(lambda: sampled(nets, flow_completion=Completer()), "neither")
    refused(lambda: sampled(nets, motion_field=sliding(), **drawn()), "both")
    refused(lambda: sampled(nets, tracks=drawn()["tracks"]), "connect flow_completion")
    both = {"flow_completion": Completer(), "motion_field": sliding()}
    refused(lambda: sampled(nets, **both), "disconnect")


def test_too_few_frames(nets):
    refused(lambda: sampled(nets, frames=1, **drawn()), "frames is 1")
    refused(lambda: sampled(nets, **first_of(drawn(), 1)), "tracks have 1 frame")
    refused(lambda: sampled(nets, motion_field=sliding(1)), "motion field has 1 frame")
    start = sampled(nets, **drawn(3))
    refused(lambda: continued(nets, start, **drawn(3)), "3 frames, and frames_so_far 3 already")


def test_pictures_that_cannot_be(nets):
    holed = picture()
    holed[0, 1, 1, 1] = float("nan")
    refused(lambda: sampled(nets, picture=holed, **drawn()), "NaN")
    refused(lambda: sampled(nets, picture=picture().repeat(2, 1, 1, 1), **drawn()), "batch of 2")
    refused(lambda: continued(nets, (holed, None, None), **drawn()), "NaN")
    odd = (picture(34, 24), None, None)
    refused(lambda: continued(nets, odd, **drawn()), "34x24, but both must be multiples of 8")


def test_what_belongs_to_other_frames(nets):
    frames, latent, field = sampled(nets, **drawn(3))
    fewer = {"samples": latent["samples"][:2]}
    refused(lambda: continued(nets, (frames, fewer, field), **drawn()), "latents so far are")
    refused(lambda: continued(nets, (frames[:2], None, field), **drawn()), "motion_field_so_far")
    wide = field.resized((64, 24))
    refused(lambda: continued(nets, (frames, latent, wide), **drawn()), "64x24")
    holed = {"samples": latent["samples"] * float("nan")}
    refused(lambda: continued(nets, (frames, holed, field), **drawn()), "NaN")
