"""Trackers without weights: accuracy on exact motion, bad clips, cuts, regions, streaming."""

import numpy as np
import pytest
import torch
from motion_i2v.models.trackers import fields
from motion_i2v.models.trackers.clip_frames import ClipFrames, working_size
from motion_i2v.models.trackers.extract import Excerpt, extract_field
from motion_i2v.models.trackers.fill import layers, push_pull
from motion_i2v.models.trackers.methods import WITHOUT_WEIGHTS, DisPairs, without_weights
from motion_i2v.models.trackers.pairwise import Direct
from motion_i2v.scenes.flow_scores import FlowScores
from motion_i2v.scenes.textured_scenes import TexturedScene

from tests.tolerances import ACCUMULATED, close


@pytest.fixture(scope="module")
def rendered():
    return TexturedScene(seed=5, frames=9, size=(384, 256), reach=45).rendered()


def clip_of(frames) -> ClipFrames:
    return ClipFrames(torch.from_numpy(np.ascontiguousarray(frames)))


def extracted(frames, name="accurate", **options):
    clip = clip_of(frames)
    return extract_field(clip, without_weights(name), clip.own_size, **options)


def small(frames=4, size=(96, 64), **options):
    return TexturedScene(frames=frames, size=size, reach=6, sprites=1, **options).rendered()


@pytest.mark.parametrize(("name", "most"), [("accurate", 0.65), ("fast", 0.75)])
def test_visible_pixels_are_followed(rendered, name, most):
    field = extracted(rendered.frames, name)
    scores = FlowScores.of(field.flow.numpy(), field.visibility.numpy(), rendered)
    assert scores.visible < most
    assert scores.outliers < 0.06
    assert scores.f1 > 0.6


def test_anchoring_beats_chaining_and_matching(rendered):
    clip = clip_of(rendered.frames)
    errors = {}
    for name, tracker in (
        *((name, without_weights(name)) for name in WITHOUT_WEIGHTS),
        ("direct", Direct(DisPairs)),
    ):
        field = extract_field(clip, tracker, clip.own_size)
        errors[name] = FlowScores.of(field.flow.numpy(), field.visibility.numpy(), rendered).last
    assert errors["accurate"] < min(errors["fast"], errors["direct"])


def test_frame_0_is_still_and_seen(rendered):
    field = extracted(rendered.frames[:3])
    assert not field.flow[0].any()
    assert (field.visibility[0] == 1).all()
    assert set(field.visibility.unique().tolist()) <= {0.0, 1.0}


def test_a_still_clip_does_not_move():
    frame = small(noise=0).frames[:1]
    field = extracted(np.repeat(frame, 4, axis=0))
    assert field.flow.abs().max() < 0.05
    assert field.visibility.mean() > 0.99


def test_the_same_clip_gives_the_same_bits(rendered):
    first, second = (extracted(rendered.frames[:5]) for _ in range(2))
    assert torch.equal(first.flow, second.flow)
    assert torch.equal(first.visibility, second.visibility)


def test_a_smaller_working_size_still_gives_the_clips_size(rendered):
    clip = clip_of(rendered.frames)
    size = working_size(clip.own_size, 192)
    assert size == (192, 128)
    field = extract_field(clip, without_weights("accurate"), size)
    assert field.size == clip.own_size
    scores = FlowScores.of(field.flow.numpy(), field.visibility.numpy(), rendered)
    # At half the size, twice the error; never more than without minding the edges.
    assert scores.visible < 1.5
    left_small = extract_field(clip, without_weights("fast"), size, enlarge=False)
    assert left_small.size == size


def test_nothing_moves_outside_the_region(rendered):
    region = torch.zeros(1, 32, 48)
    region[:, 8:24, 12:30] = 1
    field = extracted(rendered.frames[:4], region=region)
    assert not field.flow[:, :, :, :80].any()
    assert field.flow[3, :, 100:150, 140:200].abs().max() > 1
    assert (field.visibility[:, :, :80] == 1).all()
    whole = extracted(rendered.frames[:4])
    empty = extracted(rendered.frames[:4], region=torch.zeros(1, 8, 8))
    assert torch.equal(whole.flow, empty.flow)


def test_an_excerpt_starts_at_its_own_first_frame(rendered):
    taken = extracted(rendered.frames, excerpt=Excerpt(first=2, frames=3, every=2))
    alone = extracted(rendered.frames[[2, 4, 6]])
    assert torch.equal(taken.flow, alone.flow)


def test_every_frame_is_read_a_few_times_and_dropped():
    """Long clips are streamed: frames come from a sequence that makes them when asked."""
    frames = torch.from_numpy(small(frames=12).frames)
    reads = []

    class Source:
        def __len__(self):
            return 12

        def __getitem__(self, i):
            reads.append(i)
            return frames[i]

    clip = ClipFrames(Source())
    reads.clear()
    list(without_weights("accurate")(clip))
    # Its shape may be asked for on the way; no frame is read again after the next ones.
    order = [i for i in reads if i]
    assert order == sorted(order)


def test_progress_counts_to_its_end_and_an_interrupt_stops_at_once():
    frames = small(frames=5).frames
    seen = []
    extracted(frames, on_step=lambda done, total: seen.append((done, total)))
    assert [done for done, _ in seen] == list(range(1, seen[-1][1] + 1))
    assert len({total for _, total in seen}) == 1

    def interrupt(done, total):
        if done == 6:
            raise KeyboardInterrupt
        assert done < 6

    with pytest.raises(KeyboardInterrupt):
        extracted(frames, on_step=interrupt)


