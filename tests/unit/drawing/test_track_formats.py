"""Tracks as text: real examples of each format, round trips, and garbage that must be an error."""

import ast
import json
import re
from pathlib import Path as File

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from motion_i2v.models.drawing.lenient_json import parse_json
from motion_i2v.models.drawing.paths import Path, sample_paths
from motion_i2v.models.drawing.track_formats import (
    parse_drawing,
    parse_tracks,
    tracks_to_paths,
    write_tracks,
)
from motion_i2v.models.types.tracks import Tracks

from tests.tolerances import Tolerance, close

EXAMPLES = json.loads(
    (File(__file__).resolve().parents[2] / "examples" / "track_texts.json").read_text()
)
few = settings(deadline=None, max_examples=60)


def named(key):
    return [pytest.param(case, id=case["name"]) for case in EXAMPLES if key in case]


@pytest.mark.parametrize("case", named("paths"))
def test_each_format_gives_its_points(case):
    paths = parse_tracks(case["text"], tuple(case["size"]), **case["arguments"])
    assert [[list(point) for point in path.points] for path in paths] == case["paths"]


@pytest.mark.parametrize("case", named("error"))
def test_bad_text_is_an_error_that_shows_the_part(case):
    with pytest.raises(ValueError, match=re.escape(case["error"])):
        parse_tracks(case["text"], tuple(case["size"]), **case["arguments"])


@pytest.mark.parametrize("case", named("paths"))
def test_auto_reads_whatever_a_named_format_reads(case):
    assert parse_tracks(case["text"], tuple(case["size"]))


@pytest.mark.parametrize(
    "arguments", [{"format": "csv"}, {"coordinates": "percent"}, {"flat": "yes"}, {"curve": "b"}]
)
def test_unknown_words_are_errors(arguments):
    with pytest.raises(ValueError, match="unknown"):
        parse_tracks("1,2,3,4", (8, 8), **arguments)


def test_curve_and_spacing_reach_the_path():
    (path,) = parse_tracks("1,2,30,40", (64, 64), curve="straight", spacing="arc")
    assert (path.curve, path.spacing) == ("straight", "arc")


def test_deep_nesting_is_an_error_and_not_a_crash():
    with pytest.raises(ValueError, match="nested"):
        parse_tracks("[" * 100_000, (8, 8))


coordinate = st.integers(-20_000, 60_000).map(lambda n: n / 100)
moving = st.integers(2, 20).flatmap(
    lambda frames: st.lists(
        st.lists(st.tuples(coordinate, coordinate), min_size=frames, max_size=frames),
        min_size=1,
        max_size=4,
    )
)


def tracks_of(columns):
    points = torch.tensor(columns, dtype=torch.float32).transpose(0, 1).contiguous()
    return Tracks(points, torch.ones(points.shape[:2], dtype=torch.bool), (512, 320))


@few
@given(moving, st.sampled_from(["kj", "lines", "editor", "tracks"]))
def test_what_is_written_reads_back(columns, format):
    tracks = tracks_of(columns)
    paths = parse_tracks(write_tracks(tracks, format), tracks.size, coordinates="pixels")
    again = sample_paths(paths, tracks.frames, tracks.size)
    close(again.points, tracks.points, Tolerance(0.006))


@few
@given(moving)
def test_ati_has_121_points_and_the_ends_of_each_track(columns):
    tracks = tracks_of(columns)
    written = json.loads(write_tracks(tracks, "ati"))
    assert [len(track) for track in written] == [121] * tracks.count
    for track, points in zip(written, tracks.points.transpose(0, 1).tolist(), strict=True):
        for sample, point in ((track[0], points[0]), (track[-1], points[-1])):
            close([sample["x"], sample["y"]], point, Tolerance(0.006))


def test_kj_is_a_flat_list_for_one_track_as_spline_editor_writes_it():
    one = tracks_of([[(1, 2), (3.25, 4)]])
    assert write_tracks(one, "kj") == '[{"x": 1, "y": 2}, {"x": 3.25, "y": 4}]'
    assert write_tracks(one, "lines") == "1,2,3.25,4"


def test_a_track_that_never_moves_becomes_a_pin():
    still, moved = tracks_to_paths(tracks_of([[(1, 2), (1, 2)], [(1, 2), (1, 3)]]))
    assert still.is_pin
    assert not moved.is_pin


def test_only_tracks_keeps_visibility_and_reading_it_as_a_path_is_refused():
    tracks = Tracks(torch.ones(2, 1, 2), torch.tensor([[True], [False]]), (8, 8))
    text = write_tracks(tracks, "tracks")
    read = Tracks.from_dict(json.loads(text))
    assert torch.equal(read.visibility, tracks.visibility)
    with pytest.raises(ValueError, match="hides"):
        parse_tracks(text, (8, 8))


def test_nothing_to_write_is_an_error():
    empty = Tracks(torch.zeros(2, 0, 2), torch.zeros(2, 0, dtype=torch.bool), (8, 8))
    with pytest.raises(ValueError, match="no track"):
        write_tracks(empty, "kj")


def assert_paths_or_message(text, format="auto"):
    try:
        paths = parse_tracks(text, (512, 320), format=format)
    except ValueError as error:
        message = str(error)
    else:
        message = "read"
        assert paths
        assert all(isinstance(path, Path) for path in paths)
    assert message


words = st.text(alphabet="[]{}(),:'\"xy0123456789.eE+- \n\\NaIntf#;é", max_size=60)


