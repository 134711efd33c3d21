"""Flow completion under the host: pictures of any size, strokes and flow in their own pixels."""

import pytest
import torch
from motion_i2v.models.host.mcdiff_file import read_mcdiff
from motion_i2v.models.networks.mcdiff_shapes import CompletionShape
from motion_i2v.models.types.motion_field import MotionField, still
from motion_i2v.models.types.tracks import Tracks
from torch import nn

from tests.narrow_mcdiff import write_mcdiff
from tests.tolerances import ACCUMULATED, close

pytestmark = pytest.mark.usefixtures("host_env")


@pytest.fixture(scope="module")
def completer(host_env, tmp_path_factory):
    from motion_i2v.models.host.flow_completion import load_flow_completion

    folder = tmp_path_factory.mktemp("mcdiff")
    return load_flow_completion(read_mcdiff(write_mcdiff(folder / "mcdiff.safetensors", side=40)))


class Seen(nn.Module):
    """A network that keeps what it is given, and answers with one flow everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([3.0, -1.0]))

    def forward(self, flow, known, picture):
        self.flow, self.known, self.picture = flow, known, picture
        return self.weight.view(1, 2, 1, 1).expand_as(flow)


@pytest.fixture
def seen(host_env, monkeypatch):
    """A completer with such a network, which is asked once."""
    import comfy.model_patcher
    from motion_i2v.models.host import flow_completion
    from motion_i2v.models.host.flow_completion import FlowCompleter

    monkeypatch.setattr(flow_completion, "MIRRORS", ((),))
    cpu = torch.device("cpu")
    patcher = comfy.model_patcher.ModelPatcher(Seen(), load_device=cpu, offload_device=cpu)
    return FlowCompleter(patcher, CompletionShape(32, (1,)), side=40, stroke=1)


def picture(width: int, height: int, count: int = 1) -> torch.Tensor:
    return torch.rand(count, height, width, 3, generator=torch.Generator().manual_seed(3))


def tracks(size=(96, 64), frames=4, hidden=()) -> Tracks:
    """One point that goes right and down, one that rests."""
    time = torch.arange(frames, dtype=torch.float32)[:, None]
    goes = torch.tensor([20.0, 20.0]) + time * torch.tensor([8.0, 4.0])
    rests = torch.tensor([60.0, 40.0]).expand(frames, 2)
    visibility = torch.ones(frames, 2, dtype=torch.bool)
    for frame, point in hidden:
        visibility[frame, point] = False
    return Tracks(torch.stack([goes, rests], dim=1), visibility, size)


@pytest.mark.parametrize("size", [(96, 64), (37, 21), (16, 16), (3, 50)])
def test_any_size_is_padded_and_comes_back(completer, size):
    flow = completer.complete(picture(*size), tracks(), 0, side=0)
    assert flow.shape == (2, size[1], size[0])
    assert flow.dtype == torch.float32
    assert flow.device.type == "cpu"
    assert torch.isfinite(flow).all()


def test_it_is_the_network_on_the_strokes(completer, monkeypatch):
    """At the picture's own size, nothing is between the network and its caller."""
    from motion_i2v.models.drawing.momentary_strokes import momentary
    from motion_i2v.models.host import flow_completion

    monkeypatch.setattr(flow_completion, "MIRRORS", ((),))
    image, drawn = picture(96, 64), momentary(tracks(), 1)
    with torch.no_grad():
        expected = completer.patcher.model(
            drawn.flow[None], drawn.known[None], image.movedim(-1, 1)
        )
    assert torch.equal(completer.complete(image, tracks(), 1, side=0), expected[0])
    assert expected.abs().max() > 0.05


@pytest.mark.parametrize(("side", "of"), [(2, 0), (1, 1)])
def test_a_mirrored_picture_has_the_mirrored_flow(completer, side, of):
    """`side` is the axis of the picture that is flipped, `of` the coordinate."""
    image, drawn = picture(96, 64), tracks()
    points = drawn.points.clone()
    points[..., of] = (95, 63)[of] - points[..., of]
    other = Tracks(points, drawn.visibility, drawn.size)
    sign = torch.tensor([-1.0 if of == 0 else 1.0, -1.0 if of == 1 else 1.0]).view(2, 1, 1)
    flow = completer.complete(image, drawn, 1, side=0)
    again = completer.complete(image.flip(side), other, 1, side=0)
    close(again.flip(side) * sign, flow, ACCUMULATED)
    assert flow.abs().max() > 0.05


