"""Fits to a sample: all frauds, some of the others, and the rate of fraud of the whole history."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from tests.histories import history_of

from fraudstream.arrays import Floats, Integers
from fraudstream.simulation import simulate
from trainer.candidates import Candidate
from trainer.sampling import fitted


@dataclass
class Constant:
    """A classifier that knows the rate of fraud only, and what it was fitted to."""

    rate: float = 0.0
    labels: list[Integers] = field(default_factory=list)

    def fit(self, matrix: Floats, labels: Integers, _seed: int) -> "Constant":
        """Learn the rate."""
        assert len(matrix) == len(labels)
        self.rate = float(labels.mean())
        self.labels.append(labels)
        return self

    def predict_proba(self, matrix: Floats, /) -> Floats:
        """Return the rate for each payment."""
        return np.tile([1 - self.rate, self.rate], (len(matrix), 1))


@pytest.mark.parametrize(("most", "sizes"), [(500, (100, 400)), (120, (60, 60)), (2_000, (100, 1_900))])
def test_a_large_history_is_sampled_and_the_rate_of_fraud_stays(most: int, sizes: tuple[int, int]) -> None:
    """Half of the sample are frauds at most; the probabilities are those of the whole history."""
    matrix = simulate(np.random.default_rng(4), 2_000).matrix()
    outcomes = (np.arange(2_000) < 100).astype(np.int64)
    constant = Constant()
    candidate = Candidate(name="constant", fit=constant.fit)
    model = fitted(candidate, history_of(matrix, outcomes), np.arange(2_000), 0, most)
    (labels,) = constant.labels
    assert (int(labels.sum()), int((1 - labels).sum())) == sizes
    assert model.predict_proba(matrix[:3])[:, 1] == pytest.approx([0.05] * 3)
