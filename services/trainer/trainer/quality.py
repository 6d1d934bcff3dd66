"""`python -m trainer.quality`: measure the trained model against the true probabilities of simulated payments."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score
from threadpoolctl import threadpool_limits

from fraudstream.arrays import Floats
from fraudstream.model.calibration import Calibrated
from fraudstream.model.curves import CurveLogit
from fraudstream.model.fraud_model import SMALLEST, Classifier, published
from fraudstream.payment_schema import default_schema
from fraudstream.runtime import logs, terminal
from fraudstream.runtime.settings import LogSettings, TrainingSettings
from fraudstream.simulation import labels, simulate, true_probability
from trainer import calibrate, history, thresholds
from trainer.study import Study, final_model, study

FRESH_PAYMENTS = 1_000_000
_SEED = 777
_BLOCK = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measurement of a model, with its goal."""

    name: str
    value: float
    goal: float
    higher_is_better: bool
    note: str = ""

    @property
    def reached(self) -> bool:
        """Whether the goal is met."""
        return self.value >= self.goal if self.higher_is_better else self.value <= self.goal


def measure(data: Path, *, payments: int = FRESH_PAYMENTS) -> list[Figure]:
    """Train on the simulated history `data` and compare with the true probabilities of new payments."""
    past, settings = history.read(data, default_schema()), TrainingSettings.from_env({})
    with threadpool_limits(1):
        found = study(past, settings)
        model = final_model(past, found, settings.seed)
    rng = np.random.default_rng(_SEED)
    simulated = simulate(rng, payments)
    matrix = simulated.matrix()
    truth, outcomes = np.clip(true_probability(matrix), SMALLEST, 1.0 - SMALLEST), labels(rng, matrix)
    scores = np.concatenate([model.score(matrix[start : start + _BLOCK]) for start in range(0, payments, _BLOCK)])
    auc = roc_auc_score(outcomes, scores) / roc_auc_score(outcomes, truth)
    precision = average_precision_score(outcomes, scores) / average_precision_score(outcomes, truth)
    entropy = _expected_log_loss(truth, truth)
    excess = 100.0 * (_expected_log_loss(truth, scores) / entropy - 1.0)
    error = calibrate.reliability(truth, scores).error
    cost = _relative_cost(found, truth, scores, simulated.amount)
    parameters = _count_parameters(model.classifier)
    theory = 100.0 * parameters / (2 * len(past.labels)) / entropy
    note = f"d/2n of {parameters} fitted parameters: {theory:.2f} %" if parameters else ""
    return [
        Figure(name="AUC relative to truth", value=float(auc), goal=0.995, higher_is_better=True),
        Figure(name="average precision relative to truth", value=float(precision), goal=0.97, higher_is_better=True),
        Figure(name="log loss above the truth, %", value=excess, goal=1.0, higher_is_better=False, note=note),
        Figure(name="cost per payment relative to truth", value=cost, goal=1.03, higher_is_better=False),
        Figure(name="calibration error", value=error, goal=0.005, higher_is_better=False),
    ]


def table(figures: list[Figure]) -> str:
    """Format a table: each figure, its goal, whether it is met, and the theoretical value."""
    head = f"{'':36}{'measured':>10}{'goal':>10}"
    rows = [
        f"{figure.name:36}{figure.value:>10.4f}{'>= ' if figure.higher_is_better else '<= ':>5}{figure.goal:<5g}"
        f"  {'met' if figure.reached else 'MISSED'}  {figure.note}".rstrip()
        for figure in figures
    ]
    return "\n".join([head, *rows, ""])


def _expected_log_loss(truth: Floats, fraud: Floats) -> float:
    """Return the mean over all possible outcomes of the payments."""
    return float(-(truth * np.log(fraud) + (1.0 - truth) * np.log1p(-fraud)).mean())


def _relative_cost(found: Study, truth: Floats, fraud: Floats, amounts: Floats) -> float:
    """Return the expected cost of decisions on probabilities `fraud`, relative to that of decisions on the truth."""
    ours, best = (
        thresholds.cost(truth, found.rule.decide(known, amounts), amounts, found.costs).mean()
        for known in (fraud, published(truth))
    )
    return float(ours / best)


def _count_parameters(classifier: Classifier) -> int:
    """Count a curve model's fitted parameters, 0 for other models; each costs half a nat over the whole history."""
    if isinstance(classifier, Calibrated):
        return _count_parameters(classifier.classifier)
    if isinstance(classifier, CurveLogit):
        return 1 + int(np.count_nonzero(classifier.weights)) + int(np.count_nonzero(classifier.pairs))
    return 0


if __name__ == "__main__":
    logs.configure(LogSettings.from_env(os.environ), "quality")
    found = measure(TrainingSettings.from_env(os.environ).data)
    terminal.write(table(found))
    sys.exit(not all(figure.reached for figure in found))
