"""Inputs for what only newer hosts have, with the host's own nodes before them."""

import json

import numpy
import pytest
from PIL import Image

from tests.host.newer_inputs import TYPES
from tests.host.stage1_host import node
from tests.host.usual import usual
from tests.host_process import HostProcess
from tests.tolerances import Tolerance, close

WIDTH, HEIGHT = 64, 48
SHOWING = (
    *("MotionI2VTrajectoryEditor", "MotionI2VWarpPreview", "MotionI2VFieldPreview"),
    "MotionI2VTracksToGuideVideo",
)


@pytest.fixture(scope="module")
def info(foreign):
    return foreign.object_info()


def sources(info: dict) -> set[str]:
    """The types that nodes of the host give."""
    others = [told for name, told in info.items() if not name.startswith(("MotionI2V", "Narrow"))]
    return {kind for told in others for kind in told["output"] if isinstance(kind, str)}


def need(info: dict, kind: str) -> None:
    if kind not in sources(info):
        pytest.skip(f"no node of this ComfyUI gives {kind}")


@pytest.mark.parametrize(("place", "kind"), TYPES.items(), ids=TYPES.values())
def test_an_input_is_there_where_the_host_has_nodes_for_it(info, place, kind):
    name, input_name = place
    optional = info[name]["input"].get("optional", {})
    assert (input_name in optional) == (kind in sources(info))
    if input_name in optional:
        assert optional[input_name][0] == kind
        # Without it the page would give the type a widget, and saved workflows another value.
        assert optional[input_name][1]["forceInput"]


def told_by(info: dict, key: str) -> bool:
    """Whether this host describes its nodes with a key."""
    return key in info["EmptyImage"]


def test_what_the_page_is_told(info):
    ours = {name: told for name, told in info.items() if name.startswith("MotionI2V")}
    if told_by(info, "search_aliases"):
        assert [name for name, told in ours.items() if not told["search_aliases"]] == []
    if told_by(info, "has_intermediate_output"):
        assert {n for n, told in ours.items() if told["has_intermediate_output"]} == set(SHOWING)
    if told_by(info, "essentials_category"):
        found = {told["essentials_category"] for told in info.values()}
        for name in SHOWING[:2]:
            assert ours[name]["essentials_category"] == "Video Tools"
        assert (
            "Video Tools"
            in {told["essentials_category"] for name, told in info.items() if name not in ours}
            & found
        )


def moved(info: dict, **retime) -> dict:
    """A bar that goes 30 px to the right in 16 frames, retimed, as text of its track."""
    bar = {"text": "16,24, 46,24", "width": WIDTH, "height": HEIGHT, "curve": "straight"}
    return {
        "tracks": usual(info, "MotionI2VTracksFromText", **bar),
        "field": usual(info, "MotionI2VDensifyTracks", tracks=["tracks", 0]),
        "retimed": usual(info, "MotionI2VRetimeMotionField", field=["field", 0], **retime),
        "followed": usual(
            info, "MotionI2VMotionFieldToTracks", field=["retimed", 0], starts=["tracks", 0]
        ),
        "text": node("MotionI2VTracksToText", tracks=["followed", 0], format="lines"),
        "said": node("PreviewAny", source=["text", 0]),
    }


def across(host: HostProcess, prompt: dict) -> numpy.ndarray:
    """How far the bar is in each frame, in pixels."""
    result = host.run(prompt)
    assert result.succeeded, result.errors
    numbers = [float(word) for word in result.outputs["said"]["text"][0].split(",")]
    return numpy.array(numbers[::2]) - numbers[0]


def curve(*points: tuple[float, float], interpolation: str = "linear") -> dict:
    value = {"points": [list(point) for point in points], "interpolation": interpolation}
    return {"curve": node("CurveEditor", curve=value)}


@pytest.mark.parametrize(
    ("drawn", "wanted"),
    [
        (curve((0, 0), (1, 1)), lambda t: t),
        (curve((0, 0), (0.5, 0), (1, 1)), lambda t: numpy.clip(2 * t - 1, 0, 1)),
        (curve((0, 0), (0.5, 1), (1, 0)), lambda t: 1 - abs(2 * t - 1)),
        (curve((0, 0), (1, 0.5)), lambda t: t / 2),
    ],
    ids=["straight", "late", "there and back", "half of it"],
)
def test_a_curve_says_how_time_passes(foreign, info, drawn, wanted):
    need(info, "CURVE")
    prompt = moved(info, frames=21, curve=["curve", 0]) | drawn
    expected = 30 * wanted(numpy.linspace(0, 1, 21))
    close(across(foreign, prompt), expected, Tolerance(0.02))


def test_a_smooth_curve_is_the_one_that_the_editor_shows(foreign, info, host_env):
    need(info, "CURVE")
    from comfy_api.input import CurveInput

    drawn = curve((0, 0), (0.2, 0.05), (0.7, 0.9), (1, 1), interpolation="monotone_cubic")
    shown = CurveInput.from_raw(drawn["curve"]["inputs"]["curve"])
    prompt = moved(info, frames=21, curve=["curve", 0]) | drawn
    expected = 30 * shown.interp_array(numpy.linspace(0, 1, 21))
    close(across(foreign, prompt), expected, Tolerance(0.02))


@pytest.mark.parametrize(
    ("drawn", "said"),
    [
        (curve((0, 0.5), (1, 1)), "the curve begins at 0.5"),
        (curve((0, 0), (1, 1.5)), "from 0 to 1.5: keep it within 0..1"),
    ],
    ids=["begins later", "beyond the end"],
)
def test_a_curve_that_will_not_do(foreign, info, drawn, said):
    need(info, "CURVE")
    result = foreign.run(moved(info, frames=21, curve=["curve", 0]) | drawn)
    (error,) = result.errors
    assert (error["node_id"], error["exception_type"]) == ("retimed", "ValueError")
    assert said in error["exception_message"]


