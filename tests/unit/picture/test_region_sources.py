"""Boxes of detectors, and objects tracked through a video, as regions."""

import re

import numpy as np
import pytest
import torch
from motion_i2v.models.picture.region_sources import boxes_region, segments_region

SIZE = (16, 10)


def box(x, y, width, height, **more):
    return {"x": x, "y": y, "width": width, "height": height, **more}


def inside(*spans):
    wanted = torch.zeros(10, 16)
    for left, top, right, bottom in spans:
        wanted[top:bottom, left:right] = 1
    return wanted


FORMS = {
    "one box": (box(2, 3, 5, 4), [(2, 3, 7, 7)]),
    "a list": ([box(2, 3, 5, 4), box(10, 0, 2, 2)], [(2, 3, 7, 7), (10, 0, 12, 2)]),
    "a list a frame": ([[box(2, 3, 5, 4)], [box(0, 0, 16, 10)]], [(2, 3, 7, 7)]),
    "parts of pixels": (box(1.6, 2.5, 5.2, 4.3), [(2, 2, 7, 7)]),
    "partly outside": (box(-4, -4, 8, 100), [(0, 0, 4, 10)]),
    "as a detector gives it": ([[box(2, 3, 5, 4, label="dog", score=0.9)]], [(2, 3, 7, 7)]),
}


@pytest.mark.parametrize(("boxes", "spans"), FORMS.values(), ids=FORMS)
def test_boxes(boxes, spans):
    assert torch.equal(boxes_region(boxes, SIZE), inside(*spans))


REFUSED = {
    "none": ([], "no box in the first frame"),
    "none in the first frame": ([[], [box(0, 0, 2, 2)]], "no box in the first frame"),
    "no width": ([{"x": 1, "y": 2, "height": 3}], "box 1 of 1 is {'x': 1"),
    "words": ([box(0, 0, 2, 2), box("left", 0, 2, 2)], "box 2 of 2"),
    "NaN": (box(float("nan"), 0, 2, 2), "expected the numbers"),
    "a number": (3, "no box in the first frame, but 3"),
    "empty": (box(2, 3, 0, 4), "holds no pixel of the picture (16x10): it is 0x4 at 2, 3"),
    "negative": (box(5, 5, -3, 2), "holds no pixel"),
    "outside": (box(100, 0, 5, 5), "holds no pixel"),
}


@pytest.mark.parametrize(("boxes", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_box(boxes, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        boxes_region(boxes, SIZE)


def tracked(masks: np.ndarray) -> dict:
    """As SAM3's tracker packs masks [F, objects, h, w]."""
    packed = np.packbits(masks.astype(bool), axis=-1, bitorder="little")
    return {"packed_masks": torch.from_numpy(packed), "orig_size": (100, 160), "n_frames": 2}


def test_segments_are_all_objects_of_the_first_frame():
    masks = np.random.default_rng(1).random((2, 3, 10, 16)) > 0.7
    region = segments_region(tracked(masks))
    assert torch.equal(region, torch.from_numpy(masks[0].any(axis=0)).float())


NO_SEGMENTS = {
    "nothing found": ({"packed_masks": None, "n_frames": 3}, "no tracked object"),
    "not in the first frame": (
        tracked(np.arange(2)[:, None, None, None] * np.ones((2, 1, 8, 8))),
        "no tracked object is in the first frame",
    ),
    "no object": (tracked(np.zeros((2, 0, 8, 8))), "no tracked object"),
    "something else": ([1], "a dict"),
    "another dict": ({"boxes": 1}, "got ['boxes']"),
    "other masks": ({"packed_masks": torch.zeros(2, 8, 8)}, "uint8 [frames, objects"),
}


@pytest.mark.parametrize(("given", "said"), NO_SEGMENTS.values(), ids=NO_SEGMENTS)
def test_what_are_no_segments(given, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        segments_region(given)