def test_a_cut_is_found_and_named():
    one, other = small(frames=8), small(frames=8, seed=9)
    frames = np.concatenate([one.frames[:5], other.frames[5:]])
    with pytest.raises(ValueError, match="between frames 4 and 5"):
        extracted(frames)
    with pytest.raises(ValueError, match="between frames 3 and 5"):
        extracted(frames, excerpt=Excerpt(first=1, every=2))
    assert extracted(frames, excerpt=Excerpt(frames=5)).frames == 5
    assert extracted(frames, allow_cuts=True).frames == 8


def panned(step, frames=4):
    """A camera that turns by `step` px a frame, over pictures of 160x100."""
    wide = TexturedScene(seed=3, frames=2, size=(480, 120), reach=6, sprites=1).rendered().frames[0]
    return np.stack([wide[i : i + 100, step * i : step * i + 160] for i in range(frames)])


@pytest.mark.parametrize("step", [35, 60, -60])
def test_a_fast_pan_is_no_cut(step):
    frames = panned(abs(step))
    assert extracted(frames if step > 0 else frames[::-1]).frames == 4


def test_the_advice_on_a_cut_can_be_followed():
    one, other = small(frames=4).frames, small(frames=4, seed=9).frames
    ignore = "only fast, set 'cuts' to 'ignore'. If it is a cut, take one shot: "
    both = "set 'frames_used' to 2 for the one before the cut, or set 'first_frame' to 2 for"
    first, last = "set 'first_frame' to 1 for", "set 'frames_used' to 3 for"
    for cut, advice in ((1, first), (2, both), (3, last)):
        with pytest.raises(ValueError, match=ignore + advice) as error:
            extracted(np.concatenate([one[:cut], other[cut:]]))
        assert "'frames_used' to 1" not in str(error.value)
        assert "'first_frame' to 3" not in str(error.value)
    with pytest.raises(ValueError, match="only one frame of each"):
        extracted(np.concatenate([one[:1], other[:1]]))


def test_a_field_larger_than_the_memory_is_refused_before_any_work():
    clip = clip_of(small().frames)
    needed = 4 * 96 * 64 * 16

    def never(done, total):
        raise AssertionError("work was done")

    tracker = without_weights("fast")
    words = "4 frames of 96x64 needs 0.0 GB, .* 'as worked', or take fewer frames"
    with pytest.raises(ValueError, match=words):
        extract_field(clip, tracker, (48, 32), memory=needed - 1, on_step=never)
    assert extract_field(clip, tracker, (48, 32), memory=needed).size == (96, 64)
    assert extract_field(clip, tracker, (48, 32), enlarge=False, memory=needed // 4).frames == 4
    with pytest.raises(ValueError, match="lower 'working_side'"):
        extract_field(clip, tracker, (48, 32), enlarge=False, memory=needed // 4 - 1)


@pytest.mark.parametrize("name", WITHOUT_WEIGHTS)
def test_a_clip_shrunk_too_far_tells_its_own_size(name):
    frames = np.random.default_rng(0).random((3, 20, 1000, 3), dtype=np.float32)
    clip = clip_of(frames)
    words = "frames of 1000x20 are 64x8 .* at least 16 px .* raise 'working_side' to 800"
    with pytest.raises(ValueError, match=words):
        extract_field(clip, without_weights(name), working_size((1000, 20), 64), allow_cuts=True)
    work = working_size((1000, 20), 800)
    assert extract_field(clip, without_weights(name), work, allow_cuts=True).frames == 3


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: f[:1], "at least 2 frames"),
        (lambda f: f * 0, "frame 0 is all black"),
        (lambda f: np.concatenate([f[:2], f[:1] * 0 + 0.5, f[3:]]), "frame 2 is all one colour"),
        (lambda f: np.where(np.arange(4)[:, None, None, None] == 3, np.nan, f), "frame 3 .* NaN"),
        (lambda f: f[:, :8, :8], "at least 16 px"),
    ],
)
def test_clips_that_cannot_be_tracked(spoil, words):
    frames = spoil(small().frames).astype(np.float32)
    with pytest.raises(ValueError, match=words):
        extracted(frames)


def test_frames_of_unequal_size_are_named():
    frames = [torch.rand(48, 64, 3), torch.rand(48, 64, 3), torch.rand(64, 64, 3)]
    with pytest.raises(ValueError, match="frame 2 is 64x64 and frame 0 is 64x48"):
        ClipFrames(frames)


def test_an_excerpt_outside_the_clip_is_refused():
    clip = clip_of(small().frames)
    with pytest.raises(ValueError, match="cannot begin at frame 4"):
        clip.part(first=4)
    with pytest.raises(ValueError, match="only 1 is left"):
        clip.part(first=3)


def test_chaining_adds_displacements_along_the_way():
    first = np.zeros((20, 30, 2), np.float32)
    first[..., 0] = 3
    then = np.zeros_like(first)
    then[:, 15:] = (2, 1)
    both = fields.chain(first, then)
    assert both[5, 13].tolist() == [5, 1]
    assert both[5, 5].tolist() == [3, 0]


def test_layers_are_told_by_motion():
    flow = np.zeros((40, 60, 2), np.float32)
    flow[10:30, 20:40] = (9, -4)
    found = layers(flow)
    assert (found[10:30, 20:40] == found[15, 25]).all()
    assert found[0, 0] != found[15, 25]


def test_push_pull_keeps_the_known_and_spreads_it():
    values = np.full((17, 23, 2), 4.0, np.float32)
    known = np.zeros((17, 23), bool)
    known[3:6, 4:9] = True
    values[~known] = 100
    spread = push_pull(values, known)
    close(spread, 4.0, ACCUMULATED)
