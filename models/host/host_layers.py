"""Layers as the host loads them: one at a time, each casting its own weights."""

from __future__ import annotations

from typing import TypeVar

import comfy.ops
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def on_host_layers(network: Network) -> Network:
    """Turns torch's own layers into the host's, in place.

    For networks that know nothing of the host, such as torchvision's. Names, weights and results
    stay the same. A kind of layer that the host has not (batch norm, before 0.33) stays, too: the
    host then moves it as a whole.
    """
    for layer in network.modules():
        own = getattr(comfy.ops.disable_weight_init, type(layer).__name__, None)
        if own is not None and type(layer) is own.__mro__[1]:
            layer.__class__ = own
    return network
