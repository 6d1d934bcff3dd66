"""Shares of the log-odds: the axioms of Shapley values, a brute-force check, and texts."""

import json
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.default_payment import ENCODING, FEATURES, SCHEMA

from fraudstream.model.curves import CurveLogit
from fraudstream.model.reason_texts import ReasonTexts
from fraudstream.model.reasons import contributions
from fraudstream.simulation import labels, simulate
from trainer.candidates import candidates

Floats = NDArray[np.float64]

REFERENCE = np.array([45.0, 0.2, 0.0, 13.0, 0.0])
TEXTS = ReasonTexts(SCHEMA, ENCODING)
_RNG = np.random.default_rng(0)
_MATRIX = simulate(_RNG, 3_000).matrix()
HISTORY = (_MATRIX, labels(_RNG, _MATRIX))
rows = st.lists(
    st.tuples(st.floats(0.01, 1e6), st.floats(0, 1), st.integers(0, 50), st.integers(0, 23), st.integers(0, 1)),
    min_size=1,
    max_size=4,
).map(lambda found: np.array(found, dtype=np.float64))


def crooked(matrix: Floats) -> Floats:
    """Return log-odds with interactions of two and three fields, and a kink."""
    amount, risk, logins, hour, device = matrix.T
    bends: Floats = np.log(amount) + 3 * risk * device + np.minimum(logins, 4) * risk * device - np.abs(hour - 3) / 5
    return bends


def brute_force(row: Floats) -> list[float]:
    """Return the mean contribution of each field over all orders in which fields are set."""
    shares = np.zeros(5)
    orders = list(permutations(range(5)))
    for order in orders:
        mixed = REFERENCE.copy()
        before = crooked(mixed[None])[0]
        for field in order:
            mixed[field] = row[field]
            after = crooked(mixed[None])[0]
            shares[field] += after - before
            before = after
    mean: list[float] = (shares / len(orders)).tolist()
    return mean


@given(rows)
def test_equals_brute_force(matrix: Floats) -> None:
    """The brute force covers all 120 orders, one by one."""
    found = contributions(crooked, matrix, REFERENCE)
    assert found == pytest.approx(np.array([brute_force(row) for row in matrix]), abs=1e-9)


@given(rows)
def test_shares_add_up(matrix: Floats) -> None:
    """The sum is the log-odds minus the reference's; a field with the reference's value has a share of 0."""
    found = contributions(crooked, matrix, REFERENCE)
    assert found.sum(axis=1) == pytest.approx(crooked(matrix) - crooked(REFERENCE[None]), abs=1e-9)
    assert np.abs(found[matrix == REFERENCE]).max(initial=0) < 1e-9


def test_reasons_are_the_strongest_increases_first() -> None:
    """Each reason has the field, its share and a text."""
    matrix = np.array([[1200.5, 0.68, 7, 23, 1], [10, 0, 0, 12, 0], [8e3, 0, 0, 12, 0]])
    shares = np.array([[0.5, -0.2, 1.25, 0.0004, 0.75], [-1, -1, -1, -1, -1], [12.3456, 0, 0, 0, 0]])
    reasons, none, only = map(json.loads, TEXTS.format(matrix, shares))
    assert none == []
    assert only == [{"field": "amount", "contribution": 12.346, "text": "amount 8,000.00"}]
    assert reasons == [
        {"field": "failed_logins", "contribution": 1.25, "text": "7 failed logins"},
        {"field": "is_new_device", "contribution": 0.75, "text": "new device"},
        {"field": "amount", "contribution": 0.5, "text": "amount 1,200.50"},
    ]


@pytest.mark.parametrize(
    ("payment", "texts"),
    [
        (
            [1e12, 0.0, 0, 0, 0],
            [
                "amount 1,000,000,000,000.00",
                "country risk 0.00",
                "no failed logins",
                "between 00:00 and 01:00",
                "known device",
            ],
        ),
        (
            [0.01, 1.0, 1, 23, 1],
            ["amount 0.01", "country risk 1.00", "1 failed login", "between 23:00 and 00:00", "new device"],
        ),
    ],
)
def test_each_field_has_a_text(payment: list[float], texts: list[str]) -> None:
    """Each field has a text for any value."""
    (found,) = TEXTS.format(np.array([payment]), np.ones((1, 5)))
    reasons = {reason["field"]: reason["text"] for reason in json.loads(found)}
    assert reasons == dict(zip(FEATURES, texts, strict=True))


@pytest.mark.parametrize("name", ["lines", "curves_and_products", "curves_and_products_fine"])
def test_closed_form_equals_all_coalitions(name: str) -> None:
    """The formula is checked for each kind of curves that the trainer fits."""
    (candidate,) = [one for one in candidates(ENCODING) if one.name == name]
    classifier = candidate.fit(*HISTORY, 0)
    assert isinstance(classifier, CurveLogit)
    matrix = HISTORY[0][:200]
    slow = contributions(classifier.log_odds, matrix, REFERENCE)
    assert classifier.contributions(matrix, REFERENCE) == pytest.approx(slow, abs=1e-9)
