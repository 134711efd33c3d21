"""Seeds that follow from others: unrelated to those of neighbouring steps and processes."""

import numpy as np


def seed_of(seed: int, step: int, rank: int) -> int:
    """A seed for the random numbers of a step, unrelated to those of its neighbours."""
    return int(np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)[0] >> 1)
