"""Synthetic clips: their motion and visibility are exact, a seed alone decides them."""

import copy

import cv2
import numpy as np
import pytest
import torch

pytest.importorskip("skimage", reason="its photographs are used")

from motion_i2v.scenes.photograph_scenes import SceneMaker, SceneOptions
from motion_i2v.scenes.photographs import SOURCES, Photographs
from motion_i2v.scenes.scene_captions import VOCABULARY
from motion_i2v.scenes.scene_motion import SceneMotion
from motion_i2v.scenes.scene_shapes import hinged, shape
from motion_i2v.training.data.clip import stack
from motion_i2v.training.data.scene_batches import (
    RandomTimes,
    StrideTimes,
    SyntheticClips,
    make_clips,
    random_crops,
    shape_of,
)
from motion_i2v.training.data.scenes import render
from scipy.ndimage import map_coordinates

SIZE = (96, 64)
TIMES = (0.0, 0.4, 1.0)


@pytest.fixture(scope="module")
def photographs() -> Photographs:
    return Photographs("train")


def same(one, other) -> bool:
    names = ("frames", "flow", "visible", "objects", "strides")
    tensors = all(torch.equal(getattr(one, n), getattr(other, n)) for n in names)
    return tensors and one.caption == other.caption


def test_clip_has_the_promised_shapes(photographs):
    clip = render(1, SIZE, TIMES, photographs)
    assert clip.frames.shape == (3, 3, 64, 96)
    assert clip.frames.dtype == torch.float32
    assert 0 <= clip.frames.min() < clip.frames.max() <= 1
    assert clip.flow.shape == (3, 2, 64, 96)
    assert clip.flow.dtype == torch.float32
    assert not clip.flow[0].any()
    assert clip.visible.shape == (3, 64, 96)
    assert clip.visible.dtype == torch.bool
    assert clip.visible[0].all()
    assert clip.objects.shape == (64, 96)
    assert clip.objects.dtype == torch.int64
    assert clip.strides.tolist() == pytest.approx([48, 120])


def test_a_seed_alone_decides_the_clip(photographs):
    one = render(5, SIZE, TIMES, photographs)
    assert same(one, render(5, SIZE, TIMES, Photographs("train")))
    assert not torch.equal(one.frames, render(6, SIZE, TIMES, photographs).frames)


@pytest.mark.parametrize("seed", range(6))
def test_the_scene_does_not_depend_on_the_times(photographs, seed):
    few = render(seed, SIZE, (0.0, 1.0), photographs)
    many = render(seed, SIZE, (0.0, 0.2, 1.0, 0.7), photographs)
    assert torch.equal(few.frames[1], many.frames[2])
    assert torch.equal(few.flow[1], many.flow[2])
    assert torch.equal(few.visible[1], many.visible[2])
    assert torch.equal(few.objects, many.objects)
    assert few.caption == many.caption


@pytest.mark.parametrize("seed", range(12))
def test_the_flow_leads_to_what_frame_0_shows(photographs, seed):
    clip = render(seed, (128, 128), TIMES, photographs)
    x, y = np.meshgrid(np.arange(128, dtype=np.float32), np.arange(128, dtype=np.float32))
    reference = clip.frames[0].permute(1, 2, 0).numpy()
    # Where a layer ends, a pixel mixes two layers, which part.
    labels = clip.objects.numpy().astype(np.float32)
    inner = cv2.dilate(labels, np.ones((7, 7))) == cv2.erode(labels, np.ones((7, 7)))
    for i in (1, 2):
        flow = clip.flow[i].numpy()
        frame = clip.frames[i].permute(1, 2, 0).numpy()
        back = cv2.remap(frame, x + flow[0], y + flow[1], cv2.INTER_CUBIC)
        hidden = 255 - clip.visible[i].numpy().astype(np.uint8) * 255
        kept = inner & (cv2.dilate(hidden, np.ones((5, 5))) == 0)
        error = np.square(back - reference)[kept].mean()
        assert -10 * np.log10(error + 1e-9) > 30


