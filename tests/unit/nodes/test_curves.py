"""The host's CURVE as the way time passes: its raw values, its own curves, and what is refused."""

import re

import pytest
import torch


@pytest.fixture
def curves(host_env):
    from motion_i2v.nodes import curves

    pytest.importorskip("comfy_api.input")
    import comfy_api.input

    if not hasattr(comfy_api.input, "CurveInput"):
        pytest.skip("this ComfyUI has no curves")
    return curves


def raw(*points, interpolation="linear"):
    return {"points": [list(point) for point in points], "interpolation": interpolation}


def test_every_form_of_a_curve(curves):
    from comfy_api.input import CurveInput

    drawn = raw((0, 0), (0.5, 0.25), (1, 1))
    wanted = torch.tensor([0, 0.125, 0.25, 0.625, 1], dtype=torch.float64)
    for form in (drawn, CurveInput.from_raw(drawn)):
        assert torch.equal(curves.time_along(form, 5), wanted)
    smooth = CurveInput.from_raw(drawn["points"])
    for form in (drawn["points"], {"points": drawn["points"]}, smooth):
        found = curves.time_along(form, 5)
        assert torch.equal(
            found,
            torch.from_numpy(
                smooth.interp_array(wanted.new_tensor([0, 0.25, 0.5, 0.75, 1]).numpy())
            ),
        )
        assert found[2] == 0.25
    assert curves.time_along(drawn, 1).tolist() == [0]


REFUSED = {
    "no points": ({"interpolation": "linear"}, "at least 2 points [x, y], not None"),
    "one point": (raw((0, 0)), "at least 2 points"),
    "a number": (3, "at least 2 points [x, y], not 3"),
    "outside": (raw((0, 0), (1, 1.5)), "within 0..1, not [1, 1.5]"),
    "NaN": (raw((0, 0), (1, float("nan"))), "within 0..1"),
    "three numbers": ({"points": [[0, 0], [1, 1, 1]]}, "not [1, 1, 1]"),
    "another kind": (raw((0, 0), (1, 1), interpolation="bezier"), "'bezier'"),
    "begins later": (raw((0, 0.25), (1, 1)), "begins at 0.25: it must begin at 0"),
}


@pytest.mark.parametrize(("given", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_curve_of_time(curves, given, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        curves.time_along(given, 5)