def region(info: dict, **inputs) -> dict:
    return {
        "picture": node("EmptyImage", width=WIDTH, height=HEIGHT, batch_size=1, color=0x808080),
        "black": node("SolidMask", value=0.0, width=WIDTH, height=HEIGHT),
        "drawn": node("PrimitiveBoundingBox", x=20, y=10, width=30, height=20),
        "far": node("PrimitiveBoundingBox", x=500, y=10, width=30, height=20),
        "tracked": node("NarrowSegments", found=True),
        "nothing": node("NarrowSegments", found=False),
        "region": usual(info, "MotionI2VRegionMask", **inputs),
        "image": node("MaskToImage", mask=["region", 0]),
        "saved": node("SaveImage", images=["image", 0], filename_prefix="region"),
    }


def painted(host: HostProcess, prompt: dict) -> numpy.ndarray:
    result = host.run(prompt)
    assert result.succeeded, result.errors
    (file,) = host.files(result)
    with Image.open(file) as image:
        return numpy.asarray(image.convert("L")) > 127


BOX = numpy.zeros((HEIGHT, WIDTH), dtype=bool)
BOX[10:30, 20:50] = True
OBJECTS = numpy.zeros((HEIGHT, WIDTH), dtype=bool)
OBJECTS[8:16, 8:24] = OBJECTS[30:40, 40:50] = True
PICTURE = {"picture": ["picture", 0]}


@pytest.mark.parametrize(
    ("inputs", "wanted"),
    [
        ({**PICTURE, "boxes": ["drawn", 0]}, BOX),
        ({"mask": ["black", 0], "boxes": ["drawn", 0]}, BOX),
        ({**PICTURE, "boxes": ["drawn", 0], "invert": True}, ~BOX),
        ({**PICTURE, "segments": ["tracked", 0]}, OBJECTS),
        ({**PICTURE, "boxes": ["drawn", 0], "segments": ["tracked", 0]}, BOX | OBJECTS),
    ],
    ids=["boxes", "boxes and an empty mask", "inverted", "segments", "both"],
)
def test_boxes_and_segments_are_regions(foreign, info, inputs, wanted):
    need(info, "BOUNDING_BOX")
    need(info, "SAM3_TRACK_DATA")
    assert numpy.array_equal(painted(foreign, region(info, **inputs)), wanted)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({**PICTURE, "boxes": ["far", 0]}, "holds no pixel of the picture (64x48)"),
        ({"boxes": ["drawn", 0]}, "connect picture"),
        ({**PICTURE, "segments": ["nothing", 0]}, "no tracked object is in the first frame"),
        ({**PICTURE}, "connect mask (or boxes or segments)"),
    ],
    ids=["a box outside", "no size", "no object", "nothing"],
)
def test_boxes_and_segments_that_will_not_do(foreign, info, inputs, said):
    need(info, "BOUNDING_BOX")
    need(info, "SAM3_TRACK_DATA")
    (error,) = foreign.run(region(info, **inputs)).errors
    assert (error["node_id"], error["exception_type"]) == ("region", "ValueError")
    assert said in error["exception_message"]


def test_previews_show_themselves(foreign, info):
    prompt = moved(info) | {
        "shown": usual(info, "MotionI2VFieldPreview", field=["field", 0], style="arrows"),
        "picture": node("ImageFromBatch", image=["shown", 0], batch_index=15, length=1),
        "warped": usual(
            info, "MotionI2VWarpPreview", field=["field", 0], picture=["picture", 0]
        ),
        "sink": node("PreviewImage", images=["shown", 0]),
        "sink too": node("PreviewImage", images=["warped", 0]),
    }  # fmt: skip
    for _ in ("run", "taken from the cache"):
        result = foreign.run(prompt)
        assert result.succeeded, result.errors
        if not told_by(info, "has_intermediate_output"):
            assert {"shown", "warped"}.isdisjoint(result.outputs)
            continue
        for name in ("shown", "warped"):
            (image,) = result.outputs[name]["images"]
            assert result.outputs[name]["animated"] == [True]
            with Image.open(foreign.base / image["type"] / image["filename"]) as picture:
                assert (picture.n_frames, picture.size) == (16, (WIDTH, HEIGHT))


def test_our_tracks_steer_the_cores_wan_move(foreign, info):
    """A point that goes right by one cell of the latent in every four frames, and a pin."""
    need(info, "TRACKS")
    ours = {"text": "4,4, 36,4\n20,20", "frames": 17, "width": 64, "height": 48}
    prompt = {
        "picture": node("EmptyImage", width=64, height=48, batch_size=1, color=0x808080),
        "parts": node("NarrowVideoParts"),
        "tracks": usual(info, "MotionI2VTracksFromText", **ours),
        "wan": node(
            "WanMoveTrackToVideo",
            **{"positive": ["parts", 1], "negative": ["parts", 1], "vae": ["parts", 0]},
            **{"tracks": ["tracks", 0], "start_image": ["picture", 0], "strength": 1.0},
            **{"width": 64, "height": 48, "length": 17, "batch_size": 1},
        ),
        "steered": node("NarrowSteered", one=["wan", 0], other=["start", 0]),
        "said": node("PreviewAny", source=["steered", 0]),
    }
    prompt["start"] = {**prompt["wan"], "inputs": {**prompt["wan"]["inputs"], "strength": 0.0}}
    result = foreign.run(prompt)
    assert result.succeeded, result.errors
    cells = json.loads(result.outputs["said"]["text"][0])
    assert cells == sorted([t, y, x] for t in range(1, 5) for y, x in ((0, t), (2, 2)))
