"""Workflows of the older Motion-I2V wrapper, on hosts that let one node stand in for another."""

import shutil

import pytest

from devkit import base
from tests.host_process import HostProcess

PROMPT = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "coffee.png"}, "_meta": {}},
    "2": {
        "class_type": "MotionPainter",
        "inputs": {"image": ["1", 0], "arrows": "10,20,50,60\n100,80,90,30"},
        "_meta": {},
    },
    "3": {"class_type": "MotionI2VTracksToText", "inputs": {"tracks": ["2", 1]}, "_meta": {}},
    "4": {"class_type": "PreviewAny", "inputs": {"source": ["3", 0]}, "_meta": {}},
}


def test_its_painter_becomes_tracks_from_text(host: HostProcess, host_env):
    from comfy_api.latest import io

    if not hasattr(io, "NodeReplace"):
        pytest.skip("this ComfyUI lets no node stand in for another")
    shutil.copy(base.PHOTOS / "coffee.png", host.input_dir)
    (told,) = host.get("/node_replacements")["MotionPainter"]
    assert told["new_node_id"] == "MotionI2VTracksFromText"
    result = host.run(PROMPT)
    assert result.succeeded, result.errors
    (text,) = result.outputs["4"]["text"]
    for number in ("10", "60", "100", "30"):
        assert number in text