def front_layers(scene, time: float, size: tuple[int, int]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Which layer is seen at each pixel [H, W], and each layer's motion, worked out afresh."""
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    front, moves = np.zeros((size[1], size[0]), int), []
    for k, moving in enumerate(scene.layers):
        move, layer = np.eye(3), moving.layer
        for motion in moving.motions:
            move = move @ motion.matrices(np.array([time]))[0]
        moves.append(move)
        if k:
            there = np.linalg.inv(move @ layer.place) @ np.stack([x, y, np.ones_like(x)]).reshape(
                3, -1
            )
            clear = layer.clear[..., 0].astype(float)
            seen = map_coordinates(clear, [there[1], there[0]], order=1, cval=255.0)
            front[seen.reshape(front.shape) < 127.5] = k
    return front, moves


@pytest.mark.parametrize("seed", range(8))
def test_visibility_agrees_with_one_pixel_after_the_other(photographs, seed):
    width, height = SIZE
    clip = render(seed, SIZE, TIMES, photographs)
    scene = SceneMaker(np.random.default_rng(seed), SIZE, photographs).scene()
    first, _ = front_layers(scene, 0.0, SIZE)
    sprites = np.array([layer.sprite for layer in scene.layers])
    assert (sprites[first] == clip.objects.numpy()).mean() > 0.995
    for i, time in enumerate(TIMES):
        front, moves = front_layers(scene, time, SIZE)
        expected = np.zeros((height, width), bool)
        for y in range(height):
            for x in range(width):
                end = moves[first[y, x]] @ (x, y, 1)
                column, row = round(end[0]), round(end[1])
                if 0 <= column < width and 0 <= row < height:
                    expected[y, x] = front[row, column] == first[y, x]
        assert (expected == clip.visible[i].numpy()).mean() > 0.993


def test_something_is_hidden_and_something_leaves(photographs):
    clips = [render(seed, SIZE, TIMES, photographs) for seed in range(20)]
    shares = [float((~clip.visible[2]).float().mean()) for clip in clips]
    assert max(shares) > 0.05
    assert min(shares) < 0.01


def test_sprites_move_at_most_as_far_as_asked(photographs):
    options = SceneOptions(sprites=(1, 1), camera=0.0, still=0.0, reach=0.25)
    for seed in range(30):
        clip = render(seed, SIZE, TIMES, photographs, options)
        inside = clip.objects == 1
        assert not clip.flow[:, :, ~inside].any()
        if " moves " in clip.caption:
            middle = clip.flow[2][:, inside].mean(1)
            assert middle.norm() < 0.27 * (SIZE[0] * SIZE[1]) ** 0.5


def test_still_sprites_go_with_the_camera(photographs):
    options = SceneOptions(sprites=(2, 2), camera=1.0, still=1.0)
    clip = render(3, SIZE, TIMES, photographs, options)
    alone = render(3, SIZE, TIMES, photographs, SceneOptions(sprites=(0, 0), camera=1.0))
    assert torch.equal(clip.flow, alone.flow)
    assert clip.objects.max() == 2
    assert clip.caption == alone.caption


@pytest.mark.parametrize(
    ("word", "axis", "sign"),
    [("left", 0, 1), ("right", 0, -1), ("up", 1, 1), ("down", 1, -1)],
)
def test_what_is_seen_moves_against_the_camera(photographs, word, axis, sign):
    options = SceneOptions(sprites=(0, 0), camera=1.0)
    clips = [render(seed, SIZE, (0.0, 1.0), photographs, options) for seed in range(40)]
    chosen = [clip for clip in clips if "pans" in clip.caption and word in clip.caption.split()]
    assert chosen
    assert all(sign * clip.flow[1, axis].mean() > 0 for clip in chosen)


@pytest.mark.parametrize(
    ("word", "axis", "sign"),
    [("left", 0, -1), ("right", 0, 1), ("up", 1, -1), ("down", 1, 1)],
)
def test_sprites_move_where_the_caption_says(photographs, word, axis, sign):
    options = SceneOptions(sprites=(1, 1), camera=0.0, still=0.0)
    clips = [render(seed, SIZE, (0.0, 1.0), photographs, options) for seed in range(40)]
    chosen = [c for c in clips if " moves " in c.caption and word in c.caption.split()]
    assert chosen
    for clip in chosen:
        assert sign * clip.flow[1, axis][clip.objects == 1].median() > 0


def test_captions_use_the_vocabulary(photographs):
    assert len(VOCABULARY) == len(set(VOCABULARY)) <= 60
    for split in (photographs, Photographs("held_out")):
        for seed in range(60):
            clip = render(seed, (32, 32), (0.0, 1.0), split)
            assert set(clip.caption.replace(",", "").split()) <= set(VOCABULARY)
            assert (clip.caption == "nothing moves") == (not clip.flow.any())


def test_light_changes_frames_and_nothing_else(photographs):
    plain = render(2, SIZE, TIMES, photographs)
    lit = render(2, SIZE, TIMES, photographs, SceneOptions(light=0.3))
    assert torch.equal(plain.frames[0], lit.frames[0])
    assert not torch.equal(plain.frames[2], lit.frames[2])
    assert torch.equal(plain.flow, lit.flow)


@pytest.mark.parametrize("times", [(), (0.1, 1.0), (0.0, 0.0), (0.0, 1.2), (0.0, float("nan"))])
def test_times_out_of_bounds_are_refused(photographs, times):
    with pytest.raises(ValueError, match="start with 0"):
        render(0, SIZE, times, photographs)


def test_motion_is_nothing_at_first_and_complete_at_last():
    motion = SceneMotion((3.0, 4.0), (10.0, -5.0), (2.0, 2.0), 0.5, (0.2, 0.2), ease=(1.7, 1.3))
    first, last = motion.matrices(np.array([0.0, 1.0]))
    assert np.allclose(first, np.eye(3))
    assert np.allclose(last @ (3, 4, 1), (13, -1, 1))
    assert np.linalg.det(last) == pytest.approx(np.exp(0.4))


@pytest.mark.parametrize("seed", range(5))
def test_hinged_parts_make_the_whole_shape(seed):
    random = np.random.default_rng(seed)
    cover = shape(random, 40, slender=True)
    stays, turns, (x, y) = hinged(random, cover)
    inside = cover == 255
    assert (np.maximum(stays, turns)[inside] >= 127).all()
    assert (stays < 128)[inside].any()
    assert (turns < 128)[inside].any()
    assert min(stays[round(y), round(x)], turns[round(y), round(x)]) > 200


def test_shapes_have_an_empty_margin():
    for seed in range(40):
        cover = shape(np.random.default_rng(seed), 30)
        assert not np.concatenate([cover[0], cover[-1], cover[:, 0], cover[:, -1]]).any()
        assert 27 <= max(cv2.boundingRect(cover)[2:]) <= 35


def test_held_out_photographs_are_never_trained_on(photographs):
    held_out = Photographs("held_out")
    train_files = {item.source.file for item in photographs.items}
    held_files = {item.source.file for item in held_out.items}
    assert train_files.isdisjoint(held_files)
    assert train_files | held_files == {source.file for source in SOURCES}
    # One photograph under two names, such as the pack's cat.jpg, would leak.
    assert len({source.title for source in SOURCES}) == len(SOURCES)
    for one in photographs.items:
        for other in held_out.items:
            small = [cv2.resize(item.levels[-1], (16, 16)).ravel() for item in (one, other)]
            assert np.corrcoef(*small)[0, 1] < 0.9
    assert set(photographs.cut_outs).isdisjoint(held_out.cut_outs)
    assert "rocket" in held_out.cut_outs


def test_every_photograph_states_its_licence():
    for source in SOURCES:
        assert source.licence in ("CC0", "public domain", "no known restrictions")


def test_a_photograph_to_avoid_is_avoided(photographs):
    random = np.random.default_rng(0)
    assert all(photographs.texture(random, (8, 8), avoid=1)[1] != 1 for _ in range(60))


def test_crop_is_a_picture(photographs):
    piece = photographs.crop(np.random.default_rng(0), (40, 24))
    assert piece.shape == (24, 40, 3)
    assert piece.dtype == np.float32
    assert 0 <= piece.min() <= piece.max() <= 1


def test_photographs_travel_to_workers(photographs):
    again = copy.deepcopy(photographs)
    assert same(render(4, SIZE, TIMES, again), render(4, SIZE, TIMES, photographs))


def test_an_empty_split_is_refused():
    with pytest.raises(ValueError, match="no photograph"):
        Photographs("train", [source for source in SOURCES if source.split == "held_out"])


def test_each_photograph_is_taken_as_often_as_any_other(photographs):
    random, draws = np.random.default_rng(0), 2000
    taken = [photographs.texture(random, (4, 4))[1] for _ in range(draws)]
    counts = np.bincount(taken, minlength=len(photographs))
    expected = draws / len(photographs)
    # Five standard deviations of a count; the seed is fixed.
    assert abs(counts - expected).max() < 5 * expected**0.5


def test_random_crops(photographs):
    one = random_crops(3, 6, (48, 32), photographs)
    assert one.shape == (6, 3, 32, 48)
    assert 0 <= one.min() <= one.max() <= 1
    assert torch.equal(one, random_crops(3, 6, (48, 32), photographs))
    assert not torch.equal(one, random_crops(4, 6, (48, 32), photographs))


def test_clips_are_decided_by_seed_and_index(photographs):
    clips = make_clips(7, [3, 4], (32, 32), RandomTimes(3), photographs)
    assert same(clips[1], make_clips(7, [4], (32, 32), RandomTimes(3), photographs)[0])
    assert not same(clips[0], clips[1])
    assert not same(clips[0], make_clips(8, [3], (32, 32), RandomTimes(3), photographs)[0])


def test_shape_of_a_step():
    shapes = [shape_of(step, 1, frames=(2, 8), pictures=32) for step in range(40)]
    assert shapes == [shape_of(step, 1, frames=(2, 8), pictures=32) for step in range(40)]
    assert {shape.size for shape in shapes} == {(128, 128), (160, 96), (96, 160)}
    assert {(shape.frames, shape.batch) for shape in shapes} == {(2, 16), (8, 4)}


def test_batches(photographs):
    def batch(step, rank):
        times = lambda frames: StrideTimes((60, 120))  # noqa: E731
        return SyntheticClips(photographs, 11, ((32, 24),), (3,), 6, times)(step, rank, 2)

    one = batch(5, 0)
    assert one["frames"].shape == (2, 3, 3, 24, 32)
    assert one["flow"].shape == (2, 3, 2, 24, 32)
    assert one["visible"].shape == (2, 3, 24, 32)
    assert one["objects"].shape == (2, 24, 32)
    assert one["strides"].tolist() == [[60, 120], [60, 120]]
    assert len(one["caption"]) == 2
    assert torch.equal(one["frames"], batch(5, 0)["frames"])
    assert not torch.equal(one["frames"], batch(5, 1)["frames"])
    assert not torch.equal(one["frames"], batch(6, 0)["frames"])


def test_clips_of_different_shapes_make_no_batch(photographs):
    clips = [render(0, (32, 32), (0.0, 1.0), photographs), render(0, (32, 32), TIMES, photographs)]
    with pytest.raises(ValueError, match="one shape"):
        stack(clips)
    with pytest.raises(ValueError, match="at least one"):
        stack([])
