"""Each candidate is the best, or as good as the best and simpler, on some history."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from fraudstream.arrays import Floats, Integers
from fraudstream.simulation import simulate
from tests.default_payment import ENCODING, SCHEMA
from tests.histories import history_of
from trainer import fit, history
from trainer.candidates import candidates

History = tuple[Floats, Integers]

SAMPLE = Path(__file__).parents[2] / "data" / "historical_payments.csv"


def outcomes(rng: np.random.Generator, log_odds: Floats) -> Integers:
    """Draw an outcome for each payment."""
    return (rng.random(len(log_odds)) < 1 / (1 + np.exp(-log_odds))).astype(np.int64)


def linear(rng: np.random.Generator) -> History:
    """Return frauds whose log-odds are straight lines in each field."""
    matrix = simulate(rng, 1_000).matrix()
    amount, risk, logins, _, device = matrix.T
    return matrix, outcomes(rng, 0.4 * np.log1p(amount) + 2 * risk + 0.5 * logins + 0.8 * device - 6)


def wavy(rng: np.random.Generator) -> History:
    """Return frauds whose log-odds go up and down with the amount and twice a day."""
    matrix = simulate(rng, 4_000).matrix()
    amount, risk, logins, hour, _ = matrix.T
    waves = 2.5 * np.cos(1.2 * np.log1p(amount)) + 1.5 * np.sin(2 * np.pi * hour / 12)
    return matrix, outcomes(rng, waves + 2 * risk + 0.5 * logins - 4)


def rules(rng: np.random.Generator) -> History:
    """Return frauds that follow two rules of several fields each."""
    matrix = simulate(rng, 20_000).matrix()
    amount, risk, logins, hour, device = matrix.T
    follows = ((amount > 100) & (device == 1) & (hour < 6)) | ((logins >= 3) & (risk > 0.5))
    return matrix, (rng.random(len(matrix)) < np.where(follows, 0.6, 0.02)).astype(np.int64)


def shipped(_rng: np.random.Generator) -> History:
    """Return the shipped history: pairs of fields that strengthen each other."""
    past = history.read(SAMPLE, SCHEMA)
    return past.matrix, past.labels


WINNERS: dict[str, Callable[[np.random.Generator], History]] = {
    "lines": linear,
    "curves_and_products": shipped,
    "curves_and_products_fine": wavy,
    "boosting": rules,
}


@pytest.mark.parametrize("winner", WINNERS)
def test_each_candidate_wins_somewhere(winner: str) -> None:
    """A candidate that wins nowhere would cost training time only."""
    with threadpool_limits(1):
        past = history_of(*WINNERS[winner](np.random.default_rng(11)))
        compared = fit.compare(past, np.arange(len(past.labels)), 0, candidates(ENCODING))
    assert fit.choose(compared).candidate.name == winner


def test_every_candidate_has_a_history() -> None:
    """A new candidate must win on a history of its own."""
    assert [candidate.name for candidate in candidates(ENCODING)] == list(WINNERS)
