"""Our tracks as the core's Wan nodes read them: nothing cut off, each frame where it belongs."""

import importlib
import inspect
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from motion_i2v.models.drawing.track_formats import write_tracks
from motion_i2v.models.types.tracks import Tracks

SIZE, FRAMES = (832, 480), 81


@pytest.fixture
def core_nodes(host_env, monkeypatch):
    """Lets the core's extra nodes find its own `nodes`, and not this pack's folder."""
    file = Path(inspect.getfile(importlib.import_module("folder_paths"))).with_name("nodes.py")
    spec = importlib.util.spec_from_file_location("nodes", file)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "nodes", module)
    spec.loader.exec_module(module)


@pytest.fixture
def tracks() -> Tracks:
    """Two of 16 frames: along a quarter of a circle, and straight on, hidden at the end."""
    turn = torch.linspace(0, torch.pi / 2, 16)
    curved = torch.stack([300 + 200 * turn.cos(), 100 + 200 * turn.sin()], 1)
    straight = torch.stack([torch.linspace(100, 700, 16), torch.full((16,), 240.0)], 1)
    seen = torch.ones(16, 2, dtype=torch.bool)
    seen[12:, 1] = False
    return Tracks(torch.stack([curved, straight], 1), seen, SIZE)


def test_atis_text_reaches_every_frame_of_wan(core_nodes, tracks):
    """WanTrackToVideo's own reading: frame k of 81 is at k / 80 of the way, to half a sample."""
    from comfy_extras import nodes_wan

    text = write_tracks(tracks, "ati")
    read = nodes_wan.parse_json_tracks(text)
    assert [len(track) for track in read] == [121, 121]
    points = np.stack([nodes_wan.pad_pts(track) for track in read])
    found = nodes_wan.process_tracks(points, SIZE, FRAMES - 1)
    assert found.shape[0] == FRAMES
    # [frames, tracks, (time, x, y, seen)], x and y from the centre in halves of the shorter side.
    found = found.reshape(FRAMES, -1, 4)
    assert bool((found[..., 3] == 1).all())
    places = found[..., 1:3] * min(SIZE) / 2 + torch.tensor(SIZE) / 2
    expected = tracks.retimed(FRAMES).points
    half_a_sample = tracks.retimed(121).points.diff(dim=0).norm(dim=-1).max()
    assert (places - expected).norm(dim=-1).max() <= 1.01 * half_a_sample


def test_wan_move_marks_the_cells_that_our_tracks_pass(core_nodes, tracks):
    """WanMoveTrackToVideo's own map: at 81 frames, one cell of 8 px in each 4th frame, if seen."""
    wan_move = pytest.importorskip("comfy_extras.nodes_wanmove", reason="new in 0.33")
    whole = tracks.retimed(FRAMES)
    places = wan_move.create_pos_embeddings(
        whole.points, whole.visibility, [4, 8, 8], SIZE[1], SIZE[0], track_num=2
    )
    assert places.shape[:2] == (2, 21)
    cells = {tuple(map(tuple, one.tolist())) for one in places}
    for track in range(2):
        expected = [
            (int(y // 8), int(x // 8)) if seen else (-1, -1)
            for (x, y), seen in zip(
                whole.points[::4, track].tolist(), whole.visibility[::4, track], strict=True
            )
        ]
        assert tuple(expected) in cells


def test_the_text_comes_back_as_the_same_tracks(tracks):
    from motion_i2v.models.drawing.paths import sample_paths
    from motion_i2v.models.drawing.track_formats import parse_tracks

    text = write_tracks(tracks, "ati")
    assert len(json.loads(text)[0]) == 121
    paths = parse_tracks(text, SIZE)
    again = sample_paths(paths, FRAMES, SIZE, "zero")
    expected = tracks.retimed(FRAMES).points
    assert (again.points - expected).abs().max() < 0.05
