"""AllTracker: its windows, memory and files. Its numbers are compared in parity."""

import itertools

import pytest
import torch
from motion_i2v.models.trackers import weights
from motion_i2v.models.trackers.alltracker import AllTracker
from motion_i2v.models.trackers.alltracker_network import AllTrackerNetwork, padding
from motion_i2v.models.trackers.alltracker_shape import AllTrackerShape
from motion_i2v.models.trackers.clip_frames import ClipFrames
from motion_i2v.models.trackers.correlation import BorderCorrelation
from motion_i2v.models.trackers.extract import extract_field
from torchvision.models.optical_flow import raft_large

from tests.parity import alltracker as parity
from tests.parity.seeded import Folder
from tests.tolerances import ACCUMULATED, close

WINDOW = 4
NARROW = AllTrackerShape(width=8, encoder=(8, 8, 8), depths=(1, 1, 1), blocks=1, frames=WINDOW)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return AllTrackerNetwork(NARROW).eval().requires_grad_(False)


@pytest.fixture
def released():
    """The tensors of a narrow network, under the release's names."""
    return parity.tensors(Folder.open(parity.NUMBERS), "alltracker")


class Watched(ClipFrames):
    """A clip that notes which frames are read."""

    def picture(self, i):
        seen.append(i)
        return super().picture(i)


seen: list[int] = []


def clip(frames: int) -> Watched:
    seen.clear()
    random = torch.Generator().manual_seed(0)
    return Watched(torch.rand(frames, 64, 80, 3, generator=random))


@pytest.mark.parametrize("frames", [2, 3, 4, 5, 6, 7, 11])
def test_every_frame_is_read_once_and_given_once(network, frames):
    ticks = []
    tracker = AllTracker(network, updates=1)
    found = list(tracker(clip(frames), lambda: ticks.append(1)))
    assert len(found) == frames - 1
    assert seen == list(range(frames))
    assert len(ticks) == tracker.steps(frames)
    for frame in found:
        assert frame.flow.shape == (2, 64, 80)
        assert bool(torch.isfinite(frame.flow).all())
        assert set(frame.visibility.unique().tolist()) <= {0.0, 1.0}


def test_frames_are_read_when_their_window_comes(network):
    following = AllTracker(network, updates=1)(clip(12))
    read = []
    for _ in range(6):
        next(following)
        read.append(len(seen))
    assert read == [4, 6, 6, 8, 8, 10]


def test_a_window_begins_with_what_the_one_before_found(network, monkeypatch):
    calls = []
    original = AllTrackerNetwork.forward

    def noted(self, anchor, maps, start, updates, tick):
        out = original(self, anchor, maps, start, updates, tick)
        calls.append((maps, start, out))
        return out

    monkeypatch.setattr(AllTrackerNetwork, "forward", noted)
    list(AllTracker(network, updates=2)(clip(7)))
    assert [start is None for _, start, _ in calls] == [True, False, False]
    for (_, _, before), (maps, start, _) in itertools.pairwise(calls):
        assert len(maps) == WINDOW
        for of_start, of_before in zip(start[:2], before[:2], strict=True):
            assert torch.equal(of_start[:2], of_before[2:])
            assert torch.equal(of_start[2:], of_before[[3, 3]])
    # Beyond the clip's end its last frame stands.
    assert torch.equal(calls[-1][0][2], calls[-1][0][3])


def test_a_pixel_is_visible_where_both_chances_say_so(network, monkeypatch):
    chances = torch.tensor([[0.9, 0.9, 0.7], [0.9, 0.5, 0.9]])[:, None]
    flow = torch.zeros(2, 1, 3)
    monkeypatch.setattr(AllTrackerNetwork, "picture", lambda *_: (flow, chances))
    (frame,) = AllTracker(network, updates=1)(clip(2))
    assert frame.visibility.tolist() == [[1, 0, 1]]


def test_an_interrupt_ends_it_within_a_window(network):
    class Interrupted(Exception):
        pass

    def stop(done, _):
        if done == 14:
            raise Interrupted

    with pytest.raises(Interrupted):
        extract_field(clip(12), AllTracker(network), (80, 64), allow_cuts=True, on_step=stop)
    assert max(seen) < 8


def test_pictures_get_edges_all_around():
    assert padding((256, 256)) == (0, 0, 0, 0)
    assert padding((257, 30)) == (113, 113, 31, 32)


def test_a_correlation_holds_the_edge_outside_and_every_cell_within():
    source, target = torch.randn(6, 16, 24), torch.randn(6, 16, 24)
    correlation = BorderCorrelation(source, target, 1)
    far = correlation(torch.full((2, 16, 24), -100.0))
    corner = (source * target[:, :1, :1]).sum(0) / 6**0.5
    torch.testing.assert_close(far[:9], corner.expand(9, -1, -1))
    # Its coarsest cell covers all three columns of the level below, not only two.
    everything = (source * target.mean((1, 2))[:, None, None]).sum(0) / 6**0.5
    close(far[-9:], everything.expand(9, -1, -1), ACCUMULATED)
    parts = BorderCorrelation(source, target, 1, most_bytes=1 << 14)
    assert parts._kept is None
    places = torch.rand(2, 16, 24) * 30 - 3
    close(parts(places), correlation(places), ACCUMULATED)


def test_a_released_file_is_as_large_as_its_authors_say():
    full, tiny = AllTrackerNetwork(), AllTrackerNetwork(AllTrackerShape(encoder=(), depths=()))
    counts = [sum(p.numel() for p in network.parameters()) for network in (full, tiny)]
    assert counts == [16_476_962, 6_294_050]


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_a_file_is_read_as_released(released, tmp_path, suffix):
    from safetensors.torch import save_file

    path = tmp_path / f"mine.{suffix}"
    if suffix == "pth":
        torch.save({"model": released, "optimizer": {}, "global_step": 7}, path)
    else:
        save_file(released, path)
    network = weights.load(path, weights.ALLTRACKER)
    assert network.shape == AllTrackerShape(32, (16, 24, 40), (1, 1, 2), 2)
    for name, tensor in released.items():
        ours = network.get_parameter if name != "time_emb" else network.get_buffer
        found = ours(weights.renamed(name, weights.ALLTRACKER))
        assert torch.equal(found.squeeze(), tensor.squeeze()), name


def test_what_a_file_lacks_or_has_too_much_is_named(released):
    del released["time_emb"], released["update_block.refine.0.layer_scale"]
    released["cnn.features.9.weight"] = torch.zeros(1)
    released["flow_head.2.bias"] = torch.zeros(3)
    with pytest.raises(ValueError, match="looks like AllTracker") as told:
        weights.build(released, weights.ALLTRACKER, "file")
    said = str(told.value)
    assert "2 tensors are missing, the first time_emb" in said
    assert "1 are unexpected, the first cnn.features.9.weight" in said
    assert "1 have another shape, the first flow_head.2.bias" in said


def test_another_trackers_file_is_named(released):
    with pytest.raises(ValueError, match=r"is not AllTracker .*: by its tensors it is RAFT"):
        weights.build(raft_large(weights=None).state_dict(), weights.ALLTRACKER, "file")
    with pytest.raises(ValueError, match=r"is not RAFT .*: by its tensors it is AllTracker \(all"):
        weights.build(released, weights.RAFT, "file")
    tiny = parity.tensors(Folder.open(parity.NUMBERS), "alltracker_tiny")
    with pytest.raises(ValueError, match=r"by its tensors it is AllTracker \(tiny\)"):
        weights.build(tiny, weights.COTRACKER, "file")
