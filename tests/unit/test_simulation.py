"""The simulation: valid payments, fast, with the structure that its docstring documents."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from tests.any_schema import FORM
from tests.default_payment import EDGES, FEATURES

from fraudstream.payment import InvalidPayment
from fraudstream.simulation import labels, simulate, true_probability

MANY = 200_000


@given(seed=st.integers(0, 2**32), hour=st.none() | st.integers(0, 23))
def test_every_payment_is_valid_on_the_wire(seed: int, hour: int | None) -> None:
    """The values make valid messages without conversion."""
    payments = simulate(np.random.default_rng(seed), 20, hour=hour)
    for row in payments.rows():
        fields = ",".join(f'"{name}":{value!r}' for name, value in row.items())
        assert not isinstance(FORM.decode(f'{{"payment_id":1,{fields}}}'.encode()), InvalidPayment)
        assert hour is None or row["transaction_hour"] == hour


@given(count=st.integers(0, 50), seed=st.integers(0, 1000))
def test_the_same_seed_makes_the_same_payments(count: int, seed: int) -> None:
    """Only the generator determines the payments; any count is possible."""
    first, second = (simulate(np.random.default_rng(seed), count).matrix() for _ in range(2))
    assert first.shape == (count, len(FEATURES))
    np.testing.assert_array_equal(first, second)


def test_amounts_are_cents_and_risks_have_three_decimals() -> None:
    """Displayed numbers have no long tails of digits."""
    payments = simulate(np.random.default_rng(0), 5_000)
    assert all(len(repr(amount).partition(".")[2]) <= 2 for amount in payments.amount.tolist())
    assert all(len(repr(risk).partition(".")[2]) <= 3 for risk in payments.country_risk_score.tolist())


def test_fraud_rate_and_limit_of_knowledge() -> None:
    """Fraud is rare, and the true probabilities separate it well but not perfectly."""
    rng = np.random.default_rng(1)
    matrix = simulate(rng, MANY).matrix()
    probability, fraud = true_probability(matrix), labels(rng, matrix)
    assert 0.01 < fraud.mean() < 0.03
    assert probability.mean() == pytest.approx(fraud.mean(), abs=0.002)
    assert 0.90 < roc_auc_score(fraud, probability) < 0.97


def test_failed_logins_and_new_devices_go_together() -> None:
    """They are one pattern, not two coincidences."""
    payments = simulate(np.random.default_rng(2), MANY)
    new = payments.is_new_device == 1
    assert payments.failed_logins[new].mean() > 5 * payments.failed_logins[~new].mean()


def _log_odds(**fields: float) -> float:
    row = {
        "amount": 50.0,
        "country_risk_score": 0.2,
        "failed_logins": 0.0,
        "transaction_hour": 12.0,
        "is_new_device": 0.0,
    } | fields
    probability = true_probability(np.array([[row[name] for name in FEATURES]]))[0]
    return float(np.log(probability / (1 - probability)))


def test_the_hour_is_not_monotone() -> None:
    """The night is the worst, midday the least suspicious, the evening between."""
    night, noon, evening = (_log_odds(transaction_hour=hour) for hour in (3.0, 12.0, 22.0))
    assert night > evening > noon


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"failed_logins": 4.0}, {"is_new_device": 1.0}),
        ({"amount": 900.0}, {"country_risk_score": 0.8}),
        ({"transaction_hour": 3.0}, {"is_new_device": 1.0}),
    ],
)
def test_pairs_weigh_more_together(one: dict[str, float], other: dict[str, float]) -> None:
    """Two interacting fields together add more log-odds than each alone."""
    base = _log_odds()
    alone = (_log_odds(**one) - base) + (_log_odds(**other) - base)
    assert _log_odds(**one, **other) - base > alone + 0.1


def test_probabilities_are_finite_on_every_valid_payment() -> None:
    """The edges of the contract are included."""
    edges = np.array(np.meshgrid(*EDGES)).reshape(len(FEATURES), -1).T
    probability = true_probability(edges)
    assert ((probability > 0) & (probability <= 1)).all()


def test_it_keeps_up_with_the_fastest_producer() -> None:
    """Chunks are simulated at 300,000 payments per second of processor time, a small part of one core."""
    rng = np.random.default_rng(3)
    started = time.process_time()
    for _ in range(20):
        simulate(rng, 5_000)
    assert 100_000 / (time.process_time() - started) > 300_000
