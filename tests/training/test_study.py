"""A study of difficult histories: few frauds, amounts from cents to millions, another mechanism."""

from collections.abc import Callable

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from fraudstream.arrays import Floats, Integers
from fraudstream.runtime.settings import TrainingSettings
from fraudstream.simulation import labels, simulate
from tests.histories import history_of
from trainer.sampling import fitted
from trainer.study import calibrated, study


def wide_and_rare(rng: np.random.Generator) -> tuple[Floats, Integers]:
    """Return amounts over eight orders of magnitude, and one fraud in a hundred, most of them large."""
    matrix = simulate(rng, 2_000).matrix()
    matrix[:, 0] = np.round(10 ** rng.uniform(-1, 7, 2_000), 2)
    outcomes = np.zeros(2_000, dtype=np.int64)
    outcomes[np.argsort(matrix[:, 0] * rng.exponential(size=2_000))[-20:]] = 1
    return matrix, outcomes


def one_in_a_thousand(rng: np.random.Generator) -> tuple[Floats, Integers]:
    """Return ten frauds in ten thousand."""
    matrix = simulate(rng, 10_000).matrix()
    outcomes = np.zeros(10_000, dtype=np.int64)
    outcomes[np.flatnonzero(labels(rng, matrix))[:10]] = 1
    return matrix, outcomes


def separable(rng: np.random.Generator) -> tuple[Floats, Integers]:
    """Return payments that are frauds exactly from three failed logins on."""
    matrix = simulate(rng, 2_000).matrix()
    return matrix, (matrix[:, 2] >= 3).astype(np.int64)


@pytest.mark.parametrize("draw", [wide_and_rare, one_in_a_thousand, separable])
def test_a_hard_history_still_gives_a_model(draw: Callable[[np.random.Generator], tuple[Floats, Integers]]) -> None:
    """Probabilities are valid, and thresholds separate."""
    matrix, outcomes = draw(np.random.default_rng(11))
    with threadpool_limits(1):  # as the trainer does
        past = history_of(matrix, outcomes)
        found = study(past, TrainingSettings.from_env({}))
        classifier = calibrated(fitted(found.chosen.candidate, past, np.arange(len(outcomes)), 0), found.calibration)
    fraud = classifier.predict_proba(matrix)[:, 1]
    assert ((fraud >= 0) & (fraud <= 1)).all()
    assert fraud[outcomes == 1].mean() > 3 * fraud[outcomes == 0].mean()
    assert 0 < found.thresholds.review <= found.thresholds.block < 1
    assert all(np.isfinite(value) for value in found.metrics.values())
