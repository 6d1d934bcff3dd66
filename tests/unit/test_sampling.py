"""A representative sample of a history."""

import numpy as np

from fraudstream.simulation import simulate
from trainer.fit import at_most


def test_a_large_history_is_cut_and_frauds_keep_their_share() -> None:
    """A quarter of the payments has a quarter of the frauds; a small history is unchanged."""
    matrix = simulate(np.random.default_rng(4), 2_000).matrix()
    outcomes = (np.arange(2_000) < 100).astype(np.int64)
    part, labelled = at_most(500, matrix, outcomes, 0)
    assert part.shape == (500, 5)
    assert labelled.sum() == 25
    assert at_most(2_000, matrix, outcomes, 0)[0] is matrix
