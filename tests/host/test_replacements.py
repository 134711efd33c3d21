"""Prompts with other packs' nodes, which a host with the node replacement API runs with ours."""

import urllib.error

import pytest

from devkit import base
from tests.host_process import HostProcess

ARROWS = "300,200,340,120\n100,50,100,50"
PAINTER = "MotionPainter"


@pytest.fixture(scope="module")
def told(host: HostProcess) -> dict[str, list[dict]]:
    """What the host tells the page of nodes that stand in for others."""
    try:
        return host.get("/node_replacements")
    except urllib.error.HTTPError:
        pytest.skip("this ComfyUI has no node replacement API (new in 0.33)")


def painted(kind: str, **inputs) -> dict:
    """A picture, trajectories from text on it, and their text as the tracks are read."""
    return {
        "photo": {"class_type": "LoadImage", "inputs": {"image": "rocket.png"}, "_meta": {}},
        "arrows": {"class_type": kind, "inputs": inputs, "_meta": {}},
        "text": {
            "class_type": "MotionI2VTracksToText",
            "inputs": {"tracks": ["arrows", 1 if kind == PAINTER else 0], "format": "lines"},
            "_meta": {},
        },
        "shown": {"class_type": "PreviewAny", "inputs": {"source": ["text", 0]}, "_meta": {}},
    }


def test_every_entry_names_inputs_and_outputs_that_are_there(told, host: HostProcess):
    info = host.object_info()
    ours = [
        e for entries in told.values() for e in entries if e["new_node_id"].startswith("Motion")
    ]
    assert ours
    for entry in ours:
        assert entry["old_node_id"] not in info
        new = info[entry["new_node_id"]]
        inputs = {name for group in new["input"].values() for name in group}
        assert {each["new_id"] for each in entry["input_mapping"]} <= inputs
        assert all(each["new_idx"] < len(new["output"]) for each in entry["output_mapping"])


def test_the_older_wrappers_arrows_are_tracks(told, host: HostProcess):
    base.put_photos(host.base)
    old = host.run(painted(PAINTER, image=["photo", 0], arrows=ARROWS))
    assert old.succeeded, old.errors
    new = host.run(
        painted("MotionI2VTracksFromText", picture=["photo", 0], text=ARROWS, format="lines")
    )
    assert old.outputs["shown"] == new.outputs["shown"]
    first = old.outputs["shown"]["text"][0].splitlines()[0]
    assert first.startswith("300,200")
    assert first.endswith("340,120")
