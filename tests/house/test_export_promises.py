"""What a newer page may add to a workflow, and what it must not lose."""

import copy
import json
from collections.abc import Callable

import pytest

from devkit import workflows
from devkit.promises import lost, lost_of_prompt

NAME = "draw-and-preview"


def workflow() -> dict:
    return json.loads((workflows.places.EXAMPLES / f"{NAME}.json").read_text("utf-8"))


def prompt() -> dict:
    return json.loads((workflows.TWINS / f"{NAME}.json").read_text("utf-8"))


def node_of(graph: dict, kind: str) -> dict:
    return next(node for node in graph["nodes"] if node["type"] == kind)


def entry_of(twin: dict, kind: str) -> dict:
    return next(entry for entry in twin.values() if entry["class_type"] == kind)


def as_a_newer_page_saves_it(graph: dict) -> dict:
    """With what frontend 1.49 and newer core nodes were seen to add and to leave out."""
    graph = copy.deepcopy(graph)
    graph.update(id="5d451d68-254a-424e-a1e8-4df5a5b8b66f", version=1)
    graph["extra"]["frontendVersion"] = "1.49.6"
    for group in graph["groups"]:
        del group["font_size"]
    for node in graph["nodes"]:
        node["size"] = [node["size"][0], node["size"][1] + 22]
        node["widgets_values_named"] = {}
        if not node.get("widgets_values"):
            node.pop("widgets_values", None)
    node_of(graph, "CreateVideo")["widgets_values"].append(8)
    saver = node_of(graph, "SaveVideo")
    saver["outputs"] = [{"name": "video", "type": "VIDEO", "links": None}]
    saver["inputs"].append({"name": "audio", "type": "AUDIO", "link": None})
    return graph


def as_a_newer_page_exports_it(twin: dict) -> dict:
    twin = copy.deepcopy(twin)
    entry_of(twin, "CreateVideo")["inputs"]["bit_depth"] = 8
    saver = entry_of(twin, "SaveVideo")
    saver["inputs"].update({"format.codec": saver["inputs"]["codec"], "codec": "auto"})
    entry_of(twin, "SaveAnimatedWEBP")["_meta"]["title"] = "Save Animated WEBP"
    return twin


def test_what_a_newer_page_adds_is_no_loss():
    assert lost(workflow(), as_a_newer_page_saves_it(workflow())) == []
    assert lost_of_prompt(prompt(), as_a_newer_page_exports_it(prompt()), workflow()) == []


def test_an_empty_field_of_a_core_node_may_go_and_one_of_ours_may_not():
    twin, exported = prompt(), prompt()
    entry_of(twin, "CreateVideo")["inputs"]["preview"] = ""
    assert lost_of_prompt(twin, exported, workflow()) == []
    entry_of(twin, "MotionI2VTrajectoryEditor")["inputs"]["drawing"] = ""
    assert len(lost_of_prompt(twin, exported, workflow())) == 1


def renamed(graph: dict) -> None:
    next(node for node in graph["nodes"] if "title" in node)["title"] = "Another"


def moved_link(graph: dict) -> None:
    graph["links"][0][1] += 1


def relinked_input(graph: dict) -> None:
    node_of(graph, "CreateVideo")["inputs"][1]["link"] = 9


def unlinked_output(graph: dict) -> None:
    node_of(graph, "CreateVideo")["outputs"][0]["links"] = None


def fewer_widgets(graph: dict) -> None:
    node_of(graph, "SaveVideo")["widgets_values"].pop()


def other_drawing(graph: dict) -> None:
    node_of(graph, "MotionI2VTrajectoryEditor")["widgets_values"][0] = ""


def widget_more_of_ours(graph: dict) -> None:
    node_of(graph, "MotionI2VTrajectoryEditor")["widgets_values"].append(0)


def widget_in_between(graph: dict) -> None:
    node_of(graph, "CreateVideo")["widgets_values"].insert(0, 8)


def node_less(graph: dict) -> None:
    graph["nodes"].pop()