@settings(deadline=None, max_examples=300)
@given(st.one_of(words, st.text(max_size=40)))
def test_any_text_is_tracks_or_a_message_and_never_an_empty_list(text):
    assert_paths_or_message(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["x", "y", "points", "positive", "track_path", "version", "paths"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=300)
@given(json_values, st.sampled_from(["auto", "kj", "ati", "points", "tracks", "editor"]))
def test_any_json_is_tracks_or_a_message_and_never_an_empty_list(value, format):
    assert_paths_or_message(json.dumps(value), format)


strings = st.text(alphabet="ab'\"\\/ é", max_size=6)


@few
@given(st.recursive(st.integers() | strings, lambda v: st.lists(v) | st.dictionaries(strings, v)))
def test_single_quotes_mean_what_they_mean_in_python(value):
    assert parse_json(repr(value)) == ast.literal_eval(repr(value))


ONE = [{"x": 10, "y": 20}, {"x": 30, "y": 20}]
TWO = [[{"x": 5, "y": 5}, {"x": 6, "y": 5}], [{"x": 7, "y": 7}]]
DRAWN = {"version": 1, "paths": [{"points": [{"x": 0.5, "y": 0.25}]}]}
FIRST, SECOND, THIRD = ((10, 20), (30, 20)), ((5, 5), (6, 5)), ((7, 7),)
HALF = ((32, 16),)
one, two, drawn = json.dumps(ONE), json.dumps(TWO), json.dumps(DRAWN)
LISTS = {
    "a list of texts": ([one, two], [FIRST, SECOND, THIRD]),
    "a tuple": ((one, two), [FIRST, SECOND, THIRD]),
    "a JSON list of JSON texts": (json.dumps([one, two]), [FIRST, SECOND, THIRD]),
    "as Python prints it": (str([one, two]), [FIRST, SECOND, THIRD]),
    "in a JSON string": (json.dumps(json.dumps([one, two])), [FIRST, SECOND, THIRD]),
    "lists in lists": ([[one], [[two]]], [FIRST, SECOND, THIRD]),
    "one text in a list": ([one], [FIRST]),
    "a text and a list": ([one, TWO], [FIRST, SECOND, THIRD]),
    "values that are no text": (TWO, [SECOND, THIRD]),
    "a text a point": ([json.dumps(point) for point in ONE], [FIRST]),
    "formats of their own": (["1,2,3,4", one, drawn], [((1, 2), (3, 4)), FIRST, HALF]),
    "lines in a list": (["1,2,3,4", "7,7"], [((1, 2), (3, 4)), THIRD]),
    "normalised, all of them": (
        ["[[0.5, 0.5], [1, 1]]", "[[0, 0]]"],
        [((32, 32), (64, 64)), ((0, 0),)],
    ),
    "pixels, all of them": (
        ["[[0.5, 0.5], [1, 1]]", "[[9, 9]]"],
        [((0.5, 0.5), (1, 1)), ((9, 9),)],
    ),
}


@pytest.mark.parametrize(("given", "wanted"), LISTS.values(), ids=LISTS)
def test_lists_of_texts_are_joined(given, wanted):
    assert [path.points for path in parse_tracks(given, (64, 64))] == wanted


BAD_LISTS = {
    "one is broken": ([one, "[{'x': 1"], "text 2 of 2: "),
    "one is no track": ([one, '[[1, 2], [3, "a"]]'], 'text 2 of 2: the list, point 2: "y"'),
    "one is empty": ([one, " "], "text 2 of 2: the tracks' text is empty"),
    "no list": (3, "not 3"),
    "nested without end": ('["' + "[" * 50_000 + '"]', "nested"),
}


@pytest.mark.parametrize(("given", "said"), BAD_LISTS.values(), ids=BAD_LISTS)
def test_a_bad_text_in_a_list_is_named(given, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        parse_tracks(given, (64, 64))


@pytest.mark.parametrize(
    ("text", "format", "said"),
    [
        (drawn, "kj", "this is of the format editor, not kj: set format to auto"),
        ('{"track_path": [[[1, 2]]]}', "points", "of the format tracks, not points"),
        ("1,2,3,4", "kj", "this is no JSON, as kj is: set format to auto at line 1"),
    ],
)
def test_text_of_another_format_than_the_named_one(text, format, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        parse_tracks(text, (64, 64), format)


def test_tracks_as_json_in_a_batch_of_one():
    (path,) = parse_tracks('{"track_path": [[[[1, 2]], [[3, 4]]]]}', (64, 64))
    assert path.points == ((1, 2), (3, 4))


@pytest.mark.parametrize("text", [drawn, json.dumps(drawn), '{"version": 7}', "{}", "null"])
def test_a_drawing_is_the_editors_to_judge(text):
    document = json.loads(text)
    assert parse_drawing(text) == (json.loads(document) if isinstance(document, str) else document)


@pytest.mark.parametrize(
    "text", [one, two, json.dumps([one, two]), "1,2,3,4", '{"track_path": [[[1, 2]]]}']
)
def test_tracks_are_no_drawing_and_the_error_says_where_they_belong(text):
    with pytest.raises(ValueError, match="put it into Tracks From Text"):
        parse_drawing(text)


def test_what_is_neither_shows_its_place():
    with pytest.raises(ValueError, match=re.escape(">>>m<<< ove")):
        parse_drawing("move it")
