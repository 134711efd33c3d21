"""The pack's core operation: forward splatting, against the released code and against itself."""

import os
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from motion_i2v.models.networks.splat import EPSILON, SplatPlan, bags, splat_average
from safetensors.torch import load_file

from testing.pack import ROOT
from tests.tolerances import ACCUMULATED, FLOAT64, ONE_OP, TOLERANCES, close

REFERENCE = Path(
    os.environ.get("MOTION_I2V_REFERENCE", ROOT.parent / "shared" / "reference" / "tiny")
)


def maps(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)


def splat_softmax(x: torch.Tensor, flow: torch.Tensor, importance: torch.Tensor) -> torch.Tensor:
    return SplatPlan(flow).softmax(x, importance)


def dense_average(x: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """The definition, pixel by pixel, in float64."""
    fields, channels, height, width = x.shape
    total = torch.zeros(fields, channels, height, width, dtype=torch.float64)
    weights = torch.zeros(fields, 1, height, width, dtype=torch.float64)
    for b in range(fields):
        for row in range(height):
            for column in range(width):
                px = column + float(flow[b, 0, row, column])
                py = row + float(flow[b, 1, row, column])
                for ty in range(height):
                    for tx in range(width):
                        w = max(0.0, 1 - abs(px - tx)) * max(0.0, 1 - abs(py - ty))
                        total[b, :, ty, tx] += w * x[b, :, row, column].double()
                        weights[b, 0, ty, tx] += w
    return total / (weights + EPSILON)


@st.composite
def features_and_flow(draw: st.DrawFn) -> tuple[torch.Tensor, torch.Tensor]:
    fields, channels = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    height, width = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    scale = draw(st.sampled_from([0.0, 0.3, 2.0, 50.0]))
    seed = draw(st.integers(0, 1000))
    x = maps(fields, channels, height, width, seed=seed)
    return x, scale * maps(fields, 2, height, width, seed=seed + 1)


def test_average_equals_the_released_code():
    file = REFERENCE / "splat_avg.safetensors"
    if not file.exists():
        pytest.skip(f"the reference data is not at {REFERENCE}")
    data = load_file(file)
    warped = splat_average(data["x"], data["flow"])
    close(warped, data["warped"], ACCUMULATED)


@settings(deadline=None, max_examples=15)
@given(features_and_flow())
def test_average_equals_its_definition(case):
    x, flow = case
    close(splat_average(x, flow).double(), dense_average(x, flow), ACCUMULATED)


def test_no_motion_gives_the_features():
    x = maps(2, 3, 6, 9)
    plan = SplatPlan(torch.zeros(2, 2, 6, 9))
    assert torch.equal(plan.coverage, torch.ones(2, 1, 6, 9))
    assert torch.equal(plan.sum(x), x)
    close(plan.average(x), x, ONE_OP)


@settings(deadline=None, max_examples=25)
@given(st.integers(-8, 8), st.integers(-8, 8))
def test_whole_pixel_shifts_move_and_drop(dx, dy):
    x = maps(1, 2, 6, 7)
    flow = torch.tensor([dx, dy], dtype=torch.float32).view(1, 2, 1, 1).expand(1, 2, 6, 7)
    expected = torch.zeros_like(x)
    for row in range(6):
        for column in range(7):
            if 0 <= row + dy < 6 and 0 <= column + dx < 7:
                expected[:, :, row + dy, column + dx] = x[:, :, row, column]
    assert torch.equal(SplatPlan(flow).sum(x), expected)
    close(splat_average(x, flow), expected, ONE_OP)


@settings(deadline=None, max_examples=20)
@given(features_and_flow())
def test_mass_is_conserved_but_for_what_leaves(case):
    x, flow = case
    padded = torch.nn.functional.pad(x.double(), (9, 9, 9, 9))
    inward = torch.nn.functional.pad(flow.double().clamp(-7, 7), (9, 9, 9, 9))
    plan = SplatPlan(inward)
    torch.testing.assert_close(plan.sum(padded).sum((2, 3)), x.double().sum((2, 3)))
    torch.testing.assert_close(
        plan.coverage.sum((1, 2, 3)),
        torch.full((x.shape[0],), float(inward[0, 0].numel()), dtype=torch.float64),
    )


@settings(deadline=None, max_examples=20)
@given(features_and_flow())
def test_a_batch_gives_the_bits_of_its_samples(case):
    x, flow = case
    plan = SplatPlan(flow)
    z = x[:, :1]
    for b in range(len(x)):
        single = SplatPlan(flow[b : b + 1])
        assert torch.equal(plan.average(x)[b], single.average(x[b : b + 1])[0])
        assert torch.equal(plan.softmax(x, z)[b], single.softmax(x[b : b + 1], z[b : b + 1])[0])


def test_every_device_and_dtype_splats_alike(device, dtype):
    x, flow = maps(2, 3, 16, 16).to(device, dtype), 3 * maps(2, 2, 16, 16, seed=1)
    there = SplatPlan(flow.to(device)).average(x)
    assert there.dtype == dtype
    exact = SplatPlan(flow.double()).average(x.cpu().double())
    # The field is float32, as its definition is held to.
    exactness = max(TOLERANCES[dtype], ACCUMULATED, key=lambda row: row.absolute)
    close(there.cpu().double(), exact, exactness)


def test_a_permuted_batch_gives_the_permuted_bits():
    x, flow = maps(5, 4, 12, 10), 3 * maps(5, 2, 12, 10, seed=1)
    order = torch.tensor([3, 0, 4, 2, 1])
    assert torch.equal(splat_average(x, flow)[order], splat_average(x[order], flow[order]))
    channels = torch.tensor([2, 0, 3, 1])
    assert torch.equal(splat_average(x, flow)[:, channels], splat_average(x[:, channels], flow))


def test_a_plan_serves_many_maps_and_channel_counts():
    flow = 3 * maps(3, 2, 8, 12, seed=1)
    plan = SplatPlan(flow)
    for channels in (1, 7, 3, 64):
        x = maps(3, channels, 8, 12, seed=channels)
        assert torch.equal(plan.average(x), splat_average(x, flow))
        assert torch.equal(plan.average(x), plan.average(x))
        z = x[:, :1]
        assert torch.equal(plan.softmax(x, z), splat_softmax(x, flow, z))


def test_one_map_is_moved_by_every_field():
    flow, x = 3 * maps(4, 2, 6, 9, seed=1), maps(5, 6, 9)
    plan = SplatPlan(flow)
    repeated = x.expand(4, 5, 6, 9)
    assert torch.equal(plan.average(x), plan.average(repeated))
    assert torch.equal(plan.sum(x), plan.sum(repeated))
    assert torch.equal(plan.softmax(x, x[0]), plan.softmax(repeated, x[0].expand(4, 1, 6, 9)))


def test_the_rows_matrix_is_the_average_with_the_fields_at_each_pixel():
    flow, x = 3 * maps(4, 2, 6, 9, seed=1), maps(5, 6, 9)
    plan = SplatPlan(flow)
    offset, column, value = plan.rows_matrix()
    product = bags(x.flatten(1).T.contiguous(), column, offset, value)
    expected = plan.average(x).flatten(2).permute(2, 0, 1)
    assert torch.equal(product.view(54, 4, 5), expected)


@pytest.mark.parametrize("kind", list(TOLERANCES))
def test_dtypes_keep_their_kind_and_sum_in_float32(kind):
    # Multiples of 1/64, whose bilinear weights float32 holds exactly.
    flow = (64 * maps(2, 2, 16, 16, seed=1)).round() / 64
    # 256 pixels of value 1 + 1/128 fall onto one target: sums in half precision would drift.
    flow[1, 0] = 4 - torch.arange(16.0)
    flow[1, 1] = 4 - torch.arange(16.0)[:, None]
    x = maps(2, 3, 16, 16).to(kind)
    x[1] = 1 + 1 / 128
    z = maps(2, 1, 16, 16, seed=2).to(kind)
    plan = SplatPlan(flow)
    average, softmax = plan.average(x), plan.softmax(x, z)
    assert average.dtype == softmax.dtype == kind
    exact = SplatPlan(flow.double())
    for ours, reference in [
        (average, exact.average(x.double())),
        (softmax, exact.softmax(x.double(), z.double())),
        (plan.average(x[0]), exact.average(x[0].double())),
    ]:
        close(ours.double(), reference, TOLERANCES[kind])


def test_float64_stays_float64_throughout():
    x, flow = maps(1, 2, 5, 5, dtype=torch.float64), maps(1, 2, 5, 5, dtype=torch.float64, seed=1)
    plan = SplatPlan(flow)
    assert plan.coverage.dtype == torch.float64
    close(plan.average(x), dense_average(x, flow), FLOAT64)


def test_a_half_precision_field_is_read_in_float32():
    flow = maps(1, 2, 6, 300, seed=1).half()
    x = maps(1, 2, 6, 300)
    assert torch.equal(splat_average(x, flow), splat_average(x, flow.float()))


def test_what_leaves_the_picture_is_dropped():
    x = torch.ones(1, 1, 4, 6)
    flow = torch.zeros(1, 2, 4, 6)
    flow[:, 0] = 1e30
    plan = SplatPlan(flow)
    assert not plan.coverage.any()
    assert not plan.average(x).any()
    flow[:, 0] = -0.5
    coverage = SplatPlan(flow).coverage[0, 0]
    assert torch.equal(coverage[0], torch.tensor([1, 1, 1, 1, 1, 0.5]))


def test_softmax_lets_the_more_important_cover_the_less():
    x = torch.tensor([1.0, 5.0, 0.0]).view(1, 1, 1, 3)
    flow = torch.zeros(1, 2, 1, 3)
    flow[0, 0, 0, 0] = 1
    both = splat_softmax(x, flow, torch.tensor([[[[0.0, 0.0, 0.0]]]]))
    assert both[0, 0, 0, 1] == pytest.approx(3)
    near = splat_softmax(x, flow, torch.tensor([[[[1e4, -1e4, 0.0]]]]))
    assert near[0, 0, 0, 1] == pytest.approx(1)
    # Far below the largest importance of the picture, and alone on its target: still there.
    assert near[0, 0, 0, 2] == 0
    alone = splat_softmax(x, torch.zeros_like(flow), torch.tensor([[[[1e4, -1e4, 0.0]]]]))
    torch.testing.assert_close(alone, x)


@settings(deadline=None, max_examples=15)
@given(features_and_flow(), st.floats(-1e4, 1e4))
def test_constant_importance_is_the_average(case, level):
    x, flow = case
    z = torch.full_like(x[:, :1], level)
    torch.testing.assert_close(splat_softmax(x, flow, z), splat_average(x, flow))


def test_results_stay_within_the_range_of_the_features():
    x, flow = maps(2, 3, 20, 20).clamp(0, 1), 4 * maps(2, 2, 20, 20, seed=1)
    warped = splat_average(x, flow)
    assert warped.min() >= 0
    assert warped.max() <= 1 + 1e-6


def test_no_fields_and_no_channels_give_empty_results():
    assert SplatPlan(torch.zeros(0, 2, 4, 5)).average(torch.ones(3, 4, 5)).shape == (0, 3, 4, 5)
    assert SplatPlan(torch.zeros(2, 2, 4, 5)).average(torch.ones(0, 4, 5)).shape == (2, 0, 4, 5)


FLOW = torch.zeros(2, 2, 4, 5)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: SplatPlan(FLOW[0]), r"\(2, 4, 5\).*\[B, 2, H, W\]"),
        (lambda: SplatPlan(FLOW[:, :1]), r"\[B, 2, H, W\]"),
        (lambda: SplatPlan(FLOW[..., :0]), r"\[B, 2, H, W\]"),
        (lambda: SplatPlan(FLOW.long()), "int64"),
        (lambda: SplatPlan(FLOW / 0), "80 values that are NaN or infinite"),
        (lambda: SplatPlan(FLOW + torch.inf), "NaN or infinite"),
        (lambda: SplatPlan(FLOW).average(torch.ones(2, 3, 5, 4)), r"2 fields of 5x4.*\[2, C, 4, 5"),
        (lambda: SplatPlan(FLOW).average(torch.ones(3, 3, 4, 5)), "3 feature maps for 2 fields"),
        (lambda: SplatPlan(FLOW).average(torch.ones(20, 3)), r"\[C, 4, 5\]"),
        (lambda: SplatPlan(FLOW).average(torch.ones(3, 4, 5).int()), "int32"),
        (lambda: SplatPlan(FLOW).average(torch.ones(3, 4, 5, device="meta")), "meta.*cpu"),
        (lambda: splat_softmax(torch.ones(3, 4, 5), FLOW, FLOW), r"importance.*\[2, 1, 4, 5\]"),
        (lambda: splat_softmax(torch.ones(3, 4, 5), FLOW, FLOW[0, 0] / 0), "importance.*NaN"),
    ],
)
def test_errors_say_what_was_wrong(act, message):
    with pytest.raises(ValueError, match=message):
        act()