def node_more(graph: dict) -> None:
    graph["nodes"].append({**graph["nodes"][0], "id": 999})


def link_more(graph: dict) -> None:
    graph["links"].append([999, *graph["links"][0][1:]])


def bypassed(graph: dict) -> None:
    node_of(graph, "SaveVideo")["mode"] = 4


def elsewhere(graph: dict) -> None:
    node_of(graph, "SaveVideo")["pos"][0] += 1


def group_less(graph: dict) -> None:
    graph["groups"].pop()


CHANGES = [
    *(renamed, moved_link, relinked_input, unlinked_output, fewer_widgets, other_drawing),
    *(widget_more_of_ours, widget_in_between, node_less, node_more, link_more, bypassed),
    *(elsewhere, group_less),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_changed_workflow_is_noticed(change: Callable[[dict], None]):
    saved = as_a_newer_page_saves_it(workflow())
    change(saved)
    assert lost(workflow(), saved)


def with_subgraph(graph: dict) -> dict:
    """The same graph as a subgraph of an empty one."""
    inside = {"id": "a-subgraph", "nodes": graph["nodes"], "links": graph["links"]}
    return {**graph, "nodes": [], "links": [], "definitions": {"subgraphs": [inside]}}


@pytest.mark.parametrize("change", CHANGES[:-1], ids=lambda change: change.__name__)
def test_a_change_within_a_subgraph_is_noticed(change: Callable[[dict], None]):
    saved = as_a_newer_page_saves_it(workflow())
    assert lost(with_subgraph(workflow()), with_subgraph(saved)) == []
    change(saved)
    assert lost(with_subgraph(workflow()), with_subgraph(saved))


def other_value(twin: dict) -> None:
    entry_of(twin, "CreateVideo")["inputs"]["fps"] = 13


def other_link(twin: dict) -> None:
    entry_of(twin, "SaveVideo")["inputs"]["video"][1] = 1


def codec_nowhere(twin: dict) -> None:
    entry_of(twin, "SaveVideo")["inputs"].update({"format.codec": "av1"})


def entry_less(twin: dict) -> None:
    del twin[next(iter(twin))]


def entry_more(twin: dict) -> None:
    twin["999"] = copy.deepcopy(entry_of(twin, "SaveVideo"))


def other_type(twin: dict) -> None:
    entry_of(twin, "SaveVideo")["class_type"] = "SaveWEBM"


def other_title_of_ours(twin: dict) -> None:
    entry_of(twin, "MotionI2VTrajectoryEditor")["_meta"]["title"] = "Editor"


def input_more_of_ours(twin: dict) -> None:
    entry_of(twin, "MotionI2VTrajectoryEditor")["inputs"]["more"] = 1


@pytest.mark.parametrize(
    "change",
    [
        *(other_value, other_link, codec_nowhere, entry_less, entry_more, other_type),
        *(other_title_of_ours, input_more_of_ours),
    ],
    ids=lambda change: change.__name__,
)
def test_a_changed_prompt_is_noticed(change: Callable[[dict], None]):
    exported = as_a_newer_page_exports_it(prompt())
    change(exported)
    assert lost_of_prompt(prompt(), exported, workflow())


def test_a_page_writes_what_it_wrote_last_and_the_oldest_host_s_writes_all(monkeypatch, tmp_path):
    monkeypatch.delenv("COMFYUI_DIR", raising=False)
    monkeypatch.delenv("COMFYUI_FRONTEND", raising=False)
    old, new, fresh = (
        {"extra": e} for e in ({"frontendVersion": "1"}, {"frontendVersion": "2"}, {})
    )
    assert all(workflows.is_writer("1", file) for file in (old, new, fresh))
    (tmp_path / "main.py").touch()
    (tmp_path / "comfy").mkdir()
    monkeypatch.setenv("COMFYUI_DIR", str(tmp_path))
    assert [workflows.is_writer("2", file) for file in (old, new, fresh)] == [False, True, True]
