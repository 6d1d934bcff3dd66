"""The candidates on a poor history, their basis, and the rule that chooses one."""

import numpy as np
import pytest
from tests.default_payment import ENCODING
from threadpoolctl import threadpool_limits

from fraudstream.model.curves import Basis
from fraudstream.simulation import simulate
from trainer import candidates, fit


def test_the_simplest_candidate_as_good_as_the_best_wins() -> None:
    """The best one does not win by a small margin."""
    lines, curves, boosting = (
        candidates.Candidate(name=name, fit=candidates.candidates(ENCODING)[0].fit) for name in "abc"
    )
    compared = [
        fit.Comparison(candidate=one, log_loss=0.1 + excess, excess=excess, standard_error=error, fraud=np.empty(0))
        for one, excess, error in ((lines, 0.2, 0.1), (curves, 0.05, 0.1), (boosting, 0.0, 0.0))
    ]
    assert fit.choose(compared).candidate is curves


@pytest.mark.parametrize("candidate", candidates.candidates(ENCODING), ids=lambda candidate: candidate.name)
def test_each_candidate_can_be_fitted_to_a_poor_history(candidate: candidates.Candidate) -> None:
    """The history has ten frauds in a hundred payments, one hour, one amount, and no value of a feature."""
    matrix = simulate(np.random.default_rng(5), 100).matrix()
    matrix[:, 0], matrix[:, 1], matrix[:, 3] = 10.0, np.nan, 7.0
    outcomes = (np.arange(100) < 10).astype(np.int64)
    with threadpool_limits(1):  # as the trainer does
        classifier = candidate.fit(matrix, outcomes, 0)
    fraud = classifier.predict_proba(matrix)[:, 1]
    assert ((fraud >= 0) & (fraud <= 1)).all()


def test_basis_is_continuous_over_midnight() -> None:
    """23 and 0 are neighbours: as far apart as 11 and 12."""
    matrix = simulate(np.random.default_rng(6), 500).matrix()
    basis = Basis.of(matrix, knots=4, harmonics=1)
    hours = basis.hours[[23, 0, 11, 12]]
    assert np.linalg.norm(hours[0] - hours[1]) == pytest.approx(np.linalg.norm(hours[2] - hours[3]))
