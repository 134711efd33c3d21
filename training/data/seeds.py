"""Every source of chance, from numbers and names: unrelated to those of their neighbours.

Nothing else in this room makes a generator, so that a training is a function of its settings.
"""

from __future__ import annotations

import random

import numpy as np
import torch

SHORT = 0xFFFFFFFF


def spread(*numbers: int, count: int = 1) -> list[int]:
    """`count` seeds of 64 bits that follow from numbers."""
    state = np.random.SeedSequence(numbers).generate_state(count, np.uint64)
    return [int(word) for word in state]


def seed_of(seed: int, step: int, rank: int) -> int:
    """A seed for the random numbers of a step, unrelated to those of its neighbours."""
    return spread(seed, step, rank)[0] >> 1


def short_seed_of(*numbers: int) -> int:
    """The same in 32 bits, of any numbers."""
    return spread(*numbers)[0] & SHORT


def numpy_of(*numbers: int) -> np.random.Generator:
    """numpy's generator of a number, or of several."""
    return np.random.default_rng(numbers if len(numbers) > 1 else numbers[0])


def python_of(*parts: object) -> random.Random:
    """Python's generator of numbers and names."""
    return random.Random("/".join(map(str, parts)))


def torch_of(seed: int) -> torch.Generator:
    """torch's generator on the CPU."""
    return torch.Generator().manual_seed(seed)


def following(generator: torch.Generator) -> torch.Generator:
    """A generator on the CPU that follows from another: the same numbers on every device."""
    return torch_of(int(torch.randint(2**62, (), generator=generator, device=generator.device)))


def chance(generator: torch.Generator) -> float:
    """A number in 0..1."""
    return float(torch.rand((), generator=generator))


def whole(low: int, high: int, generator: torch.Generator) -> int:
    """A whole number of low..high, both included."""
    return int(torch.randint(low, high + 1, (), generator=generator))


def begin(seed: int, *generators: torch.Generator) -> None:
    """Gives torch's global numbers, and some generators of any device, a seed."""
    torch.manual_seed(seed)
    for generator in generators:
        generator.manual_seed(seed)
