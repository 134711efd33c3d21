"""One rule for all nodes: what no choice offers is refused, and a picture is RGB."""

from collections.abc import Iterable
from pathlib import Path

import pytest
import torch

DOCS = Path(__file__).resolve().parents[3] / "js" / "docs"


@pytest.fixture(scope="module")
def nodes(host_env):
    from motion_i2v.nodes import NODES

    return NODES


def inputs_of(node, kind: str) -> list:
    return [described for described in node.define_schema().inputs if described.io_type == kind]


@pytest.fixture
def seen(nodes, monkeypatch):
    """What the nodes' `execute` is given; it does nothing."""
    found = {}
    for node in nodes:
        monkeypatch.setattr(node, "execute", classmethod(lambda cls, **given: found.update(given)))
    return found


def given(node, **values) -> dict:
    lists = node.define_schema().is_input_list
    return {name: [value] if lists else value for name, value in values.items()}


def test_a_word_that_no_choice_has_is_refused_by_every_node(nodes, seen):
    from motion_i2v.nodes.given import is_file

    tried = 0
    for node in nodes:
        for choice in inputs_of(node, "COMBO"):
            if is_file(choice.id):
                continue
            for wrong in ("no such word", 3, ["a list"]):
                with pytest.raises(ValueError, match=choice.id) as refused:
                    node.EXECUTE_NORMALIZED(**given(node, **{choice.id: wrong}))
                assert repr(wrong) in str(refused.value)
                assert all(str(option) in str(refused.value) for option in choice.options)
            for right in choice.options:
                node.EXECUTE_NORMALIZED(**given(node, **{choice.id: right}))
            tried += 1
    assert tried > 20
    assert seen


def test_a_file_that_is_not_listed_is_the_node_s_own_to_refuse(nodes, seen):
    loader = next(node for node in nodes if node.__name__ == "MotionI2VLoadMotionField")
    loader.EXECUTE_NORMALIZED(file="sub/late.flo")
    assert seen["file"] == "sub/late.flo"


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_node_sees_rgb(nodes, seen, channels):
    picture = torch.rand(1, 4, 5, channels)
    colours = picture[..., :3].expand(-1, -1, -1, 3)
    for node in nodes:
        for image in inputs_of(node, "IMAGE"):
            node.EXECUTE_NORMALIZED(**given(node, **{image.id: picture}))
            got = seen[image.id]
            assert torch.equal(got[0] if isinstance(got, list) else got, colours)


def test_a_picture_that_is_not_finite_is_refused_by_every_node(nodes, seen):
    tried = 0
    for node in nodes:
        for image in inputs_of(node, "IMAGE"):
            for value in (float("nan"), float("-inf")):
                picture = torch.rand(1, 4, 5, 4)
                picture[..., 3] = value  # alpha, which is left out
                node.EXECUTE_NORMALIZED(**given(node, **{image.id: picture}))
                picture[0, 1, 2, 1] = value
                told = f"^{image.id} holds NaN or infinite values .1 of 60"
                with pytest.raises(ValueError, match=told):
                    node.EXECUTE_NORMALIZED(**given(node, **{image.id: picture}))
            tried += 1
    assert tried > 15


def test_a_picture_of_black_and_white_is_taken_and_one_of_whole_numbers_is_not(nodes, seen):
    node = next(node for node in nodes if node.__name__ == "MotionI2VMatchColors")
    picture = torch.ones(1, 4, 5, 3)
    node.EXECUTE_NORMALIZED(frames=picture.bool())
    assert torch.equal(seen["frames"], picture)
    with pytest.raises(ValueError, match="frames is uint8, but an IMAGE must be of floating"):
        node.EXECUTE_NORMALIZED(frames=(255 * picture).byte())


ONE = {
    *("MotionI2VMotionFieldConditioning.picture", "MotionI2VMotionFieldSampler.picture"),
    *("MotionI2VAnimateDiffSampler.picture", "MotionI2VMCDiffSampler.picture"),
    *("MotionI2VWarpPreview.picture", "MotionI2VMatchColors.reference"),
}
"""The result begins with the picture, or takes its colours."""
FIRST = {
    *("MotionI2VTrajectoryEditor.image", "MotionI2VTracksFromText.picture"),
    *("MotionI2VTracksToText.picture", "MotionI2VDensifyTracks.picture"),
    *("MotionI2VFieldPreview.picture", "MotionI2VResizeMotionField.picture"),
    *("MotionI2VRegionMask.picture", "MotionI2VTransferMotion.picture"),
    "MotionI2VTracksToGuideVideo.picture",
}
"""The picture is only looked at: for its size, its edges, or as a background."""
CLIPS = {
    *("MotionI2VFlowExtractor.frames", "MotionI2VMatchColors.frames", "MotionI2VChainShots.shot"),
    *("MotionI2VChainShots.before", "MotionI2VMCDiffContinue.frames_so_far"),
    "MotionI2VMCDiffFlowCompletion.picture",
}
"""A batch has a meaning."""


