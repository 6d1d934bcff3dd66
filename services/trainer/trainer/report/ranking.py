"""Plots of how the model ranks payments: precision against recall, and ROC."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from fraudstream.arrays import Flags, Floats, Integers
from fraudstream.model.decision import BLOCKED, REVIEWED
from trainer.report import axes
from trainer.report.facts import Facts
from trainer.report.plot import Plot
from trainer.report.texts import percent

_POINTS = 200
_MARKED = ((REVIEWED, "review", "reviewed or blocked"), (BLOCKED, "block", "blocked"))
"""Decision from which payments count as stopped, its kind of mark, and its name."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Shares where the payments of highest score are stopped, by the share of frauds among all frauds (recall)."""

    recall: Floats
    precision: Floats
    wrong: Floats
    """Share of legitimate payments that are stopped."""

    @classmethod
    def of(cls, labels: Integers, fraud: Floats) -> "Curve":
        """Return the curve at about 200 values of the recall; payments of equal score are stopped together."""
        order = np.argsort(-fraud, kind="stable")
        is_last = np.append(np.diff(fraud[order]) != 0, True)
        frauds, stopped = np.cumsum(labels[order])[is_last], np.arange(1, len(labels) + 1)[is_last]
        recall, precision = frauds / labels.sum(), frauds / stopped
        wrong = (stopped - frauds) / (len(labels) - labels.sum())
        at = np.unique(np.append(np.searchsorted(recall, np.linspace(0, 1, _POINTS)), [0, len(recall) - 1]))
        return cls(recall[at], precision[at], wrong[at])


def plots(facts: Facts) -> list[Plot]:
    """Draw both curves, those of the true probabilities if they are known, and the decisions as points."""
    rate = float(facts.labels.mean())
    precision, roc = _precision(facts), _roc(facts)
    shown = [("model", facts.fraud, "model")]
    if facts.truth is not None:
        shown.insert(0, ("best possible, with the true probabilities", facts.truth, "truth dashed"))
    for name, fraud, kind in shown:
        curve = Curve.of(facts.labels, fraud)
        area = average_precision_score(facts.labels, fraud)
        precision.line(curve.recall, curve.precision, kind, f"{name}: average precision {area:.3f}")
        zero, one = np.zeros(1), np.ones(1)
        under = roc_auc_score(facts.labels, fraud)
        x, y = np.concatenate([zero, curve.wrong, one]), np.concatenate([zero, curve.recall, one])
        roc.line(x, y, kind, f"{name}: area {under:.3f}")
    precision.horizontal(rate, "faint dotted", f"by chance: {rate:.3f}")
    roc.line(np.array([0.0, 1.0]), np.array([0.0, 1.0]), "faint dotted", "by chance: 0.5")
    for decision, kind, name in _MARKED:
        stopped = facts.decisions >= decision
        if stopped.any():
            recall, right, wrong = _shares(facts, stopped)
            precision.points(recall, right, kind, name)
            roc.points(wrong, recall, kind, name)
    return [precision, roc]


def _precision(facts: Facts) -> Plot:
    area = average_precision_score(facts.labels, facts.fraud)
    return Plot(
        title="Precision and recall",
        x=axes.linear(0, 1, percent),
        y=axes.linear(0, 1, percent),
        x_label="recall: share of all frauds that are stopped",
        y_label="precision: share of frauds among stopped payments",
        description=f"Curve of precision by recall; the average precision is {area:.3f}.",
    )


def _roc(facts: Facts) -> Plot:
    area = roc_auc_score(facts.labels, facts.fraud)
    return Plot(
        title="ROC",
        x=axes.linear(0, 1, percent),
        y=axes.linear(0, 1, percent),
        x_label="share of legitimate payments that are stopped",
        y_label="share of all frauds that are stopped",
        description=f"ROC curve; the area under it is {area:.3f}.",
    )


def _shares(facts: Facts, stopped: Flags) -> tuple[Floats, Floats, Floats]:
    """Return recall, precision, and the share of legitimate payments, where `stopped` payments are."""
    values = stopped[facts.labels == 1].mean(), facts.labels[stopped].mean(), stopped[facts.labels == 0].mean()
    recall, right, wrong = (np.array([value]) for value in values)
    return recall, right, wrong
