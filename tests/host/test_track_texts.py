"""Texts of tracks as nodes and programs hand them over, in a running ComfyUI."""

import json

import pytest

from tests.host.stage1_host import node
from tests.host_process import HostProcess

SPLINES = [[{"x": 10, "y": 20}, {"x": 30, "y": 20}], [{"x": 5, "y": 5}, {"x": 5, "y": 25}]]
TEXTS = [json.dumps(spline) for spline in SPLINES]


def read(host: HostProcess, text) -> list:
    """The tracks that come of a text (or a link), two frames of them, as KJNodes writes them."""
    prompt = {
        "given": node("NarrowTexts", text="\n".join(TEXTS)),
        "tracks": node("MotionI2VTracksFromText", text=text, frames=2, curve="straight"),
        "text": node("MotionI2VTracksToText", tracks=["tracks", 0]),
        "said": node("PreviewAny", source=["text", 0]),
    }
    result = host.run(prompt)
    assert result.succeeded, result.errors
    return json.loads(result.outputs["said"]["text"][0])


@pytest.mark.parametrize(
    "text",
    [["given", 0], json.dumps(TEXTS), {"__value__": TEXTS}, json.dumps([[TEXTS[0]], [TEXTS[1]]])],
    ids=["from a node", "as JSON", "as a list in the prompt", "in lists of lists"],
)
def test_several_splines_in_a_list_are_several_tracks(foreign, text):
    assert read(foreign, text) == SPLINES