def test_several_pictures_are_refused_where_one_is_meant_and_nowhere_else(nodes, seen):
    told = set()
    for node in nodes:
        for image in inputs_of(node, "IMAGE"):
            where = f"{node.__name__}.{image.id}"
            told.add(where)
            several = given(node, **{image.id: torch.rand(3, 4, 5, 3)})
            if where not in ONE:
                node.EXECUTE_NORMALIZED(**several)
                continue
            with pytest.raises(ValueError, match=f"^{image.id} is a batch of 3 pictures, but 1"):
                node.EXECUTE_NORMALIZED(**several)
    assert seen
    assert told == ONE | FIRST | CLIPS


def tensors_in(value) -> list:
    if isinstance(value, torch.Tensor):
        return [value]
    parts = value.values() if isinstance(value, dict) else value
    parts = parts if isinstance(parts, Iterable) and not isinstance(parts, str) else ()
    return [tensor for part in parts for tensor in tensors_in(part)]


@pytest.mark.parametrize("where", sorted(FIRST - {"MotionI2VTrajectoryEditor.image"}))
def test_where_a_picture_is_only_looked_at_the_first_of_a_batch_counts(nodes, where):
    from motion_i2v.models.types.motion_field import MotionField

    tracks = {"track_path": torch.tensor([[[2.0, 3.0]], [[9.0, 5.0]], [[12.0, 6.0]]])}
    tracks["track_visibility"] = torch.ones(3, 1, dtype=torch.bool)
    sockets = {"TRACKS": tracks, "MOTION_FIELD": MotionField(torch.zeros(3, 2, 12, 16))}
    sockets["MASK"] = torch.ones(1, 12, 16)
    name, image = where.split(".")
    node = next(node for node in nodes if node.__name__ == name)
    linked = [i for i in node.define_schema().inputs if i.io_type in sockets and not i.optional]
    made = {described.id: sockets[described.io_type] for described in linked}
    batch = torch.rand(2, 12, 16, 3, generator=torch.Generator().manual_seed(0))
    if name == "MotionI2VRegionMask":
        made |= {"mask": sockets["MASK"]}
    ours, alone = (
        tensors_in(node.EXECUTE_NORMALIZED(**made, **{image: pictures}).result)
        for pictures in (batch, batch[:1])
    )
    assert len(ours) == len(alone)
    assert all(torch.equal(a, b) for a, b in zip(ours, alone, strict=True))


@pytest.mark.parametrize(
    "wrong",
    [
        torch.zeros(1, 4, 5, 2),
        torch.zeros(4, 5, 3),
        torch.zeros(0, 4, 5, 3),
        torch.zeros(1, 0, 5, 3),
        "a text",
        {"samples": torch.zeros(1)},
    ],
    ids=["2 channels", "no batch", "empty batch", "no rows", "text", "latent"],
)
def test_what_is_no_picture_is_refused_by_every_node(nodes, wrong):
    for node in nodes:
        for image in inputs_of(node, "IMAGE"):
            with pytest.raises(ValueError, match=rf"{image.id} is an IMAGE"):
                node.EXECUTE_NORMALIZED(**given(node, **{image.id: wrong}))


def test_the_help_of_every_node_that_takes_pictures_tells_of_alpha(nodes):
    for node in nodes:
        if inputs_of(node, "IMAGE"):
            for page in (DOCS / f"{node.__name__}.md", DOCS / node.__name__ / "zh.md"):
                assert "alpha" in page.read_text("utf-8").lower(), page


class OnApple(torch.Tensor):
    """A tensor that says it is on Apple's GPU, and counts as off it once it was asked to go."""

    device = torch.device("mps")

    def cpu(self):
        return self.as_subclass(torch.Tensor)


def on_apple(*shape: int) -> torch.Tensor:
    return torch.zeros(*shape).as_subclass(OnApple)


def test_no_node_computes_where_float64_is_lacking(nodes, seen):
    from motion_i2v.models.types.motion_field import MotionField

    kinds = {
        "IMAGE": on_apple(1, 4, 5, 3),
        "MASK": on_apple(1, 4, 5),
        "TRACKS": {"track_path": on_apple(2, 1, 2), "size": (5, 4)},
        "MOTION_FIELD": MotionField(on_apple(2, 2, 4, 5), on_apple(2, 4, 5)),
    }
    for node in nodes:
        for kind, value in kinds.items():
            for described in inputs_of(node, kind):
                node.EXECUTE_NORMALIZED(**given(node, **{described.id: value}))
                got = seen[described.id]
                got = got[0] if isinstance(got, list) else got
                parts = got.values() if isinstance(got, dict) else got
                tensors = [got] if isinstance(got, torch.Tensor) else list(parts)
                devices = {x.device.type for x in tensors if isinstance(x, torch.Tensor)}
                assert devices == {"cpu"}, (node, described.id)


