"""Charts of the report on fields, scores and costs, of payments with rare or missing values."""

from collections.abc import Sequence
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
from tests.default_payment import ENCODING
from tests.histories import history_of

from fraudstream.arrays import Floats
from fraudstream.model.decision import Costs, Thresholds
from fraudstream.runtime.currency import CurrencySettings
from fraudstream.simulation import simulate
from trainer import thresholds
from trainer.report import costs, effects, scores
from trainer.report.facts import Facts, decide
from trainer.report.plot import Plot

COUNT = 1_000
ROOM = "\N{NO-BREAK SPACE}"


class Even:
    """A classifier for which all payments are alike."""

    def predict_proba(self, matrix: Floats) -> Floats:
        """Return one probability for all payments."""
        return np.full((len(matrix), 2), 0.5)


def facts(matrix: Floats, fraud: Floats, *, missing: int = 0) -> Facts:
    """Return the facts on payments with these scores, the first of them without an amount."""
    past = history_of(matrix, np.arange(COUNT) % 2)
    past.amounts[:missing] = np.nan
    prices, unused = Costs(fraud=15.0, review=5.0, wrong_block=25.0, min_block=0.5), MagicMock()
    study: Any = MagicMock(costs=prices, rule=prices, thresholds=Thresholds(review=0.01, block=0.9))
    classifier: Any = Even()
    return Facts(
        manifest=unused,
        history=past,
        study=study,
        classifier=classifier,
        matrix=matrix,
        amounts=np.nan_to_num(past.amounts),
        labels=past.labels,
        fraud=fraud,
        decisions=decide(study, fraud, past.amounts),
        truth=None,
        currency=CurrencySettings.from_env({}),
    )


def payments(**columns: float | Floats) -> Floats:
    """Return simulated payments with these values."""
    matrix = simulate(np.random.default_rng(0), COUNT).matrix()
    for name, values in columns.items():
        matrix[:, ENCODING.names.index(name)] = values
    return matrix


def titled(plots: Sequence[Plot], title: str) -> Plot:
    """Return the plot with this title."""
    return next(one for one in plots if one.title == title)


@pytest.mark.parametrize(("kind", "value", "ticks"), [("flag", 1.0, 2), ("period", 23.0, 5)])
def test_rare_values_are_drawn(kind: str, value: float, ticks: int) -> None:
    """A flag has both bars, and an hour its place, if 0.4 % of the payments have them."""
    name = next(one.name for one in ENCODING.fields if one.kind == kind)
    known = facts(payments(**{name: np.where(np.arange(COUNT) < 4, value, 0.0)}), np.full(COUNT, 0.5))
    drawn = titled(effects.plots(known, np.zeros(len(ENCODING.names))), name.replace("_", " "))
    assert len(drawn.x.ticks) == ticks


def test_ends_of_a_description() -> None:
    """Large values have all their digits."""
    known = facts(payments(amount=102_500.0), np.full(COUNT, 0.5))
    assert "at 102,500 to" in titled(effects.plots(known, np.zeros(len(ENCODING.names))), "amount").description


def test_importance_has_no_negative_zero() -> None:
    """A value that is rounded to 0 has no sign."""
    increases = np.linspace(-0.04, 0.04, len(ENCODING.names))
    _, rows = effects.ordered(facts(payments(), np.full(COUNT, 0.5)), increases)
    assert {row[1] for row in rows} == {"0.0 %"}


def test_limits_of_a_median_payment() -> None:
    """Missing amounts have no part in the median."""
    known = facts(payments(amount=85.0), np.linspace(0.01, 0.99, COUNT), missing=600)
    written = scores.plots(known)[0].html()
    assert f"review from 5{ROOM}% for a payment of 85" in written


def test_equal_scores() -> None:
    """Scores that are all the same are drawn on an axis with ticks."""
    drawn = scores.plots(facts(payments(), np.full(COUNT, 0.1)))[0]
    assert len(drawn.x.ticks) >= 2


def test_costs_without_amounts() -> None:
    """Payments without an amount are decided by the thresholds, in the chart as in the scorer."""
    known = facts(payments(amount=85.0), np.full(COUNT, 0.1), missing=600)
    expected = thresholds.cost(known.fraud, known.decisions, known.amounts, known.study.costs).mean()
    assert f"are expected to cost {known.money(float(expected))}." in costs.plots(known)[0].description
