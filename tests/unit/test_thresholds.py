"""Thresholds by cost: the lowest expected cost of all possible ones, for any history."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraudstream.model.decision import Costs, Thresholds
from trainer.thresholds import actual_cost, choose, expected_cost

PRICES = st.floats(0.01, 1e4)
PAYMENTS = st.lists(st.tuples(st.floats(0, 1), st.floats(0.01, 1e6)), min_size=1, max_size=12)


@given(PAYMENTS, PRICES, PRICES)
def test_no_other_thresholds_cost_less(payments: list[tuple[float, float]], review: float, wrong_block: float) -> None:
    """The test tries every pair between two neighbouring probabilities, and the formula's own."""
    fraud, amounts = np.round(np.array(payments).T, 2)
    costs = Costs(fraud=0.0, min_block=0.0, review=review, wrong_block=wrong_block)
    chosen = choose(fraud, amounts, costs)
    ordered = np.unique(np.clip(fraud, 0.005, 0.995))
    possible = [0.001, *((ordered[1:] + ordered[:-1]) / 2), 0.999]
    least = min(
        expected_cost(fraud, amounts, Thresholds(lower, upper), costs)
        for lower in possible
        for upper in possible
        if lower <= upper
    )
    assert expected_cost(fraud, amounts, chosen, costs) <= least * (1 + 1e-9) + 1e-9


@given(PAYMENTS, PRICES, PRICES)
def test_always_thresholds(payments: list[tuple[float, float]], review: float, wrong_block: float) -> None:
    """Thresholds are within 0 and 1, the lower first, in six decimals, whatever the order of the payments."""
    fraud, amounts = np.array(payments).T
    costs = Costs(fraud=0.0, min_block=0.0, review=review, wrong_block=wrong_block)
    chosen = choose(fraud, amounts, costs)
    assert 0 < chosen.review <= chosen.block < 1
    assert (round(chosen.review, 6), round(chosen.block, 6)) == (chosen.review, chosen.block)


def test_equal_amounts_have_the_textbook_thresholds() -> None:
    """Review starts at r / a, block at 1 - r / w."""
    fraud = np.linspace(0.0005, 0.9995, 1_000)
    chosen = choose(fraud, np.full(1_000, 100.0), Costs(fraud=0.0, min_block=0.0, review=5.0, wrong_block=25.0))
    assert chosen.review == pytest.approx(0.05, abs=0.001)
    assert chosen.block == 0.8


def test_a_wrong_block_cheaper_than_a_review_leaves_none_to_review() -> None:
    """The two thresholds are equal."""
    fraud = np.linspace(0.0005, 0.9995, 1_000)
    chosen = choose(fraud, np.full(1_000, 100.0), Costs(fraud=0.0, min_block=0.0, review=50.0, wrong_block=25.0))
    assert chosen.review == chosen.block == pytest.approx(0.2, abs=0.001)


def test_a_review_that_never_pays() -> None:
    """All payments are approved: the threshold is above every one."""
    chosen = choose(
        np.array([0.1, 0.3]), np.array([1.0, 1.0]), Costs(fraud=0.0, min_block=0.0, review=1e6, wrong_block=1e6)
    )
    assert chosen.review > 0.3


def test_one_giant_amount_does_not_review_everybody() -> None:
    """A thousand reviews cost more than the one payment can lose."""
    fraud = np.append(np.full(1_000, 0.002), 0.001)
    amounts = np.append(np.full(1_000, 10.0), 1e6)
    chosen = choose(fraud, amounts, Costs(fraud=0.0, min_block=0.0, review=5.0, wrong_block=25.0))
    assert chosen.review > 0.002


def test_actual_cost_by_hand() -> None:
    """A missed fraud costs its amount, a review its price, a right block nothing."""
    costs, limits = Costs(fraud=0.0, min_block=0.0, review=5.0, wrong_block=25.0), Thresholds(0.1, 0.5)
    labels, fraud = np.array([1, 0, 1, 0, 1, 0]), np.array([0.01, 0.02, 0.1, 0.2, 0.5, 0.9])
    assert actual_cost(labels, fraud, np.full(6, 60.0), limits, costs) == pytest.approx((60 + 5 + 5 + 25) / 6)
