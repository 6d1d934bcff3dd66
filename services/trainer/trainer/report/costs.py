"""Plots of the cost per payment by fixed threshold, expected and actual, beside the cost of the decision rule."""

from collections.abc import Sequence

import numpy as np

from fraudstream.arrays import Floats
from fraudstream.model.decision import Thresholds
from fraudstream.model.fraud_model import SMALLEST
from trainer import thresholds
from trainer.report import axes
from trainer.report.axes import Axis
from trainer.report.facts import Facts
from trainer.report.plot import Plot
from trainer.report.texts import percent, rounded_percent

_POINTS = 60
_HIGHEST = 8.0  # times the least cost: higher values are cut off


def plots(facts: Facts) -> list[Plot]:
    """Draw cost by review threshold and by block threshold; the other one stays as is if possible."""
    chosen = facts.study.thresholds
    tried = np.geomspace(max(SMALLEST, float(np.quantile(facts.fraud, 0.02))), 1.0 - SMALLEST, _POINTS)
    review = [Thresholds(float(at), max(float(at), chosen.block)) for at in tried]
    even = np.linspace(0.01, 0.99, _POINTS)
    block = [Thresholds(min(float(at), chosen.review), float(at)) for at in even]
    by_review = _plot(facts, "review", axes.logarithmic(tried[0], tried[-1], percent), tried, review)
    by_review.vertical(chosen.review, "review dashed", f"best: {rounded_percent(chosen.review)}")
    by_block = _plot(facts, "block", axes.linear(0, 1, percent), even, block)
    by_block.vertical(chosen.block, "block dashed", f"best: {rounded_percent(chosen.block)}")
    return [by_review, by_block]


def _plot(facts: Facts, decision: str, x: Axis, at: Floats, tried: Sequence[Thresholds]) -> Plot:
    amounts, prices = facts.amounts, facts.study.costs
    expected = np.array([thresholds.expected_cost(facts.fraud, amounts, one, prices) for one in tried])
    actual = np.array([thresholds.actual_cost(facts.labels, facts.fraud, amounts, one, prices) for one in tried])
    rule = float(thresholds.cost(facts.fraud, facts.decisions, amounts, prices).mean())
    best, place = float(expected.min()), rounded_percent(at[expected.argmin()])
    plot = Plot(
        title=f"Threshold of a {decision}",
        x=x,
        y=axes.linear(0, min(_HIGHEST * best, 1.15 * float(max(expected.max(), actual.max())))),
        x_label=f"probability from which payments are {decision}ed",
        y_label=f"cost per payment{facts.unit}",
        description=f"The least expected cost with fixed thresholds is {facts.money(best)} per payment, at {place}; "
        f"the model's decisions are expected to cost {facts.money(rule)}.",
    )
    plot.line(at, actual, "fraud dashed", "fixed thresholds, actual")
    plot.line(at, expected, "model", "fixed thresholds, expected")
    plot.horizontal(rule, "ink", "the model's decisions, expected")
    approved = float((facts.labels * (amounts + prices.fraud)).mean())
    if approved <= plot.y.high:
        plot.horizontal(approved, "faint dotted", "all approved")
    return plot
