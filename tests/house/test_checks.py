"""Lint, types and the JavaScript tests, so that pytest's closing line speaks for everything."""

import pytest

from devkit.checks import PYTHON_CHECKS, Check, javascript_check


@pytest.mark.parametrize("check", PYTHON_CHECKS, ids=lambda check: check.name)
def test_python_check(check: Check):
    done = check.run()
    assert done.returncode == 0, done.stdout


def test_javascript():
    check = javascript_check()
    if check is None:
        pytest.skip("no `node` on PATH, or nothing in tests/js")
    done = check.run()
    assert done.returncode == 0, done.stdout