def test_a_number_that_no_widget_allows_is_refused_by_every_node(nodes, seen):
    tried = 0
    for node in nodes:
        for number in inputs_of(node, "INT") + inputs_of(node, "FLOAT"):
            for wrong in (number.min - 1, number.max + 1):
                with pytest.raises(ValueError, match=f"{number.id} is ") as refused:
                    node.EXECUTE_NORMALIZED(**given(node, **{number.id: wrong}))
                assert f"from {number.min} to {number.max}" in str(refused.value)
            node.EXECUTE_NORMALIZED(**given(node, **{number.id: number.max}))
            assert seen[number.id] in (number.max, [number.max])
            tried += 1
    assert tried > 50


def test_an_input_that_there_is_not_is_refused_by_every_node(nodes, seen):
    for node in nodes:
        described = node.define_schema()
        with pytest.raises(ValueError, match="tracks2 is no input of") as refused:
            node.EXECUTE_NORMALIZED(**given(node, tracks2=1))
        assert described.display_name in str(refused.value)


@pytest.mark.parametrize("kind", ["INT", "FLOAT"])
@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -(10**400), "12", [1], {}])
def test_what_is_no_number_is_refused(nodes, seen, kind: str, wrong):
    node = next(node for node in nodes if inputs_of(node, kind))
    name = inputs_of(node, kind)[0].id
    with pytest.raises(ValueError, match=f"{name} is .*number from .* to .* is needed"):
        node.EXECUTE_NORMALIZED(**given(node, **{name: wrong}))


def test_a_whole_number_may_come_as_a_float_and_no_other(nodes, seen):
    node = next(node for node in nodes if node.__name__ == "MotionI2VRetimeMotionField")
    node.EXECUTE_NORMALIZED(frames=16.0)
    assert type(seen["frames"]) is int
    with pytest.raises(ValueError, match=r"frames is 16\.5.*whole number.*round it"):
        node.EXECUTE_NORMALIZED(frames=16.5)


def test_nothing_over_a_link_is_refused_by_every_node_that_needs_something(nodes, seen):
    for node in nodes:
        for described in node.define_schema().inputs:
            call = given(node, **{described.id: None})
            if described.optional:
                seen.pop(described.id, None)
                node.EXECUTE_NORMALIZED(**call)
                assert seen.get(described.id) is None
            else:
                with pytest.raises(ValueError, match=f"{described.id} is nothing"):
                    node.EXECUTE_NORMALIZED(**call)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("MASK", torch.zeros(5)),
        ("MASK", torch.zeros(0, 4, 5)),
        ("MASK", torch.zeros(1, 2, 4, 5)),
        ("MASK", 0.5),
        ("MOTION_FIELD", torch.zeros(2, 2, 4, 5)),
        ("MOTION_FIELD", (torch.zeros(2, 2, 4, 5), None)),
        ("LATENT", torch.zeros(1, 4, 5, 5)),
        ("LATENT", {"samples": None}),
        ("MODEL", "a name"),
        ("VAE", {"vae": 1}),
        ("CONTROL_NET", 3),
        ("FLOW_VAE", torch.zeros(1)),
        ("BOOLEAN", "yes"),
        ("STRING", 3),
        ("STRING", {"text": ""}),
    ],
)
def test_what_is_of_another_kind_is_refused_by_every_node(nodes, kind: str, wrong):
    tried = 0
    for node in nodes:
        for described in inputs_of(node, kind):
            tried += 1
            with pytest.raises(ValueError, match=f"{described.id} is "):
                node.EXECUTE_NORMALIZED(**given(node, **{described.id: wrong}))
    assert tried


def test_a_mask_is_a_batch_for_every_node(nodes, seen):
    for node in nodes:
        for mask in inputs_of(node, "MASK"):
            for shape in ((4, 5), (1, 4, 5), (1, 1, 4, 5)):
                node.EXECUTE_NORMALIZED(**given(node, **{mask.id: torch.ones(shape)}))
                got = seen[mask.id]
                assert (got[0] if isinstance(got, list) else got).shape == (1, 4, 5)


def test_a_list_of_texts_is_for_tracks_alone(nodes, seen):
    taken = set()
    for node in nodes:
        for text in inputs_of(node, "STRING"):
            try:
                node.EXECUTE_NORMALIZED(**given(node, **{text.id: ["1,2", "3,4"]}))
                taken.add(node.__name__)
            except ValueError as refused:
                assert f"{text.id} is " in str(refused)  # noqa: PT017
    assert taken == {"MotionI2VTracksFromText"}
