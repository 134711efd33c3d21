"""RAFT, CoTracker and DOT: how they are put together. Their numbers are compared in parity."""

import re

import numpy as np
import pytest
import torch
from motion_i2v.models.trackers import correlation, cotracker, queries, weights
from motion_i2v.models.trackers import cotracker_windows as windows
from motion_i2v.models.trackers.clip_frames import ClipFrames
from motion_i2v.models.trackers.correlation import Correlation
from motion_i2v.models.trackers.dot import Dot, DotNetworks, dot_size
from motion_i2v.models.trackers.nearest import from_nearest
from motion_i2v.models.trackers.pairwise import Chained, Direct
from motion_i2v.models.trackers.raft import RaftPairs
from torchvision.models.optical_flow import raft_large, raft_small
from torchvision.models.optical_flow.raft import CorrBlock

from tests.tolerances import ACCUMULATED, HUNDREDS, close


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(0)
    return DotNetworks().eval().requires_grad_(False)


@pytest.fixture
def clip():
    random = np.random.default_rng(0)
    frames = random.random((6, 64, 80, 3), dtype=np.float32)
    return ClipFrames(torch.from_numpy(frames))


def test_raft_is_torchvisions():
    torch.manual_seed(0)
    net = raft_large(weights=None).eval()
    raft = weights.build(net.state_dict(), weights.RAFT, "file")
    pictures = torch.rand(2, 3, 128, 136)
    with torch.no_grad():
        theirs = net(*(2 * p[None] - 1 for p in pictures))[-1][0]
        ours = raft.flow(*(raft.features(p) for p in pictures))
    assert (ours - theirs).norm() / theirs.norm() < 1e-5


def test_a_correlation_in_parts_is_the_whole(tmp_path):
    source, target = torch.randn(32, 16, 20), torch.randn(32, 16, 20)
    places = torch.rand(2, 16, 20) * 20
    whole = Correlation(source, target)(places)
    parts = Correlation(source, target, most_bytes=1 << 17)
    assert parts._kept is None
    close(parts(places), whole, ACCUMULATED)
    theirs = CorrBlock()
    theirs.build_pyramid(source[None], target[None])
    close(whole, theirs.index_pyramid(places[None])[0], ACCUMULATED)


@pytest.mark.parametrize("size", [(64, 96), (61, 83)])
def test_tiles_look_at_a_part_of_the_target_and_find_the_same(size, monkeypatch):
    monkeypatch.setattr(correlation, "TILE", 8)
    source, target = torch.randn(16, *size), torch.randn(16, *size)
    row, column = torch.meshgrid(*(torch.arange(float(side)) for side in size), indexing="ij")
    places = torch.stack([column, row]) + 3 * torch.randn(2, *size)
    places[:, :5, :5] = -200.0
    places[0, 40:, 40:] += 60
    tiled = Correlation(source, target, most_bytes=1 << 20)
    assert tiled._kept is None
    seen, _ = tiled._seen(places[:, :8, 10:18])
    assert seen[0].numel() < target[0].numel()
    torch.testing.assert_close(
        tiled(places), Correlation(source, target)(places), rtol=1e-4, atol=1e-4
    )


def test_dot_in_tiles_is_dot_without_seams(networks, clip, monkeypatch):
    tracks = torch.rand(6, 40, 3, generator=torch.Generator().manual_seed(0))
    tracks = tracks * torch.tensor([70.0, 55.0, 1.0])
    tracks[0, :, 2] = 1
    whole = list(Dot(networks).refined(clip, tracks))
    monkeypatch.setattr(correlation, "TILE", 4)
    monkeypatch.setattr(Correlation, "_part", lambda self, target: 7)
    for tiled, expected in zip(Dot(networks).refined(clip, tracks), whole, strict=True):
        torch.testing.assert_close(tiled.flow, expected.flow, rtol=1e-3, atol=1e-3)
        assert (tiled.visibility != expected.visibility).float().mean() < 1e-3


