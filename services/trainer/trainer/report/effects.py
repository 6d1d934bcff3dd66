"""Picture of the effect of each field on the probability of fraud."""

import numpy as np
from fraudstream.model.features import FEATURES
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from fraudstream.arrays import Floats, Integers
from trainer.fit import log_losses
from trainer.report import style
from trainer.report.facts import Facts

_PAYMENTS = 2_000
_POINTS = 40
_SHUFFLES = 3
_MOST_SHUFFLED = 20_000
_LABELS = {
    "amount": "amount (payments' currency)",
    "country_risk_score": "country risk score (0 to 1)",
    "failed_logins": "failed logins before the payment",
    "transaction_hour": "hour of the payment (UTC)",
    "is_new_device": "device",
}
_SHORT = {
    "amount": "amount",
    "country_risk_score": "country",
    "failed_logins": "logins",
    "transaction_hour": "hour",
    "is_new_device": "device",
}


def picture(facts: Facts) -> Figure:
    """Draw for each field the mean probability if all payments had a value, and the loss if the field is shuffled."""
    figure, panels = style.panels(2, 3, width=12, height=7)
    payments = facts.matrix[_spread(len(facts.matrix), _PAYMENTS)]
    top = 0.0
    for column, axes in enumerate(panels[:-1]):
        values = _values(FEATURES[column], facts.matrix[:, column])
        mean = np.array([_mean(facts, payments, column, value) for value in values])
        top = max(top, 100 * float(mean.max()))
        _draw(axes, FEATURES[column], values, 100 * mean)
    for axes in panels[:-1]:
        axes.set_ylim(0, 1.08 * top)
    for axes in (panels[0], panels[3]):
        axes.set_ylabel("mean probability of fraud, %")
    _importance(panels[-1], facts)
    return figure


def _values(name: str, column: Floats) -> Floats:
    low, high = np.quantile(column, [0.005, 0.995])
    if name == "amount":
        return np.geomspace(low, high, _POINTS)
    if name == "country_risk_score":
        return np.linspace(low, high, _POINTS)
    return np.arange(low, high + 1) if high - low < _POINTS else np.unique(np.linspace(low, high, _POINTS).round())


def _mean(facts: Facts, payments: Floats, column: int, value: float) -> float:
    changed = payments.copy()
    changed[:, column] = value
    return float(facts.classifier.predict_proba(changed)[:, 1].mean())


def _draw(axes: Axes, name: str, values: Floats, percent: Floats) -> None:
    axes.set(title=name, xlabel=_LABELS[name])
    if name == "is_new_device":
        axes.bar(values, percent, width=0.5, color=style.MODEL)
        axes.set_xticks(values, ["new" if value else "known" for value in values])
        axes.set_xlim(-0.6, 1.6)
        return
    axes.plot(values, percent, color=style.MODEL, marker="o" if name == "failed_logins" else "", markersize=5)
    axes.fill_between(values, percent, color=style.MODEL, alpha=0.08)
    if name == "amount":
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    if name == "transaction_hour":
        axes.set_xticks([0, 6, 12, 18, 23])


def _importance(axes: Axes, facts: Facts) -> None:
    rng = np.random.default_rng(0)
    rows = _spread(len(facts.matrix), _MOST_SHUFFLED)
    matrix, labels = facts.matrix[rows], facts.labels[rows]
    baseline = _loss(facts, matrix, labels)
    increases = []
    for column in range(len(FEATURES)):
        losses = []
        for _ in range(_SHUFFLES):
            shuffled = matrix.copy()
            shuffled[:, column] = rng.permutation(matrix[:, column])
            losses.append(_loss(facts, shuffled, labels))
        increases.append(100 * (np.mean(losses) / baseline - 1))
    order = np.argsort(increases)
    axes.barh(
        [_SHORT[FEATURES[column]] for column in order],
        [increases[column] for column in order],
        color=style.MODEL,
        height=0.6,
    )
    axes.set(title="Field shuffled", xlabel="increase of log loss, %")
    axes.grid(visible=False, axis="y")


def _loss(facts: Facts, matrix: Floats, labels: Integers) -> float:
    return float(log_losses(labels, facts.classifier.predict_proba(matrix)[:, 1]).mean())


def _spread(count: int, most: int) -> Integers:
    """Return at most `most` row numbers out of `count`, evenly spaced."""
    return np.linspace(0, count - 1, min(most, count)).astype(np.int64)
