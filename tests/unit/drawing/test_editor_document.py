"""The editor's JSON, read by Python, against the examples that the JavaScript is tested with."""

import json
import re
from pathlib import Path as File

import pytest
import torch
from motion_i2v.models.drawing.document_schema import SCHEMA
from motion_i2v.models.drawing.editor_document import read_editor_document, write_editor_document
from motion_i2v.models.drawing.paths import sample_paths

from tests.tolerances import HUNDREDS, close

EXAMPLES = json.loads(
    (File(__file__).resolve().parents[2] / "examples" / "editor_documents.json").read_text()
)
VALID = [case for case in EXAMPLES if "points" in case]
INVALID = [case for case in EXAMPLES if "error" in case]


def named(cases):
    return [pytest.param(case, id=case["name"]) for case in cases]


def expected(case):
    return torch.tensor(case["points"], dtype=torch.float32).reshape(case["frames"], -1, 2)


@pytest.mark.parametrize("case", named(VALID))
def test_a_document_gives_the_example_s_points(case):
    size = tuple(case["size"])
    tracks = sample_paths(read_editor_document(case["document"], size), case["frames"], size)
    close(tracks.points, expected(case), HUNDREDS)
    assert tracks.size == size
    assert tracks.visibility.all()


@pytest.mark.parametrize("case", named(INVALID))
def test_a_bad_document_is_an_error_that_names_what_is_wrong(case):
    with pytest.raises(ValueError, match=re.escape(case["error"])):
        read_editor_document(case["document"], (100, 100))


@pytest.mark.parametrize("case", named(VALID))
def test_writing_a_document_and_reading_it_again_moves_nothing(case):
    size = tuple(case["size"])
    paths = read_editor_document(case["document"], size)
    again = read_editor_document(json.loads(write_editor_document(paths, size)), size)
    close(sample_paths(again, case["frames"], size).points, expected(case), HUNDREDS)


@pytest.mark.parametrize("document", [None, [], 3, "x", {"version": True, "paths": []}])
def test_other_json_is_not_a_document(document):
    with pytest.raises(ValueError, match=r"document|version"):
        read_editor_document(document, (8, 8))


@pytest.mark.parametrize(
    "value",
    [
        True,
        None,
        "0.5",
        [0.5],
        float("nan"),
        float("inf"),
    ],
)
def test_a_coordinate_is_a_finite_number(value):
    document = {"version": 1, "paths": [{"kind": "pin", "points": [{"x": value, "y": 0.5}]}]}
    with pytest.raises(ValueError, match=r'paths\[0\]\.points\[0\]: "x"'):
        read_editor_document(document, (8, 8))


BEYOND_A_SCHEMA = {"ends before it starts", "recorded times that do not rise"}


@pytest.fixture(scope="module")
def validator():
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(SCHEMA)
    return Draft202012Validator(SCHEMA)


@pytest.mark.parametrize("case", named(VALID))
def test_the_schema_takes_what_the_readers_take(validator, case):
    validator.validate(case["document"])


@pytest.mark.parametrize("case", named(INVALID))
def test_the_schema_refuses_what_it_can_say(validator, case):
    assert validator.is_valid(case["document"]) == (case["name"] in BEYOND_A_SCHEMA)


def test_what_is_written_is_of_the_schema(validator):
    for case in VALID:
        paths = read_editor_document(case["document"], (64, 48))
        validator.validate(json.loads(write_editor_document(paths, (64, 48))))