@pytest.mark.parametrize("kind", [Chained, Direct])
def test_raft_tracks_a_clip_that_is_smaller_than_it_can_read(networks, clip, kind):
    frames = list(kind(lambda: RaftPairs(networks.estimator))(clip))
    assert len(frames) == 5
    for frame in frames:
        assert frame.flow.shape == (2, 64, 80)
        assert bool(torch.isfinite(frame.flow).all())


def test_windows_overlap_by_half():
    assert list(windows.window_starts(10)) == [0, 4]
    assert list(windows.window_starts(16)) == [0, 4, 8]
    assert list(windows.window_starts(8)) == [0]
    assert list(windows.window_starts(2)) == [0]


def test_only_a_windows_worth_of_feature_maps_is_kept(networks, monkeypatch):
    frames = ClipFrames(torch.rand(30, 64, 64, 3))
    alive, most = [], []
    original = windows._Maps.__getitem__

    def counted(self, frame):
        out = original(self, frame)
        alive.append(frame)
        most.append(len(self.kept))
        return out

    monkeypatch.setattr(windows._Maps, "__getitem__", counted)
    monkeypatch.setattr(cotracker, "UPDATES", 1)
    points = torch.tensor([[0.0, 10, 10], [13, 30, 30], [29, 5, 60]])
    places, logits = windows.follow(networks.tracker, frames, points)
    assert places.shape == (30, 3, 2)
    assert logits.shape == (30, 3)
    assert max(most) <= windows.WINDOW
    # Tracks are zero in windows before their own.
    assert not places[:8, 1].any()
    assert places[13, 1].any()


def test_tracking_both_ways_gives_every_frame_a_place(networks, clip, monkeypatch):
    monkeypatch.setattr(cotracker, "UPDATES", 1)
    monkeypatch.setattr(windows, "SIZE", (64, 64))
    long = ClipFrames(clip.frames.repeat(2, 1, 1, 1))
    asked = torch.tensor([[11.0, 30, 30], [0, 5, 5]])
    forward, _ = windows.predict(networks.tracker, long, asked, both_ways=False)
    both, _ = windows.predict(networks.tracker, long, asked, both_ways=True)
    assert not forward[:4, 0].any()
    assert both[:4, 0].all()
    close(both[11, 0].tolist(), [30, 30], HUNDREDS)
    assert torch.equal(forward[:, 1], both[:, 1])