def test_strokes_count(completer):
    image = picture(96, 64)
    one, other = (completer.complete(image, tracks(), step, side=0) for step in (0, 2))
    assert not torch.equal(one, other)


def test_a_larger_picture_is_seen_at_the_trained_side(completer, seen):
    seen.complete(picture(96, 64), tracks(), 0)
    assert seen.patcher.model.picture.shape == (1, 3, 32, 48)
    seen.complete(picture(96, 64), tracks(), 0, side=20)
    assert seen.patcher.model.picture.shape == (1, 3, 16, 24)
    seen.complete(picture(96, 64), tracks(), 0, side=0)
    assert seen.patcher.model.picture.shape == (1, 3, 64, 96)
    image = picture(96, 64)
    trained, told = (completer.complete(image, tracks(), 0, side=side) for side in (None, 40))
    assert torch.equal(trained, told)
    assert not torch.equal(trained, completer.complete(image, tracks(), 0, side=0))


def test_a_smaller_picture_is_left_as_it_is(seen):
    image = picture(30, 20)
    seen.complete(image, tracks(), 0)
    assert torch.equal(seen.patcher.model.picture, image.movedim(-1, 1))


def test_strokes_and_flow_are_scaled_with_the_picture(seen):
    flow = seen.complete(picture(96, 64), tracks(), 0)
    network = seen.patcher.model
    # 96 x 64 is seen as 48 x 32: half as far for the network, twice as far for the picture.
    assert torch.equal(network.flow[0, :, 10, 10], torch.tensor([4.0, 2.0]))
    assert torch.equal(flow, torch.tensor([6.0, -2.0]).view(2, 1, 1).expand(2, 64, 96))


def test_tracks_of_another_size_are_put_on_the_picture(seen):
    large = tracks().rescaled((960, 640))
    seen.complete(picture(96, 64), tracks(), 0)
    expected = seen.patcher.model.flow
    seen.complete(picture(96, 64), large, 0)
    close(seen.patcher.model.flow, expected, ACCUMULATED)


def test_a_resting_point_is_a_pin_and_a_hidden_one_says_nothing(seen):
    seen.complete(picture(96, 64), tracks(hidden=[(2, 0)]), 1, side=0)
    network = seen.patcher.model
    assert network.known[0, 0, 40, 60] == 1
    assert not network.flow[0, :, 40, 60].any()
    assert network.known.sum() == 9
    seen.complete(picture(96, 64), tracks(hidden=[(0, 0)]), 1, side=0)
    assert network.known.sum() == 18


def test_the_same_again_and_after_being_offloaded(completer):
    import comfy.model_management as management

    image = picture(96, 64)
    first = completer.complete(image, tracks(), 0)
    assert torch.equal(completer.complete(image, tracks(), 0), first)
    management.unload_all_models()
    assert torch.equal(completer.complete(image, tracks(), 0), first)


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (picture(16, 15), r"16x15 px is too small .* at least 16 px"),
        (picture(8, 8, 2), "one picture, not a batch of 2"),
        (picture(8, 8)[0], r"one picture \[1, height, width, 3\], not \[8, 8, 3\]"),
        (picture(8, 8)[..., :1], r"not \[1, 8, 8, 1\]"),
        (picture(16, 16) * float("nan"), "NaN or infinite"),
    ],
)
def test_other_pictures_are_refused(completer, image, said):
    with pytest.raises(ValueError, match=said):
        completer.complete(image, tracks(), 0)


def test_a_step_or_a_side_that_cannot_be_is_refused(completer):
    with pytest.raises(ValueError, match=r"have the steps 0\.\.2, not 3"):
        completer.complete(picture(16, 16), tracks(), 3)
    for side in (15, -1):
        with pytest.raises(ValueError, match=rf"mean side of {side} px: give at least 16"):
            completer.complete(picture(16, 16), tracks(), 0, side=side)


