"""Ragged borders of a motion are laid along the contour of what moves."""

import numpy as np
import torch
from motion_i2v.models.picture.contours import contours
from motion_i2v.models.picture.tears import torn_edges
from motion_i2v.models.picture.warp import warp_picture
from motion_i2v.models.types.motion_field import MotionField

WIDTH, HEIGHT = 160, 120
RED = torch.tensor([0.9, 0.1, 0.1])
GREEN = torch.tensor([0.1, 0.6, 0.2])


def disc() -> tuple[torch.Tensor, torch.Tensor]:
    """[H, W] distances from the disc's outline, negative inside, and angles around it."""
    y, x = torch.meshgrid(torch.arange(float(HEIGHT)), torch.arange(float(WIDTH)), indexing="ij")
    return torch.hypot(x - 50, y - 60) - 25, torch.atan2(y - 60, x - 50)


def scene(fade: bool = True, rest: float = 1e-3) -> tuple[torch.Tensor, MotionField]:
    """A red disc that moves by 60 pixels; its motion fades out within 1 to 4 pixels."""
    outside, angle = disc()
    picture = torch.where(outside[..., None] < 0, RED, GREEN)
    share = (outside < 0).float()
    if fade:
        share = (-outside / (2.5 + 1.5 * torch.sin(9 * angle))).clamp(0, 1)
    last = torch.stack([60 * share + rest, 0 * share])
    return picture, MotionField(torch.linspace(0, 1, 4).view(-1, 1, 1, 1) * last)


def found(picture: torch.Tensor, field: MotionField):
    flow = field.flow[-1]
    return contours(picture.permute(2, 0, 1), flow.norm(dim=0), *torn_edges(flow))


def test_a_ragged_border_leaves_nothing_at_the_old_place():
    frames, _ = warp_picture(*scene())
    outside, _ = disc()
    old = (outside < 3) & (torch.arange(WIDTH) < 78)
    assert (frames[-1][old] - GREEN).abs().max() < 0.03


def test_the_outline_arrives_whole():
    frames, _ = warp_picture(*scene())
    redness = (frames[-1][..., 0] - GREEN[0]) / (RED[0] - GREEN[0])
    outside, _ = disc()
    arrived = outside.roll(60, dims=1)
    assert (redness[arrived < -2.5] > 0.95).all()
    assert (redness[arrived > 2.5] < 0.05).all()


def test_a_border_without_transition_is_meant_as_it_is():
    picture, field = scene(fade=False)
    assert found(picture, field).pixel.numel() == 0
    assert torch.equal(found(picture, field).settle(field.flow[-1]), field.flow[-1])


def test_what_is_held_stays_bit_identical():
    picture, field = scene(rest=0.0)
    edges = found(picture, field)
    still = (field.flow == 0).all(0).all(0)
    assert edges.pixel.numel() > 0
    assert not edges.settle(field.flow[-1])[:, still].any()
    assert not edges.abandoned(field.flow[-1])[still].any()
    frames, _ = warp_picture(picture, field)
    y, x = np.ogrid[:HEIGHT, :WIDTH]
    far = torch.from_numpy((x < 15) | (x > 145) | (y < 25) | (y > 95))
    assert torch.equal(frames[:, far], picture.expand(4, -1, -1, -1)[:, far])


def test_a_speck_that_stays_inside_a_mover_goes_along():
    picture, field = scene()
    flow = field.flow.clone()
    flow[:, :, 58:61, 48:51] *= 1e-4
    edges = found(picture, MotionField(flow))
    settled = edges.settle(flow[-1])
    assert (settled[0, 58:61, 48:51] > 59).all()


def test_a_small_thing_may_move_alone():
    picture, field = scene()
    flow = field.flow.clone()
    flow[:, 0, 100:104, 120:124] = torch.linspace(0, 30, 4).view(-1, 1, 1)
    settled = found(picture, MotionField(flow)).settle(flow[-1])
    assert torch.equal(settled[:, 100:104, 120:124], flow[-1, :, 100:104, 120:124])


def test_a_fringe_is_abandoned_only_once_the_mover_has_left():
    picture, field = scene()
    edges = found(picture, field)
    assert not edges.abandoned(edges.settle(field.flow[0])).any()
    assert not edges.abandoned(edges.settle(0.01 * field.flow[-1])).any()
    assert edges.abandoned(edges.settle(field.flow[-1])).any()
