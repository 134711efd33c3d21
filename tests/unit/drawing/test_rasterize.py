"""Sparse control: the released code's raster, and what a square, a pin and a region mean."""

import json
import os
from pathlib import Path as File

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from motion_i2v.models.drawing.paths import Path, sample_paths
from motion_i2v.models.drawing.rasterize import rasterize
from motion_i2v.models.types.tracks import Tracks
from safetensors.torch import load_file

from tests.parity.drag import box_region
from tests.tolerances import FLOAT32, close

ROOT = File(__file__).resolve().parents[3]
SHARED = File(os.environ.get("MOTION_I2V_REFERENCE", ROOT.parent / "shared" / "reference" / "tiny"))


def drawn(points, frames=4, size=(32, 24), pin="zero"):
    return sample_paths([Path(tuple(path)) for path in points], frames, size, pin)


@pytest.mark.parametrize("name", ["drag_plain", "drag_region"])
def test_equals_the_released_code(name):
    if not (SHARED / f"{name}.json").exists():
        pytest.skip(f"the reference data is not at {SHARED}")
    case = json.loads((SHARED / f"{name}.json").read_text())
    reference = load_file(SHARED / f"{name}.safetensors")
    size = (case["width"], case["height"])
    paths = [Path(tuple(map(tuple, track))) for track in case["tracks"]]
    tracks = sample_paths(paths, case["frames"], size, pin="released")
    box = case["movable_box"]
    control = rasterize(tracks, case["half_size"], None if box is None else box_region(box, size))
    for key in ("flow01", "mask", "mask_latent", "frozen"):
        close(getattr(control, key), reference[key], FLOAT32)


def test_a_square_holds_the_displacement_and_nothing_else_is_known():
    control = rasterize(drawn([[(10, 8), (16, 5)]]), half_size=2)
    assert control.mask.sum() == 3 * 16
    last = (control.flow01[-1] * 2 - 1) * torch.tensor([32, 24]).view(2, 1, 1)
    torch.testing.assert_close(
        last[:, 6:10, 8:12], torch.tensor([6.0, -3.0]).view(2, 1, 1).expand(2, 4, 4)
    )
    assert (control.flow01[:, :, control.mask[0, 0] == 0] == 0.5).all()


def test_a_pin_is_known_and_still_and_the_released_one_moves_a_pixel():
    still = rasterize(drawn([[(10, 8)]]), half_size=2)
    assert (still.flow01 == 0.5).all()
    assert still.mask.sum() == 3 * 16
    released = rasterize(drawn([[(10, 8)]], pin="released"), half_size=2)
    moved = (released.flow01[-1, :, 8, 10] * 2 - 1) * torch.tensor([32, 24])
    torch.testing.assert_close(moved, torch.tensor([1.0, 1.0]))


def test_outside_the_region_is_known_and_still():
    region = torch.zeros(24, 32)
    region[:, :16] = 1
    control = rasterize(drawn([[(10, 8), (16, 5)], [(20, 8), (25, 5)]]), 2, region)
    assert (control.mask[..., 16:] == 1).all()
    assert (control.flow01[..., 16:] == 0.5).all()
    assert control.mask[..., :16].sum() == 3 * 16
    assert (control.frozen == 1 - region).all()


@pytest.mark.parametrize("region", [None, torch.zeros(24, 32), torch.ones(24, 32)])
def test_an_empty_region_means_that_everything_may_move(region):
    control = rasterize(drawn([[(10, 8), (16, 5)]]), 2, region)
    assert control.mask.sum() == 3 * 16
    assert not control.frozen.any()


def test_of_overlapping_squares_the_later_wins():
    control = rasterize(drawn([[(10, 8), (16, 5)], [(11, 8), (11, 12)]]), half_size=3)
    assert control.flow01[-1, 0, 8, 10] == 0.5
    assert control.flow01[-1, 1, 8, 10] > 0.5


def test_a_hidden_point_says_nothing_in_that_frame():
    tracks = drawn([[(10, 8), (16, 5)]])
    visibility = torch.tensor([[True], [True], [False], [True]])
    control = rasterize(Tracks(tracks.points, visibility, tracks.size), half_size=2)
    assert control.mask.sum(dim=(1, 2, 3)).tolist() == [16, 0, 16]
    assert (control.flow01[1] == 0.5).all()


@pytest.mark.parametrize(
    ("tracks", "half_size", "region", "message"),
    [
        (drawn([[(1, 1)]]), 0, None, "half_size"),
        (drawn([[(1, 1)]], frames=1), 3, None, "2 frames"),
        (drawn([[(1, 1)]]), 3, torch.ones(32, 24), "resize the region"),
        (drawn([[(1, 1)]]), 3, torch.full((24, 32), float("nan")), "NaN"),
    ],
)
def test_what_cannot_be_painted_is_an_error(tracks, half_size, region, message):
    with pytest.raises(ValueError, match=message):
        rasterize(tracks, half_size, region)


coordinate = st.floats(-60, 90, allow_nan=False)


@settings(deadline=None, max_examples=40)
@given(
    starts=st.lists(st.tuples(coordinate, coordinate), min_size=1, max_size=4),
    half_size=st.integers(1, 12),
    frames=st.integers(2, 5),
)
def test_squares_anywhere_stay_in_the_picture(starts, half_size, frames):
    tracks = drawn([[start, (start[0] + 3, start[1] - 2)] for start in starts], frames)
    control = rasterize(tracks, half_size)
    assert control.mask.shape == (frames - 1, 1, 24, 32)
    assert set(control.mask.unique().tolist()) <= {0.0, 1.0}
    assert control.mask[0].sum() <= len(starts) * (2 * half_size) ** 2
    known = (control.flow01 != 0.5).any(dim=1, keepdim=True)
    assert (control.mask[known] == 1).all()
    for x, y in starts:
        if -0.5 <= x < 31.5 and -0.5 <= y < 23.5:
            assert control.mask[0, 0, int(y + 0.5), int(x + 0.5)] == 1
