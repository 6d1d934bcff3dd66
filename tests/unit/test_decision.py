"""Decision by expected cost: hand-computed decisions, ties, the floor of blocks, and never dearer than thresholds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraudstream.arrays import Floats
from fraudstream.errors import ModelUnfitError
from fraudstream.model.decision import Costs, Rule, Thresholds
from fraudstream.model.fraud_model import published
from fraudstream.payment import DECISIONS

COSTS = Costs(fraud=15.0, review=5.0, wrong_block=25.0, min_block=0.5)

prices = st.floats(0.01, 1e4)
probabilities = st.floats(0, 1).map(lambda value: float(published(np.array(value))))
amounts = st.floats(0.01, 1e6)
payments = st.lists(st.tuples(probabilities, amounts), min_size=1, max_size=12)
rules = st.builds(Costs, fraud=st.floats(0, 1e3), review=prices, wrong_block=prices, min_block=st.floats(0, 1))


def decide(rule: Rule, probability: float, amount: float) -> str:
    """Return the decision for one payment."""
    (position,) = rule.decide(np.array([probability]), np.array([amount]))
    return DECISIONS[position]


def expected_cost(rule: Rule, fraud: Floats, amounts: Floats, costs: Costs) -> float:
    """Return the expected cost of all payments, by the formula."""
    decisions = rule.decide(fraud, amounts)
    each = (fraud * (amounts + costs.fraud), np.full(len(fraud), costs.review), (1.0 - fraud) * costs.wrong_block)
    return float(np.choose(decisions, each).sum())


@pytest.mark.parametrize(
    ("probability", "amount", "expected"),
    [
        (0.03, 3.0, "approve"),  # 0.54, 5, 24.25
        (0.03, 1_000.0, "review"),  # 30.45, 5, 24.25
        (0.000001, 1e12, "review"),  # a million, 5, 25
        (0.05, 85.0, "approve"),  # 5, 5, 23.75
        (0.05, 85.01, "review"),  # 5.0005, 5, 23.75
        (0.050001, 85.0, "review"),  # 5.0001, 5, 23.75
        (0.499999, 1_000.0, "review"),  # 507, 5, 12.5
        (0.8, 1_000.0, "review"),  # 812, 5, 5
        (0.800001, 1_000.0, "block"),  # 812, 5, 4.999975
        (0.999999, 1e12, "block"),
        (0.2, 1.0, "approve"),  # 3.2, 5, 20
        (0.9, 1.0, "block"),  # 14.4, 5, 2.5
    ],
)
def test_decisions_by_hand(probability: float, amount: float, expected: str) -> None:
    """Costs of approve, review and block are in the comments; equal costs take the mildest decision."""
    assert decide(COSTS, probability, amount) == expected


@pytest.mark.parametrize(
    ("costs", "probability", "amount", "expected"),
    [
        # approve 8, review 40, block 8
        (Costs(fraud=0.0, review=40.0, wrong_block=40.0, min_block=0.0), 0.8, 10.0, "approve"),
        # approve 12, review 8, block 8
        (Costs(fraud=5.0, review=8.0, wrong_block=40.0, min_block=0.0), 0.8, 10.0, "review"),
        # approve 5, review 5, block 5
        (Costs(fraud=0.0, review=5.0, wrong_block=10.0, min_block=0.0), 0.5, 10.0, "approve"),
        # approve 2.9, review 40, block 0.71: from the floor on
        (Costs(fraud=0.0, review=40.0, wrong_block=1.0, min_block=0.29), 0.289999, 10.0, "approve"),
        (Costs(fraud=0.0, review=40.0, wrong_block=1.0, min_block=0.29), 0.29, 10.0, "block"),
        (Costs(fraud=0.0, review=40.0, wrong_block=1.0, min_block=1.0), 0.999999, 1e6, "review"),
    ],
)
def test_ties_and_the_floor_by_hand(costs: Costs, probability: float, amount: float, expected: str) -> None:
    """Approve comes before review, and review before block; the floor belongs to the blocks."""
    assert decide(costs, probability, amount) == expected


@given(payments, rules)
def test_each_decision_is_the_cheapest_allowed(rows: list[tuple[float, float]], costs: Costs) -> None:
    """No other decision costs less, and no payment is blocked below the floor."""
    for probability, amount in rows:
        decision = decide(costs, probability, amount)
        possible = {
            "approve": probability * (amount + costs.fraud),
            "review": costs.review,
            "block": (1.0 - probability) * costs.wrong_block if probability >= costs.min_block else np.inf,
        }
        assert possible[decision] <= min(possible.values()) * (1 + 1e-9)


@given(payments, rules, st.floats(0.001, 0.999), st.floats(0.001, 0.999))
def test_never_dearer_than_fixed_thresholds(
    rows: list[tuple[float, float]], costs: Costs, one: float, other: float
) -> None:
    """Any thresholds that respect the floor cost as much or more on the same probabilities."""
    fraud, sizes = np.array(rows).T
    review, block = sorted((one, other))
    limits = Thresholds(review, min(max(block, costs.min_block), 1.0 - 1e-9))
    least = expected_cost(costs, fraud, sizes, costs)
    assert least <= expected_cost(limits, fraud, sizes, costs) * (1 + 1e-9)


@given(probabilities, amounts, amounts, rules)
def test_a_larger_amount_is_never_treated_milder(probability: float, one: float, other: float, costs: Costs) -> None:
    """At the same probability, a larger amount has the same decision or a stricter one."""
    smaller, larger = sorted((one, other))
    decisions = costs.decide(np.full(2, probability), np.array([smaller, larger]))
    assert decisions[0] <= decisions[1]


@given(probabilities, probabilities, amounts, rules)
def test_a_higher_probability_is_never_treated_milder(one: float, other: float, amount: float, costs: Costs) -> None:
    """At the same amount, a more probable fraud has the same decision or a stricter one."""
    lower, higher = sorted((one, other))
    decisions = costs.decide(np.array([lower, higher]), np.full(2, amount))
    assert decisions[0] <= decisions[1]


@given(st.lists(st.tuples(probabilities, amounts), max_size=30), rules)
def test_a_batch_is_decided_like_its_payments(rows: list[tuple[float, float]], costs: Costs) -> None:
    """A decision depends on nothing but the payment."""
    fraud, sizes = np.array(rows).reshape(-1, 2).T
    assert [DECISIONS[place] for place in costs.decide(fraud, sizes)] == [decide(costs, *row) for row in rows]


@given(st.lists(st.tuples(probabilities, amounts), max_size=30), st.floats(0.001, 0.5), st.floats(0.5, 0.999))
def test_thresholds_ignore_the_amount(rows: list[tuple[float, float]], review: float, block: float) -> None:
    """A threshold belongs to the stricter side."""
    fraud, sizes = np.array(rows).reshape(-1, 2).T
    expected = ["block" if p >= block else "review" if p >= review else "approve" for p in fraud.tolist()]
    assert [DECISIONS[place] for place in Thresholds(review, block).decide(fraud, sizes)] == expected


@pytest.mark.parametrize(
    "change",
    [
        {"fraud": -1.0},
        {"review": 0.0},
        {"wrong_block": 0.0},
        {"min_block": 1.1},
        {"min_block": -0.1},
        {"fraud": np.inf},
        {"review": np.nan},
        {"min_block": np.nan},
    ],
    ids=str,
)
def test_costs_that_make_no_sense_are_refused(change: dict[str, float]) -> None:
    """The message has all of them."""
    with pytest.raises(ModelUnfitError, match="costs must be"):
        Costs(**{"fraud": 15.0, "review": 5.0, "wrong_block": 25.0, "min_block": 0.5} | change)
