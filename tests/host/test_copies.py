"""Nothing hangs on the folder's name, and a second copy of the pack breaks nothing."""

import json
import urllib.request

import pytest

from devkit import base, workflows
from tests.copies import GIT, REGISTRY, host_with
from tests.host_process import HostProcess


@pytest.fixture(
    scope="module",
    params=[(REGISTRY,), (GIT, REGISTRY)],
    ids=["under the registry's name", "twice"],
)
def copies(request, tmp_path_factory):
    """A host and the folders that hold the pack there."""
    folder = tmp_path_factory.mktemp("copies")
    base.put_photos(folder)
    with host_with(folder, *request.param) as process:
        yield process, request.param


def without_files(nodes: dict) -> dict:
    """Drops the names that a host offers for `file`: each has other files in its folders."""
    for name, node in nodes.items():
        file = node["input"].get("required", {}).get("file")
        if name.startswith("MotionI2V") and file:
            del file[1]["options"]
    return nodes


def test_the_host_has_each_node_as_from_one_link_to_the_checkout(copies, host: HostProcess):
    process, names = copies
    assert "IMPORT FAILED" not in process.log
    found, usual = without_files(process.object_info()), without_files(host.object_info())
    assert found.keys() == usual.keys()
    ours = [name for name in usual if name.startswith("MotionI2V")]
    # All from one copy, so that what a node gives is of the class that the next one knows.
    (module,) = {found[name].pop("python_module") for name in ours}
    assert module in {f"custom_nodes.{folder}" for folder in names}
    for name in ours:
        assert found[name] == {k: v for k, v in usual[name].items() if k != "python_module"}


def test_it_serves_help_and_runs_an_example(copies):
    process, names = copies
    for folder in names:
        page = f"{process.url}/extensions/{folder}/docs/MotionI2VTrajectoryEditor.md"
        with urllib.request.urlopen(page) as answer:
            assert b"Trajectory Editor" in answer.read()
    twin = json.loads((workflows.TWINS / "draw-and-preview.json").read_text("utf-8"))
    result = process.run(twin)
    assert result.succeeded, result.errors
