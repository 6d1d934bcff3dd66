"""A limited share of reviews: the lowest price at which it is kept, and what training reports about it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from fraudstream.model.decision import REVIEWED, Costs, Thresholds
from fraudstream.model.fraud_model import published
from fraudstream.simulation import simulate, true_probability
from trainer import capacity
from trainer.capacity import Effect
from trainer.thresholds import choose, expected_cost

COSTS = Costs(fraud=15.0, review=5.0, wrong_block=25.0, min_block=0.5)
PRICES = st.floats(0.01, 1e4)
PAYMENTS = st.lists(
    st.tuples(st.floats(0, 1).map(lambda value: float(published(np.array(value)))), st.floats(0.01, 1e6)),
    min_size=1,
    max_size=12,
)
SHARES = st.floats(0.01, 0.99)


def reviewed(costs: Costs, fraud: np.ndarray, amounts: np.ndarray) -> int:
    """Return how many payments are reviewed."""
    return int((costs.decide(fraud, amounts) == REVIEWED).sum())


@given(PAYMENTS, PRICES, PRICES, st.floats(0, 1), SHARES)
def test_the_lowest_price_at_which_the_share_fits(
    payments: list[tuple[float, float]], review: float, wrong_block: float, min_block: float, share: float
) -> None:
    """Just below any payment's limit that is lower, too many are reviewed; without need, the price stays."""
    fraud, amounts = np.array(payments).T
    costs = Costs(fraud=15.0, review=review, wrong_block=wrong_block, min_block=min_block)
    found = capacity.limited(fraud, amounts, costs, share)
    room = share * len(fraud) + 1e-6
    assert reviewed(found, fraud, amounts) <= room
    assert replace(found, review=costs.review) == costs
    if found == costs:
        return
    assert found.review > costs.review
    blocked = np.where(fraud >= min_block, (1.0 - fraud) * wrong_block, np.inf)
    limits = np.minimum(fraud * (amounts + 15.0), blocked)
    lower = [price for price in limits * (1.0 - 1e-9) if costs.review < price < found.review * (1.0 - 1e-6)]
    tried = [reviewed(replace(costs, review=price), fraud, amounts) for price in lower]
    assert all(count > room - 1e-6 for count in tried)


def test_no_capacity_keeps_the_costs() -> None:
    """All payments may be reviewed."""
    fraud, amounts = np.full(10, 0.3), np.full(10, 1_000.0)
    assert capacity.limited(fraud, amounts, COSTS, None) == COSTS
    assert reviewed(COSTS, fraud, amounts) == 10


def test_a_block_that_costs_as_much_as_a_review_on_paper() -> None:
    """(1 - 0.8) * 25 is 4.999999999999999, and 0.05 * 100 is 5: a price between the two is none above both."""
    fraud, amounts = np.array([0.8, 0.8, 0.3, 0.05]), np.array([1_000.0, 1_000.0, 1_000.0, 85.0])
    assert reviewed(COSTS, fraud, amounts) == 3
    assert reviewed(capacity.limited(fraud, amounts, COSTS, 0.5), fraud, amounts) == 1


def test_payments_that_are_alike_are_reviewed_together_or_not_at_all() -> None:
    """No price reviews half of them."""
    fraud, amounts = np.full(10, 0.3), np.full(10, 1_000.0)
    assert reviewed(capacity.limited(fraud, amounts, COSTS, 0.5), fraud, amounts) == 0


@given(PAYMENTS, PRICES, PRICES, st.floats(0, 1), SHARES)
def test_no_other_thresholds_under_the_capacity_cost_less(
    payments: list[tuple[float, float]], review: float, wrong_block: float, min_block: float, share: float
) -> None:
    """The test tries every pair between two neighbouring probabilities."""
    fraud, amounts = np.array(payments).T
    fraud, min_block = np.round(fraud, 2), round(min_block, 2)
    costs = Costs(fraud=15.0, review=review, wrong_block=wrong_block, min_block=min_block)
    chosen = choose(fraud, amounts, costs, share)
    room = share * len(fraud) + 1e-6
    ordered = np.unique(np.clip(fraud, 0.005, 0.995))
    possible = [0.001, *((ordered[1:] + ordered[:-1]) / 2), 0.999, *([min_block] if 0 < min_block < 1 else [])]
    pairs = [Thresholds(lower, upper) for lower in possible for upper in possible if max(lower, min_block) <= upper]
    fitting = [one for one in pairs if (one.decide(fraud, amounts) == REVIEWED).sum() <= room]
    least = min((expected_cost(fraud, amounts, one, costs) for one in fitting), default=np.inf)
    assert expected_cost(fraud, amounts, chosen, costs) <= least * (1 + 1e-9) + 1e-9
    assert (chosen.decide(fraud, amounts) == REVIEWED).sum() <= room


@pytest.mark.parametrize(("share", "ratio"), [(None, 0.87), (0.05, 0.84)])
def test_cost_on_the_simulation(share: float | None, ratio: float) -> None:
    """With the true probabilities, the rule costs 0.86 of the best fixed thresholds, under a capacity of 5 % 0.83."""
    matrix = simulate(np.random.default_rng(1), 200_000).matrix()
    fraud, amounts = published(true_probability(matrix)), matrix[:, 0]
    rule = capacity.limited(fraud, amounts, COSTS, share)
    limits = choose(fraud, amounts, COSTS, share)
    by_rule, fixed = (expected_cost(fraud, amounts, one, COSTS) for one in (rule, limits))
    assert by_rule < ratio * fixed
    if share is not None:
        assert all((one.decide(fraud, amounts) == REVIEWED).mean() <= share for one in (rule, limits))


def reported(share: float, free: Effect, used: Effect, held_out: Effect) -> list[str]:
    """Return the events that training logs, after checking that each has the cost per payment."""
    with capture_logs() as lines:
        capacity.report(share, free, used, held_out, 1_000)
    assert all("cost_per_payment" in line for line in lines)
    return [line["event"] for line in lines]


def test_what_training_reports() -> None:
    """Far more blocks, and a share that others exceed by more than chance, are warnings in money."""
    free, used = Effect(reviewed=0.09, blocked=0.01, cost=1.0), Effect(reviewed=0.05, blocked=0.0105, cost=1.1)
    more = replace(used, blocked=0.012)
    assert reported(0.05, free, used, replace(used, reviewed=0.06)) == ["review capacity applied"]
    assert reported(0.05, free, more, used) == ["review capacity applied", "review capacity blocks more payments"]
    assert reported(0.05, free, used, replace(used, reviewed=0.08)) == [
        "review capacity applied",
        "review capacity exceeded by held-out payments",
    ]