def test_a_file_without_it_is_refused(tmp_path):
    from motion_i2v.models.host.flow_completion import load_flow_completion

    path = write_mcdiff(tmp_path / "half.safetensors", halves=("future_frame",))
    with pytest.raises(ValueError, match="holds the future frame"):
        load_flow_completion(read_mcdiff(path))


def steps(*given, **named):
    from motion_i2v.models.host.flow_completion import StepRange

    return StepRange(*given, **named)


def all_steps(*given, **named):
    from motion_i2v.models.host.flow_completion import complete_steps

    return complete_steps(*given, **named)


def test_steps_add_up(seen):
    flows, whole = all_steps(seen, picture(96, 64), steps(tracks()))
    assert [flow.frames for flow in flows] == [2, 2, 2]
    assert whole.size == (96, 64)
    moved = torch.tensor([6.0, -2.0])
    for frame in range(4):
        assert torch.allclose(whole.flow[frame], (frame * moved).view(2, 1, 1).expand(2, 64, 96))
    assert whole.visibility[0].all()
    assert not whole.visibility[3, :, -1].any()


def test_later_steps_see_the_picture_moved(seen):
    image = picture(96, 64)
    all_steps(seen, image, steps(tracks(), 0, 2), side=0)
    # The network sees it moved by its own first flow, 3 px right and 1 px up.
    expected = image[0, 1:, :-3].movedim(-1, 0)
    shown = seen.patcher.model.picture[0, :, :-1, 3:]
    close(shown[:, 8:-8, 8:-8], expected[:, 8:-8, 8:-8], ACCUMULATED)


def test_several_pictures_are_seen_as_they_are(completer):
    images = picture(48, 32, 3)
    flows, whole = all_steps(completer, images, steps(tracks()))
    for i, flow in enumerate(flows):
        own = completer.complete(images[i : i + 1], tracks(), i)
        assert torch.equal(flow.flow[1], own)
        assert not flow.flow[0].any()
    assert torch.equal(whole.flow[1], flows[0].flow[1])


def test_the_field_so_far_goes_before(seen):
    before = MotionField(torch.stack([torch.zeros(2, 32, 48), torch.full((2, 32, 48), 2.0)]))
    flows, whole = all_steps(seen, picture(96, 64), steps(tracks(), 1, 2), so_far=before)
    assert (len(flows), whole.frames, whole.size) == (2, 4, (96, 64))
    assert torch.equal(whole.flow[:2], before.resized((96, 64)).flow)
    assert torch.equal(whole.flow[3, :, 30, 30], torch.tensor([4.0 + 12, 4.0 - 4]))


def test_one_more_frame_on_a_still_field_is_the_step(completer):
    image = picture(48, 32)
    _, alone = all_steps(completer, image, steps(tracks(), 1, 1))
    _, after = all_steps(completer, image, steps(tracks(), 1, 1), so_far=still(3, (48, 32)))
    assert torch.equal(after.flow[3], alone.flow[1])


def test_it_tells_how_far_it_is(seen):
    told = []
    all_steps(seen, picture(32, 32), steps(tracks()), on_step=lambda *done: told.append(done))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_an_interrupt_stops_it_between_steps(seen):
    import comfy.model_management as management

    told = []

    def stop(done, total):
        told.append(done)
        management.interrupt_current_processing()

    with pytest.raises(management.InterruptProcessingException):
        all_steps(seen, picture(32, 32), steps(tracks()), on_step=stop)
    assert told == [1]


@pytest.mark.parametrize(
    ("frames", "first", "count", "said"),
    [
        (1, 0, 0, "one frame, and so no step"),
        (4, 3, 0, r"first_step 3 is not among the steps of the tracks, 0\.\.2"),
        (4, -1, 0, "first_step -1"),
        (4, 1, 3, "3 steps from first_step 1 on were asked for, but the tracks have 2"),
        (4, 1, -1, "-1 steps"),
    ],
)
def test_steps_that_are_not_there_are_refused(frames, first, count, said):
    with pytest.raises(ValueError, match=said):
        steps(tracks(frames=frames), first, count)


@pytest.mark.parametrize("count", [2, 4])
def test_pictures_that_do_not_fit_the_steps_are_refused(seen, count):
    with pytest.raises(ValueError, match=rf"{count} pictures were given for 3 steps \(steps 0"):
        all_steps(seen, picture(32, 32, count), steps(tracks()))
