"""TRACKS in every shape that the core's nodes and trackers give them."""

import pytest
import torch
from motion_i2v.models.types.track_visibility import read_visibility
from motion_i2v.models.types.tracks import Tracks

F, P = 6, 5


def mask(*frames: int, of: int = F) -> torch.Tensor:
    """A mask's column [F, 1] as the core makes it: hidden in these frames."""
    seen = torch.ones(of, 1, dtype=torch.bool)
    seen[list(frames)] = False
    return seen


def shown(points: int) -> torch.Tensor:
    return torch.ones(F, points, dtype=torch.bool)


HIDDEN, LATER = mask(0, 1), mask(4)


def expected(*columns: torch.Tensor) -> torch.Tensor:
    return torch.cat(columns, dim=1)


FORMS = {
    "one a point": (expected(shown(4), HIDDEN), expected(shown(4), HIDDEN)),
    "one mask for all": (HIDDEN, HIDDEN.expand(F, P)),
    "one mask of one frame": (torch.ones(1, 1, dtype=torch.bool), shown(P)),
    "a hiding mask of one frame": (torch.zeros(1, 1, dtype=torch.bool), ~shown(P)),
    "fewer masks than frames": (mask(0, of=3), mask(0, 1).expand(F, P)),
    "more masks than frames": (mask(0, 1, of=11), mask(0).expand(F, P)),
    "numbers": (HIDDEN.float() * 0.9, HIDDEN.expand(F, P)),
    "lists": (HIDDEN.tolist(), HIDDEN.expand(F, P)),
    "one number a frame": (HIDDEN[:, 0], HIDDEN.expand(F, P)),
    "a batch of one": (expected(shown(4), HIDDEN)[None], expected(shown(4), HIDDEN)),
    "a last axis of one": (expected(shown(4), HIDDEN)[..., None], expected(shown(4), HIDDEN)),
    "both": (expected(shown(4), HIDDEN)[None, ..., None], expected(shown(4), HIDDEN)),
    "a batch of one mask": (HIDDEN[None], HIDDEN.expand(F, P)),
    "nothing": (None, shown(P)),
    "joined: 3 masked, 2 not": (
        expected(HIDDEN, shown(2)),
        expected(HIDDEN.expand(F, 3), shown(2)),
    ),
    "joined: 2 not, 3 masked": (
        expected(shown(2), HIDDEN),
        expected(shown(2), HIDDEN.expand(F, 3)),
    ),
    "joined: 1 not, 3 masked, 1 not": (
        expected(shown(1), HIDDEN, shown(1)),
        expected(shown(1), HIDDEN.expand(F, 3), shown(1)),
    ),
    "joined: two sets under one mask": (HIDDEN.repeat(1, 2), HIDDEN.expand(F, P)),
    "joined: masks that hide nothing": (shown(2), shown(P)),
    # The first set has 1 to 4 points: those between are seen where either mask shows them.
    "joined: two sets, each with its mask": (
        expected(HIDDEN, LATER),
        expected(HIDDEN, shown(3), LATER),
    ),
}


@pytest.mark.parametrize(("given", "wanted"), FORMS.values(), ids=FORMS)
def test_every_form_is_read(given, wanted):
    points = torch.arange(F * P * 2, dtype=torch.float32).view(F, P, 2)
    read = Tracks.from_dict({"track_path": points, "track_visibility": given}, (64, 48))
    assert torch.equal(read.visibility, wanted)
    assert torch.equal(read.points, points)
    assert read.visibility.dtype == torch.bool


def test_sets_of_equal_length_have_a_mask_each():
    wanted = expected(HIDDEN.expand(F, 3), LATER.expand(F, 3))
    assert torch.equal(read_visibility(expected(HIDDEN, LATER), F, 6), wanted)


def test_a_batch_of_one_is_read():
    points = torch.rand(F, P, 2)
    read = Tracks.from_dict({"track_path": points[None].double()}, (64, 48))
    assert torch.equal(read.points, points)


def test_one_frame_and_no_point():
    assert read_visibility(HIDDEN, 1, 1).shape == (1, 1)
    assert read_visibility(torch.zeros(3, 0), 3, 0).shape == (3, 0)
    assert read_visibility(torch.ones(1, 3, 1), 1, 3).tolist() == [[True] * 3]


REFUSED = {
    "more columns than points": ({"track_visibility": shown(P + 1)}, f"{P + 1} columns for {P}"),
    "no column": ({"track_visibility": shown(0)}, "0 columns"),
    "no frame": ({"track_visibility": torch.ones(0, 1)}, "no frame"),
    "a batch of masks": ({"track_visibility": torch.ones(2, F, P)}, "batch [2, 6, 5]"),
    "a batch of tracks": ({"track_path": torch.rand(2, F, P, 2)}, "batch [2, 6, 5, 2]"),
}


@pytest.mark.parametrize(("changed", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_tracks_says_why(changed, said):
    import re

    with pytest.raises(ValueError, match=re.escape(said)):
        Tracks.from_dict({"track_path": torch.rand(F, P, 2), **changed}, (64, 48))
