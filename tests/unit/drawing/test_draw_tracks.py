"""Tracks drawn over a picture."""

import numpy as np
import pytest
import torch
from motion_i2v.models.drawing.draw_tracks import draw_tracks
from motion_i2v.models.drawing.paths import Path, sample_paths

from tests.tolerances import EIGHT_BIT, Tolerance, close

GREY = 0.5


def changed(picture: torch.Tensor, drawn: torch.Tensor) -> np.ndarray:
    return ((drawn[0] - picture[0, ..., :3]).abs().sum(dim=-1) > 0.1).numpy()


def drawn_on_grey(*paths: Path, size=(200, 120), colors=()) -> tuple[torch.Tensor, torch.Tensor]:
    picture = torch.full((1, size[1], size[0], 3), GREY)
    return picture, draw_tracks(picture, sample_paths(paths, 16, size), colors)


def test_the_path_is_drawn_where_it_runs_in_its_colour():
    path = Path(((30, 60), (170, 60)), curve="straight")
    picture, drawn = drawn_on_grey(path, colors=["#00ff00"])
    where = changed(picture, drawn)
    assert where[60, 30:170].all()
    assert not where[:45].any()
    assert not where[76:].any()
    green = (drawn[0, :, :, 1] > 0.9) & (drawn[0, :, :, 0] < 0.1)
    assert green[60].sum() > 60


def test_a_pin_is_a_disc():
    picture, drawn = drawn_on_grey(Path(((100, 60),)))
    rows, columns = np.nonzero(changed(picture, drawn))
    close(rows.mean(), 59.5, Tolerance(0.5))
    close(columns.mean(), 99.5, Tolerance(0.5))
    assert np.ptp(rows) == np.ptp(columns)


def test_without_tracks_the_picture_stays():
    picture, drawn = drawn_on_grey()
    close(drawn, picture, EIGHT_BIT)


def test_tracks_of_another_size_are_rescaled():
    tracks = sample_paths([Path(((10, 60), (90, 60)))], 16, (100, 120))
    picture = torch.full((1, 120, 200, 3), GREY)
    where = changed(picture, draw_tracks(picture, tracks))
    assert where[60, 25:175].all()


def test_far_outside_and_unreadable_colours_are_no_error():
    _, drawn = drawn_on_grey(Path(((-900000, 5), (900000, 60))), colors=["teal"])
    assert torch.isfinite(drawn).all()


def test_the_given_picture_is_not_painted_on():
    picture, _ = drawn_on_grey(Path(((30, 60), (170, 60))))
    assert (picture == GREY).all()


def test_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"picture is \[B, height, width, 3\]"):
        draw_tracks(torch.zeros(4, 4), sample_paths([], 2, (4, 4)))
