"""The client itself, on core nodes only: what every other host test leans on."""

from tests.host_process import HostProcess

PICTURE = {"class_type": "EmptyImage", "inputs": {"width": 16, "height": 8, "batch_size": 1}}


def prompt(color: int) -> dict:
    picture = {**PICTURE, "inputs": {**PICTURE["inputs"], "color": color}}
    return {
        "1": picture,
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "t"}},
    }


def test_runs_a_prompt_and_finds_its_files(host: HostProcess):
    result = host.run(prompt(0x102030))
    assert result.succeeded
    assert result.executed == ["1", "2"]
    (file,) = host.files(result)
    assert file.is_file()
    assert file.parent == host.output_dir


def test_the_same_prompt_twice_hits_the_cache(host: HostProcess):
    first = host.run(prompt(0x123456))
    second = host.run(prompt(0x123456))
    assert "1" not in first.cached
    assert second.cached == {"1", "2"}


def test_a_refused_prompt_is_answered_with_reasons(host: HostProcess):
    broken = prompt(0)
    broken["1"] = {**broken["1"], "inputs": {**broken["1"]["inputs"], "width": -3}}
    status, answer = host.post_prompt(broken)
    assert status == 400
    assert "width" in str(answer["node_errors"])


def test_the_pack_was_imported(host: HostProcess):
    assert "ComfyUI-MotionI2V" in host.log
    assert "IMPORT FAILED" not in host.log
