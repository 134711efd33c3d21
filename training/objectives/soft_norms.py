"""Group norms that pass on how strong flat features are, in files that SD's code reads."""

from __future__ import annotations

from torch import Tensor, nn

EPS = 1e-6
"""Of SD's group norms."""
STREAM = 2.0**-14
"""What the file makes of the features that resnets add to: their norms see eps = 256."""
FINEST = 2.0**-18
"""The same at the decoder's finest level: so large an eps leaves the last norm nearly linear."""
INNER = 2.0**-7
"""And of those between a resnet's convolutions: eps = 1 / 60."""


def soften(network: nn.Module) -> None:
    """Lets group norms pass on how strong features without contrast are; `hardened` undoes it.

    SD's norms divide by the root of (variance + 1e-6). At two channels a group, all that is left
    of a pan or of a grey picture is a sign. As GroupNorm(s x; eps) = GroupNorm(x; eps / s^2), a
    network whose features are small keeps more: it is trained with a larger eps, and its file has
    the weights that make the features smaller instead.
    """
    for name, module in network.named_modules():
        if isinstance(module, nn.GroupNorm):
            module.eps = EPS / (INNER if name.endswith("norm2") else _stream(name)) ** 2


def hardened(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state (host names) of a network with soft norms as that of one with SD's."""
    return {name: tensor * _shrink(name) for name, tensor in state.items()}


def softened(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The reverse of `hardened`."""
    return {name: tensor / _shrink(name) for name, tensor in state.items()}


def _stream(name: str) -> float:
    """How small the features are that a layer reads (norms) or writes (convolutions)."""
    name = name.removeprefix("decoder.")
    return FINEST if name.startswith(("up.0.", "norm_out")) else STREAM


def _shrink(name: str) -> float:
    """Of a tensor: of what is written into the stream of features, or between a resnet's norms.

    Convolutions that only pass the stream on are linear: of theirs, the biases; the weights only
    where the stream becomes finer.
    """
    layer, _, part = name.rpartition(".")
    if layer.endswith(".conv1"):
        return INNER
    if layer.endswith((".conv2", ".proj_out", ".conv_in")) or layer == "conv_in":
        return _stream(name)
    if layer.removeprefix("decoder.") == "up.1.upsample.conv":
        return FINEST if part == "bias" else FINEST / STREAM
    passes = layer.endswith(("sample.conv", ".nin_shortcut"))
    return _stream(name) if passes and part == "bias" else 1.0
