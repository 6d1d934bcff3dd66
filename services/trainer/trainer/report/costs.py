"""Picture of the cost per payment by fixed threshold, expected and actual, beside the cost of the decision rule."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fraudstream.arrays import Floats
from fraudstream.model.decision import Thresholds
from fraudstream.model.fraud_model import SMALLEST
from trainer import thresholds
from trainer.report import style
from trainer.report.facts import Facts

_POINTS = 160
_HIGHEST = 8.0  # times the least cost: higher values are cut off


def picture(facts: Facts) -> Figure:
    """Draw cost by review threshold (left) and by block threshold (right); the other one stays as is if possible."""
    figure, (left, right) = style.panels(1, 2, width=11, height=4.9)
    chosen, costs = facts.study.thresholds, facts.study.costs
    tried = np.geomspace(max(SMALLEST, float(np.quantile(facts.fraud, 0.02))), 1.0 - SMALLEST, _POINTS)
    _curve(left, facts, tried, [Thresholds(float(at), max(float(at), chosen.block)) for at in tried])
    even = np.linspace(0.01, 0.99, _POINTS)
    _curve(right, facts, even, [Thresholds(min(float(at), chosen.review), float(at)) for at in even])
    left.set(xscale="log", title="Review threshold", xlabel="probability from which payments are reviewed")
    right.set(title="Block threshold", xlabel="probability from which payments are blocked")
    for axes in (left, right):
        axes.xaxis.set_major_formatter(style.percent)
    left.set_ylabel("cost per payment")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    style.mark(left, chosen.review, "best", style.REVIEW)
    style.mark(right, chosen.block, "best", style.BLOCK)
    figure.suptitle(
        f"In the payments' currency: a review costs {costs.review:g}, a wrong block {costs.wrong_block:g}, "
        f"a missed fraud its amount and {costs.fraud:g}",
        x=0.01,
        ha="left",
        fontsize=10.5,
    )
    return figure


def _curve(axes: Axes, facts: Facts, at: Floats, tried: list[Thresholds]) -> None:
    amounts = facts.amounts
    expected = [thresholds.expected_cost(facts.fraud, amounts, one, facts.study.costs) for one in tried]
    actual = [thresholds.actual_cost(facts.labels, facts.fraud, amounts, one, facts.study.costs) for one in tried]
    axes.plot(at, expected, color=style.MODEL, label="fixed thresholds, expected")
    axes.plot(at, actual, color=style.FRAUD, linewidth=1.4, linestyle="--", label="fixed thresholds, actual")
    top = min(_HIGHEST * min(expected), 1.15 * max(*expected, *actual))
    rule = thresholds.expected_cost(facts.fraud, amounts, facts.study.rule, facts.study.costs)
    axes.axhline(rule, color=style.INK, linewidth=1.4, label="least cost of each payment, expected")
    approved = float((facts.labels * (amounts + facts.study.costs.fraud)).mean())
    axes.axhline(approved, color=style.FAINT, linewidth=1.2, linestyle=":", label="all approved")
    axes.set_ylim(0, top)
