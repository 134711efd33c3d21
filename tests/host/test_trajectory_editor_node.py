"""The Trajectory Editor's node in a running ComfyUI."""

import json

import pytest

from tests.host_process import HostProcess

PATH = {"points": [{"x": 0.25, "y": 0.5}, {"x": 0.75, "y": 0.5}], "curve": "straight"}


def prompt(drawing: str, frames: int = 5) -> dict:
    picture = {"width": 80, "height": 40, "batch_size": 2, "color": 0x336699}
    editor = {"image": ["1", 0], "drawing": drawing, "frames": frames}
    return {
        "1": {"class_type": "EmptyImage", "inputs": picture},
        "2": {"class_type": "MotionI2VTrajectoryEditor", "inputs": editor},
        "3": {"class_type": "PreviewAny", "inputs": {"source": ["2", 1]}},
        "4": {"class_type": "PreviewImage", "inputs": {"images": ["2", 2]}},
    }


def document(*paths: dict) -> str:
    return json.dumps({"version": 1, "paths": list(paths)})


def test_the_tracks_and_the_preview(host: HostProcess):
    result = host.run(prompt(document(PATH)))
    assert result.succeeded
    track = json.loads(result.outputs["3"]["text"][0])
    assert track == [{"x": x, "y": 20} for x in (20, 30, 40, 50, 60)]
    assert len(result.outputs["4"]["images"]) == 1


def test_the_editor_is_sent_the_picture_and_the_frames(host: HostProcess):
    result = host.run(prompt(document(PATH), frames=6))
    (shown,) = result.outputs["2"]["motion_i2v_picture"]
    assert (shown["type"], shown["width"], shown["height"]) == ("temp", 80, 40)
    assert (host.base / "temp" / shown["filename"]).is_file()
    assert result.outputs["2"]["motion_i2v_frames"] == [6]
    assert "images" not in result.outputs["2"]


@pytest.mark.parametrize("drawing", ["", document()])
def test_nothing_drawn_is_no_error_here(host: HostProcess, drawing):
    result = host.run(prompt(drawing))
    assert result.succeeded
    assert json.loads(result.outputs["3"]["text"][0]) == []


REFUSED = {
    "not JSON": ('{"version": 1, "paths": [}', ">>>}<<<"),
    "a newer version": ('{"version": 2, "paths": []}', "version"),
    "an unknown curve": (document({**PATH, "curve": "wavy"}), "wavy"),
    "a missing coordinate": (document({"points": [{"x": 0.5}]}), "paths[0].points[0]"),
    "nested without end": ("[" * 100_000, "nested"),
}


@pytest.mark.parametrize(("drawing", "part"), REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_drawing_is_refused_before_it_is_queued(host: HostProcess, drawing, part):
    status, answer = host.post_prompt(prompt(drawing))
    assert status == 400
    (error,) = answer["node_errors"]["2"]["errors"]
    assert "drawing cannot be read" in error["details"] + error["message"]
    assert part in error["details"]
    assert host.run(prompt(document(PATH))).succeeded
