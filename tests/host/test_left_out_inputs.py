"""A prompt may leave out every input that has a default, in a running ComfyUI."""

import json
from pathlib import Path

from PIL import Image

from tests.host.stage1_host import node
from tests.host_process import HostProcess, Result

OTHERS_STAND_IN = {"MotionI2VRegionMask": {"mask"}}
PICTURE = {"width": 64, "height": 48, "batch_size": 1, "color": 0x336699}


def ours(host: HostProcess) -> dict[str, dict]:
    return {k: v for k, v in host.object_info().items() if k.startswith("MotionI2V")}


def missed(host: HostProcess, kind: str, output: bool) -> set[str]:
    """The inputs that the host misses in a prompt with a node that is given nothing."""
    prompt = {"bare": node(kind)}
    if not output:
        prompt["sink"] = node("PreviewAny", source=["bare", 0])
    status, answer = host.post_prompt(prompt)
    if status == 200:
        return set()
    errors = answer["node_errors"]["bare"]["errors"]
    assert {error["type"] for error in errors} == {"required_input_missing"}, errors
    return {error["extra_info"]["input_name"] for error in errors}


def test_only_inputs_without_a_default_are_missed(host: HostProcess):
    for kind, described in ours(host).items():
        required = described["input"].get("required", {})
        needed = {name for name, told in required.items() if "default" not in told[1]}
        needed -= OTHERS_STAND_IN.get(kind, set())
        if needed:
            assert missed(host, kind, described["output_node"]) == needed, kind


def chain(host: HostProcess, explicit: bool) -> dict:
    """Drawn, densified, shown and written down again, with or without the usual values."""
    known = ours(host)

    def usual(kind: str, **given) -> dict:
        required = known[kind]["input"]["required"].items()
        values = {name: told[1]["default"] for name, told in required if "default" in told[1]}
        return node(kind, **((values if explicit else {}) | given))

    return {
        "picture": node("EmptyImage", **PICTURE),
        "drawn": usual("MotionI2VTrajectoryEditor", image=["picture", 0]),
        "read": usual("MotionI2VTracksFromText"),
        "field": usual("MotionI2VDensifyTracks", tracks=["read", 0], picture=["picture", 0]),
        "shown": usual("MotionI2VFieldPreview", field=["field", 0]),
        "warped": usual("MotionI2VWarpPreview", field=["field", 0], picture=["picture", 0]),
        "mask": node("SolidMask", value=1.0, width=64, height=48),
        "region": usual("MotionI2VRegionMask", mask=["mask", 0]),
        "text": usual("MotionI2VTracksToText", tracks=["read", 0]),
        "wrote": node("PreviewAny", source=["text", 0]),
        "drew": node("PreviewAny", source=["drawn", 1]),
        "saw": node("SaveImage", images=["shown", 0], filename_prefix="left_out"),
        "saw it move": node("SaveImage", images=["warped", 0], filename_prefix="left_out"),
        "region shown": node("SaveImage", images=["region", 1], filename_prefix="left_out"),
    }


def pixels(file: Path) -> bytes:
    with Image.open(file) as picture:
        return picture.tobytes()


def shown(host: HostProcess, result: Result) -> dict[str, list[bytes]]:
    """What each SaveImage wrote."""
    return {
        name: [pixels(host.output_dir / file["filename"]) for file in output["images"]]
        for name, output in result.outputs.items()
        if name in ("saw", "saw it move", "region shown")
    }


def test_what_is_left_out_has_its_default(host: HostProcess):
    results = [host.run(chain(host, explicit)) for explicit in (True, False)]
    for result in results:
        assert result.succeeded, result.errors
    first, second = results
    assert json.loads(second.outputs["drew"]["text"][0]) == []
    assert first.outputs["wrote"] == second.outputs["wrote"]
    # By node: in which order they end hangs on what the host has in its cache.
    pictures = [shown(host, result) for result in results]
    assert pictures[0] == pictures[1]
    assert sorted(len(each) for each in pictures[0].values()) == [1, 16, 16]
