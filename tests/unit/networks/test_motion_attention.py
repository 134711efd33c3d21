"""Motion-augmented attention against the definition written out pixel by pixel."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from motion_i2v.models.networks.motion_attention import MotionAttention
from motion_i2v.models.networks.reference_warp import ReferenceWarp
from motion_i2v.models.networks.temporal import TemporalTransformer

from tests.tolerances import FLOAT32, TOLERANCES, close

CHANNELS, HEADS = 16, 2
HEIGHT, WIDTH = 3, 5


def splatted(reference, flow):
    """Average splatting of [h, w, C] by [2, h, w], by its definition."""
    height, width, channels = reference.shape
    total = reference.new_zeros(height, width, channels)
    weights = reference.new_zeros(height, width, 1)
    for y in range(height):
        for x in range(width):
            to_x, to_y = x + float(flow[0, y, x]), y + float(flow[1, y, x])
            left, top = math.floor(to_x), math.floor(to_y)
            for tx in (left, left + 1):
                for ty in (top, top + 1):
                    if 0 <= tx < width and 0 <= ty < height:
                        weight = (1 - abs(to_x - tx)) * (1 - abs(to_y - ty))
                        total[ty, tx] += weight * reference[y, x]
                        weights[ty, tx] += weight
    return total / (weights + 1e-7)


def position(token):
    pairs = torch.arange(CHANNELS // 2, dtype=torch.float64)
    angle = token / 10000 ** (2 * pairs / CHANNELS)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten()


def by_definition(layer, x, flow, strength=1.0):
    """x [h, w, N, C] -> [h, w, N, C], with the sequence put together and projected as a whole."""
    frames = x.shape[2]
    tokens, weight = [x[:, :, 0]], [1.0]
    for i in range(1, frames):
        tokens += [splatted(x[:, :, 0], flow[i - 1]), x[:, :, i]]
        weight += [strength, 1.0]
    sequence = torch.stack([t + position(i).to(x) for i, t in enumerate(tokens)], dim=2)
    q = layer.to_q(sequence[:, :, ::2]).unflatten(-1, (HEADS, -1))
    k = layer.to_k(sequence).unflatten(-1, (HEADS, -1))
    v = layer.to_v(sequence).unflatten(-1, (HEADS, -1))
    score = torch.einsum("yxihc,yxjhc->yxhij", q, k) / math.sqrt(CHANNELS // HEADS)
    share = score.exp() * torch.tensor(weight).to(x)
    share = share / share.sum(-1, keepdim=True)
    out = torch.einsum("yxhij,yxjhc->yxihc", share, v).flatten(-2)
    return layer.to_out[0](out)


def make(seed=0, dtype=torch.float64):
    torch.manual_seed(seed)
    return MotionAttention(CHANNELS, heads=HEADS, dtype=dtype)


def clip(frames, dtype=torch.float64, reach=2.0):
    x = torch.randn(HEIGHT, WIDTH, frames, CHANNELS, dtype=dtype)
    flow = reach * torch.randn(frames - 1, 2, HEIGHT, WIDTH, dtype=dtype)
    return x, flow


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 16), st.sampled_from([0.0, 0.3, 1.0, 4.0, 1e4]), st.integers(0, 2**16))
@torch.no_grad()
def test_equals_the_definition(frames, reach, seed):
    layer = make(seed)
    x, flow = clip(frames, reach=reach)
    ours = layer(x.flatten(0, 1), ReferenceWarp(flow))
    # The positions are made in float32.
    close(ours.view_as(x), by_definition(layer, x, flow), FLOAT32)


@pytest.mark.parametrize("strength", [0.0, 1e-3, 0.5, 1.0])
@torch.no_grad()
def test_strength_is_the_weight_of_a_warped_token(strength):
    layer = make()
    x, flow = clip(5)
    ours = layer(x.flatten(0, 1), ReferenceWarp(flow, strength))
    expected = by_definition(layer, x, flow, strength)
    close(ours.view_as(x), expected, FLOAT32)


@torch.no_grad()
def test_without_a_warp_only_the_frames_are_seen():
    layer = make()
    x, flow = clip(4)
    rows = x.flatten(0, 1)
    assert torch.equal(layer(rows), layer(rows, ReferenceWarp(flow, 0)))
    expected = by_definition(layer, x, flow, 0.0)
    close(layer(rows).view_as(x), expected, FLOAT32)


@torch.no_grad()
def test_a_still_field_repeats_the_reference_in_place():
    layer = make()
    x, _ = clip(4)
    still = torch.zeros(3, 2, HEIGHT, WIDTH, dtype=x.dtype)
    expected = []
    for column in x.flatten(0, 1):
        reference = column[:1]
        tokens = [reference]
        for frame in column[1:]:
            tokens += [reference, frame[None]]
        expected.append(torch.cat(tokens))
    sequence = torch.stack(expected) + torch.stack([position(i) for i in range(7)])
    out = layer.attention(
        layer.to_q(sequence[:, ::2]), layer.to_k(sequence), layer.to_v(sequence), HEADS
    )
    ours = layer(x.flatten(0, 1), ReferenceWarp(still))
    close(ours, layer.to_out[0](out), FLOAT32)


@torch.no_grad()
def test_clips_do_not_see_one_another(device, dtype):
    layer = make(dtype=dtype).to(device)
    warp = ReferenceWarp(clip(6, torch.float32)[1].to(device))
    x = torch.randn(3, HEIGHT * WIDTH, 6, CHANNELS).to(device, dtype)
    together = layer(x.flatten(0, 1), warp).view_as(x)
    alone = torch.stack([layer(one, warp) for one in x])
    close(together, alone, TOLERANCES[dtype])


@torch.no_grad()
def test_parts_do_not_change_the_result(monkeypatch, device, dtype):
    layer = make(dtype=dtype).to(device)
    x, flow = (made.to(device) for made in clip(6, torch.float32))
    rows = x.flatten(0, 1).to(dtype)
    whole = layer(rows, ReferenceWarp(flow))
    for part in ("CPU_PART", "GPU_PART"):
        monkeypatch.setattr(f"motion_i2v.models.networks.reference_warp.{part}", 1)
    pixelwise = layer(rows, ReferenceWarp(flow))
    close(pixelwise, whole, TOLERANCES[dtype])


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float16, 3e-3), (torch.bfloat16, 2e-2)])
@torch.no_grad()
def test_half_precision_stays_near_float32(dtype, bound):
    layer = make(dtype=torch.float32)
    x, flow = clip(8, torch.float32)
    exact = layer(x.flatten(0, 1), ReferenceWarp(flow))
    half = layer.to(dtype)(x.flatten(0, 1).to(dtype), ReferenceWarp(flow))
    assert half.dtype == dtype
    assert (half.float() - exact).norm() / exact.norm() < bound


@torch.no_grad()
def test_the_same_inputs_give_the_same_bits():
    layer = make(dtype=torch.float32)
    x, flow = clip(8, torch.float32)
    assert torch.equal(
        layer(x.flatten(0, 1), ReferenceWarp(flow)), layer(x.flatten(0, 1), ReferenceWarp(flow))
    )


@torch.no_grad()
def test_in_a_temporal_transformer():
    torch.manual_seed(0)
    layer = TemporalTransformer(64, self_attention=MotionAttention)
    warp = ReferenceWarp(torch.randn(3, 2, HEIGHT, WIDTH))
    x = torch.randn(2 * 4, 64, HEIGHT, WIDTH)
    out = layer(x, 4, warp=warp)
    assert out.shape == x.shape
    changed = ReferenceWarp(torch.randn(3, 2, HEIGHT, WIDTH))
    assert (layer(x, 4, warp=changed) - out).abs().max() > 1e-4


@torch.no_grad()
def test_torch_compile_sees_one_graph():
    layer = make(dtype=torch.float32)
    x, flow = clip(4, torch.float32)
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    rows, warp = x.flatten(0, 1), ReferenceWarp(flow)
    assert torch.equal(compiled(rows, warp), layer(rows, warp))


def test_gradients_reach_the_features_and_the_weights():
    layer = make()
    x, flow = clip(4)
    x.requires_grad_()
    layer(x.flatten(0, 1), ReferenceWarp(flow)).square().sum().backward()
    assert x.grad[:, :, 0].abs().sum() > 0
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in layer.parameters())


def test_seventeen_frames_are_too_many():
    with pytest.raises(ValueError, match=r"at most 16 frames at once .* not 17"):
        make()(torch.randn(2, 17, CHANNELS, dtype=torch.float64))


def test_a_warp_of_another_size_or_length_is_an_error():
    layer, (x, flow) = make(), clip(4)
    with pytest.raises(ValueError, match="2 fields of 15 pixels, but the features are 4 frames"):
        layer(x.flatten(0, 1), ReferenceWarp(flow[1:]))
    with pytest.raises(ValueError, match="3 fields of 12 pixels"):
        layer(x.flatten(0, 1), ReferenceWarp(flow[..., :-1]))


@pytest.mark.parametrize("strength", [-0.1, 1.5, math.nan])
def test_a_strength_outside_its_range_is_an_error(strength):
    with pytest.raises(ValueError, match=r"strength of the warp is 0\.\.1"):
        ReferenceWarp(torch.zeros(1, 2, 3, 3), strength)
