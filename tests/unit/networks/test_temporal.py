"""Temporal transformers: names, positions, and who sees whom."""

import math

import pytest
import torch
from motion_i2v.models.networks.temporal import (
    TemporalSelfAttention,
    TemporalTransformer,
    positions,
)

from tests.tolerances import FLOAT32, TOLERANCES, close

CHANNELS = 32


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return TemporalTransformer(CHANNELS)


def test_state_dict_has_the_released_names(layer):
    block = "transformer_blocks.0."
    expected = {
        f"{part}.{kind}"
        for part in (
            "norm",
            "proj_in",
            "proj_out",
            block + "norms.0",
            block + "norms.1",
            block + "ff_norm",
            block + "ff.net.0.proj",
            block + "ff.net.2",
            block + "attention_blocks.0.to_out.0",
            block + "attention_blocks.1.to_out.0",
        )
        for kind in ("weight", "bias")
    } | {f"{block}attention_blocks.{i}.to_{n}.weight" for i in (0, 1) for n in "qkv"}
    assert set(layer.state_dict()) == expected


def test_positions_are_the_sinusoid(device, dtype):
    table = positions(CHANNELS, device, dtype)
    assert (table.shape, table.dtype) == ((32, CHANNELS), dtype)
    exactness = max(FLOAT32, TOLERANCES[dtype], key=lambda row: row.absolute)
    for token, pair in ((0, 0), (1, 0), (7, 5), (31, 15)):
        angle = token / 10000 ** (2 * pair / CHANNELS)
        close(table[token, 2 * pair].item(), math.sin(angle), exactness)
        close(table[token, 2 * pair + 1].item(), math.cos(angle), exactness)


def test_frames_see_one_another_but_pixels_and_clips_do_not(layer):
    x = torch.randn(2 * 4, CHANNELS, 3, 5)
    changed = x.clone()
    changed[1, :, 2, 4] += torch.randn(CHANNELS)
    # Out of the way of the group norm, which does mix the pixels of one frame.
    layer.norm = torch.nn.Identity()
    with torch.no_grad():
        difference = (layer(x, 4) - layer(changed, 4)).abs().amax(dim=1)
    assert (difference[:4, 2, 4] > 1e-6).all()
    difference[:4, 2, 4] = 0
    assert difference.max() < 1e-6


def test_clips_in_one_batch_equal_clips_alone(layer, device, dtype):
    layer = layer.to(device, dtype)
    x = torch.randn(3 * 4, CHANNELS, 2, 3).to(device, dtype)
    with torch.no_grad():
        together = layer(x, 4)
        alone = torch.cat([layer(clip, 4) for clip in x.split(4)])
    close(together, alone, TOLERANCES[dtype])


def test_order_of_frames_matters(layer):
    x = torch.randn(4, CHANNELS, 2, 2)
    with torch.no_grad():
        assert (layer(x, 4).flip(0) - layer(x.flip(0), 4)).abs().max() > 1e-5


def test_zero_output_weights_leave_the_features_alone(layer):
    torch.nn.init.zeros_(layer.proj_out.weight)
    torch.nn.init.zeros_(layer.proj_out.bias)
    x = torch.randn(4, CHANNELS, 2, 2)
    assert torch.equal(layer(x, 4), x)


def test_another_self_attention_gets_the_context():
    seen = []

    class Spy(TemporalSelfAttention):
        def forward(self, x, plan):
            seen.append(plan)
            return super().forward(x)

    TemporalTransformer(CHANNELS, self_attention=Spy)(torch.randn(4, CHANNELS, 2, 2), 2, plan="p")
    assert seen == ["p", "p"]


def test_more_frames_than_positions_is_an_error(layer):
    with pytest.raises(ValueError, match="32 positions, but 33 frames"):
        layer(torch.randn(33, CHANNELS, 1, 1), 33)


def test_a_batch_that_is_not_whole_clips_is_an_error(layer):
    with pytest.raises(ValueError, match="batch of 5 does not hold clips of 4"):
        layer(torch.randn(5, CHANNELS, 1, 1), 4)


def test_gradients_reach_every_weight(layer):
    layer(torch.randn(4, CHANNELS, 2, 2), 4).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in layer.parameters())


def test_torch_compile_sees_one_graph(layer):
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    x = torch.randn(2 * 4, CHANNELS, 2, 2)
    with torch.no_grad():
        assert torch.equal(compiled(x, 4), layer(x, 4))
