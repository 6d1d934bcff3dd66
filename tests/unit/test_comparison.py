"""Champion and challenger compared from scored records."""

import numpy as np
import pytest
from tests.scores import FORMAT, PAYMENT, One, Record, scored_values

from cli.audit.comparison import Comparisons
from fraudstream.model.decision import Costs, Thresholds

SHADOW = b',"challenger_probability":%.6f,"challenger_version":"%b"}'


def record(champion: float, decision: str, challenger: float, version: bytes = b"new") -> Record:
    """Return a payment that both models have scored."""
    value = scored_values([One(PAYMENT, champion, decision, "old", 0, 3, 7)])[0]
    return Record(value[:-1] + SHADOW % (challenger, version))


def test_agreement_shift_and_table() -> None:
    """Decisions use the challenger's own thresholds; payments without a challenger's score don't count."""
    found = Comparisons(FORMAT, {"new": Thresholds(0.2, 0.6)}.get)
    alone = scored_values([One(PAYMENT, 0.5, "review", "old", 0, 3, 7)])[0]
    records = [
        record(0.3, "review", 0.1),
        record(0.7, "block", 0.7),
        Record(alone),
        record(0.5, "review", 0.6, b"gone"),
    ]
    found.add([*records, Record(b"no")])
    (pair,) = found.pairs
    comparison = found.pairs[pair]
    assert pair == ("old", "new")
    assert (comparison.payments, comparison.agreement, found.left_out) == (2, 0.5, 2)
    assert comparison.decisions == {("review", "approve"): 1, ("block", "block"): 1}
    assert comparison.shift == pytest.approx(np.log(0.1 / 0.9) - np.log(0.3 / 0.7))
    text = comparison.text(*pair)
    assert "same decision: 50.00%" in text
    assert len(text.splitlines()) == 8


def test_a_challenger_that_decides_by_cost() -> None:
    """Its decision depends on the amount in the record too: 12.5."""
    found = Comparisons(FORMAT, {"new": Costs(fraud=15.0, review=5.0, wrong_block=25.0, min_block=0.5)}.get)
    found.add([record(0.3, "review", 0.3), record(0.3, "review", 0.1), record(0.7, "block", 0.9)])
    (comparison,) = found.pairs.values()
    assert comparison.decisions == {("review", "review"): 1, ("review", "approve"): 1, ("block", "block"): 1}
