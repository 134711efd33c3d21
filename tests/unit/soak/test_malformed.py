"""A few of the soak's malformed inputs, and that it sees what is no answer."""

import time

import pytest

from soak import malformed
from soak.apart import run_apart
from soak.cases import Case
from soak.rows import Row, as_json, table
from soak.verdict import Given


def test_a_few_are_answered(host_folders):
    strategy = malformed.malformed_inputs(host_folders.input, {})
    tally = malformed.treat(strategy, 60, time.monotonic() + 60, seed=1)
    assert tally.failures == []
    assert 0 < tally.refused < tally.done


FRAMES = (Given("frames", "INT", 0, bad=True), Given("mask", "MASK"))


def raising(error: Exception, mended: Exception | None = None) -> Case:
    def call(what: Exception | None = error) -> None:
        if what is not None:
            raise what

    return Case("a case", call, FRAMES, lambda: call(mended))


@pytest.mark.parametrize(
    "error",
    [TypeError("frames is 0, but at least 2 are needed"), ValueError("no"), MemoryError()],
)
def test_an_error_that_does_not_help_is_a_failure(error):
    tally = malformed.Tally()
    tally.judge(raising(error))
    assert len(tally.failures) == 1
    assert "a case" in tally.failures[0]


def test_an_error_from_inside_a_library_is_a_failure():
    tally = malformed.Tally()
    tally.judge(Case("a case", lambda: __import__("json").loads("{")))
    assert len(tally.failures) == 1


def test_an_error_of_a_check_is_an_answer():
    tally = malformed.Tally()
    tally.judge(raising(ValueError("frames is 0, but at least 2 are needed")))
    assert (tally.failures, tally.refused, tally.done) == ([], 1, 1)


@pytest.mark.parametrize("cause", [True, False])
def test_an_error_that_names_only_what_was_good_must_come_without_the_damage_too(cause: bool):
    error = ValueError("the mask is empty: at least one pixel is needed")
    tally = malformed.Tally()
    tally.judge(raising(error, None if cause else error))
    assert len(tally.failures) == cause


def test_the_table_has_a_line_a_row_and_tells_the_first_failures():
    rows = [
        Row("a|b", "holds", 1000, ("one", "two", "three", "four"), "2 s"),
        Row("c", "", 0, (), ""),
    ]
    lines = table(rows).splitlines()
    assert lines[2] == r"| a\|b | holds | 1,000 | 4 | 2 s |"
    assert lines[3].startswith("| c |")
    assert [line for line in lines if "three" in line] == ["- a|b: three"]
    assert "four" not in table(rows)
    assert "four" in as_json(rows)


def test_a_row_that_fails_is_a_failure_and_no_more():
    row = run_apart("rows", 1, 1, 0)  # a file without a row
    assert row.done == 0
    assert "has no attribute 'run'" in row.failures[0]
