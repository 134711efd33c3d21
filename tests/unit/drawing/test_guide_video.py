"""Tracks drawn as LTX's motion-track guide: discs, trail, colours, what is hidden."""

import pytest
import torch
from motion_i2v.models.drawing.guide_video import TRAIL, guide_video
from motion_i2v.models.types.tracks import Tracks

from tests.tolerances import FLOAT32, close

SIZE = (384, 256)
BIG = 1080 / 256


def tracks(points: torch.Tensor, hidden: tuple[int, ...] = ()) -> Tracks:
    seen = torch.ones(points.shape[:2], dtype=torch.bool)
    seen[list(hidden)] = False
    return Tracks(points.float(), seen, SIZE)


def drawn_by_hand(given: Tracks, frame: int) -> torch.Tensor:
    """One frame, every pixel of the large canvas asked in turn which disc is on top."""
    width, height = SIZE
    canvas = torch.zeros(1080, int(width * BIG), 3)
    rows = torch.arange(1080).view(-1, 1)
    columns = torch.arange(canvas.shape[1]).view(1, -1)
    for then in range(max(0, frame - TRAIL), frame + 1):
        new = 1 - (frame - then) / TRAIL
        for (x, y), seen in zip(given.points[then], given.visibility[then], strict=True):
            at = (columns - (x * BIG).round()) ** 2 + (rows - (y * BIG).round()) ** 2
            if seen:
                canvas[at <= (2 + 6 * new) ** 2] = torch.tensor(colour(new))
    small = torch.nn.functional.interpolate(
        canvas.permute(2, 0, 1)[None], (height, width), mode="bilinear"
    )
    return small[0].permute(1, 2, 0)[..., [2, 1, 0]]


def colour(new: float) -> tuple[float, float, float]:
    if new <= 1 / 3:
        return 0.0, 3 * new, 1 - 3 * new
    if new <= 2 / 3:
        return 3 * new - 1, 1.0, 0.0
    return 1.0, 3 - 3 * new, 0.0


def test_each_frame_is_what_the_form_says():
    torch.manual_seed(0)
    walk = torch.tensor([192.0, 128.0]) + torch.randn(57, 2, 2).cumsum(0) * 8
    given = tracks(walk, hidden=(20, 21))
    video = guide_video(given)
    assert video.shape == (57, 256, 384, 3)
    for frame in (0, 21, 56):
        close(video[frame], drawn_by_hand(given, frame), FLOAT32)


def test_now_is_blue_and_the_past_is_red():
    time = torch.arange(57.0).view(-1, 1, 1)
    video = guide_video(tracks(torch.tensor([20.0, 32.0]) + time * torch.tensor([4.0, 0.0])))
    row, now = video[56, 32], 20 + 4 * 56
    assert row[now].argmax() == 2
    assert row[now - 4 * TRAIL].argmax() == 0
    assert not row[: now - 4 * TRAIL - 2].any()


def test_what_is_hidden_or_outside_is_not_drawn():
    place = torch.tensor([[[48.0, 32.0]]]).expand(9, 1, 2)
    assert not guide_video(tracks(place, hidden=tuple(range(9)))).any()
    assert not guide_video(tracks(place + 500)).any()
    assert guide_video(tracks(place, hidden=(8,)))[8].any()


def test_progress_is_told():
    steps = []
    guide_video(tracks(torch.zeros(9, 1, 2)), lambda done, of: steps.append((done, of)))
    assert steps == [(n, 9) for n in range(1, 10)]


@pytest.mark.parametrize(
    ("size", "frames", "message"),
    [
        ((100, 64), 9, "width is 100; LTX needs a multiple of 32, such as 96"),
        ((96, 20), 9, "height is 20; LTX needs a multiple of 32, such as 32"),
        ((96, 64), 16, r"frames is 16; LTX needs 8n \+ 1, such as 17"),
    ],
)
def test_what_ltx_cannot_take_is_refused(size, frames, message):
    still = Tracks(torch.zeros(frames, 1, 2), torch.ones(frames, 1, dtype=torch.bool), size)
    with pytest.raises(ValueError, match=message):
        guide_video(still)