def test_queries_are_spread_over_frames_and_repeat_with_the_seed(networks, clip):
    raft = networks.estimator
    first, again, other = (queries.sample_queries(clip, raft, 20, seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.bincount(first[:, 0].long()).tolist() == [5, 3, 3, 3, 3, 3]
    assert (first[:, 1] < 80).all()
    assert (first[:, 2] < 64).all()


def test_half_of_the_queries_lie_at_a_boundary():
    flow = torch.zeros(2, 60, 90)
    flow[0, :, 45:] = 20
    boundary = queries.motion_boundary(flow) > queries.BOUNDARY
    points = queries._points(boundary, 0, 40, np.random.default_rng(0))
    near = (points[:, 1] - 45).abs() <= 6
    assert near[:20].all()
    assert not near[20:].all()


def test_a_constant_flow_has_no_boundary():
    boundary = queries.motion_boundary(torch.ones(2, 30, 40)) > queries.BOUNDARY
    assert not boundary.any()
    assert len(queries._points(boundary, 2, 10, np.random.default_rng(0))) == 10


def test_cells_take_the_nearest_visible_track():
    source = torch.tensor([[0.0, 0, 1], [1, 1, 1], [0.5, 0.5, 0]])
    target = torch.tensor([[0.5, 0, 1], [1, 0.5, 0], [9, 9, 1]])
    flow, seen = from_nearest(source, target, (5, 3))
    assert flow[:, 0, 0].tolist() == [2, 0]
    assert flow[:, 2, 4].tolist() == [0, -1]
    assert flow.abs().max() <= 2
    assert seen[0, 0] == 1
    assert seen[2, 4] == 0


def test_dot_yields_every_frame_and_ticks_as_often_as_it_says(networks, clip, monkeypatch):
    monkeypatch.setattr(windows, "SIZE", (64, 64))
    monkeypatch.setattr(cotracker, "UPDATES", 1)
    ticks = []
    dot = Dot(networks, tracks=24, at_once=16)
    frames = list(dot(clip, lambda: ticks.append(1)))
    assert len(frames) == 5
    assert len(ticks) == dot.steps(6)
    for frame in frames:
        assert frame.flow.shape == (2, 64, 80)
        assert set(frame.visibility.unique().tolist()) <= {0.0, 1.0}


def test_dot_goes_both_ways_beyond_16_frames(networks):
    dot = Dot(networks)
    assert not dot.goes_both_ways(16)
    assert dot.goes_both_ways(17)
    assert dot_size((511, 30)) == (512, 64)


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "model.model."])
def test_prefixes_and_wrappings_are_undone(prefix):
    net = raft_large(weights=None)
    named = {prefix + name: value for name, value in net.state_dict().items()}
    wrapped = {"state_dict": named} if prefix else {"model": named}
    for tensors in (named, wrapped) if len(prefix) < 7 else (named,):
        raft = weights.build(tensors, weights.RAFT, "file")
        assert torch.equal(raft.net.mask_predictor.conv.bias, net.mask_predictor.conv.bias)


def test_a_missing_a_foreign_and_a_misshapen_tensor_are_named():
    named = raft_large(weights=None).state_dict()
    del named["mask_predictor.conv.bias"]
    named["surplus"] = torch.zeros(3)
    named["update_block.flow_head.conv2.bias"] = torch.zeros(5)
    with pytest.raises(ValueError, match=r"1 tensors are missing, the first net.mask_pred") as e:
        weights.build(named, weights.RAFT, "file")
    assert "1 are unexpected, the first surplus" in str(e.value)
    assert "another shape, the first update_block.flow_head.conv2.bias" in str(e.value)


def test_every_part_is_refused_in_the_others_slots():
    tensors = {
        weights.RAFT: raft_large(weights=None).state_dict(),
        weights.COTRACKER: {"updateformer.input_transform.weight": torch.zeros(384, 456)},
        weights.REFINER: {"update_block.alpha_head.conv1.weight": torch.zeros(256, 128, 3, 3)},
        weights.ALLTRACKER: {
            "cnn.features.0.0.weight": torch.zeros(96, 3, 4, 4),
            "visconf_head.0.weight": torch.zeros(256, 128, 3, 3),
        },
    }
    for slot in weights.PARTS:
        for part in tensors.keys() - {slot}:
            words = re.escape(f"is not {slot.title} ({slot.file} in the release): by its tensors")
            with pytest.raises(ValueError, match=words + " it is " + re.escape(part.title)):
                weights.build(tensors[part], slot, "file")


def test_other_files_are_refused():
    with pytest.raises(ValueError, match=r"RAFT .small., which no tracker here uses"):
        weights.build(raft_small(weights=None).state_dict(), weights.RAFT, "file")
    with pytest.raises(ValueError, match="it begins with a, b"):
        weights.build({"b": torch.ones(1), "a": torch.ones(1)}, weights.RAFT, "file")
    with pytest.raises(ValueError, match="holds no tensors"):
        weights.build({"epoch": 3}, weights.RAFT, "file")
    with pytest.raises(ValueError, match="a has a value that is NaN"):
        weights.build({"a": torch.tensor([float("nan")])}, weights.RAFT, "file")


def test_a_file_that_runs_code_is_not_loaded(tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("never",)

    torch.save({"a": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(ValueError, match="would run code"):
        weights.load(tmp_path / "evil.pth", weights.RAFT)
