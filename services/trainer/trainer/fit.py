"""Comparison of the candidates by cross-validation; the simplest that is as good as the best is chosen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import structlog
from sklearn.model_selection import StratifiedKFold, train_test_split

from fraudstream.arrays import Floats, Integers
from fraudstream.model.fraud_model import SMALLEST
from fraudstream.runtime.log_on_change import Every
from trainer.candidates import Candidate
from trainer.history import History
from trainer.sampling import fitted, probabilities

# increase it when the same history and seed give a different model or rule: stored versions then no longer match
RECIPE = 6
MOST_ROWS_COMPARED = 200_000
"""Payments that candidates are compared on; more where frauds are rare."""
_FRAUDS_COMPARED, _MOST_VALUES_COMPARED = 1_000, 30_000_000

_FOLDS, _REPEATS = 5, 2
_PROGRESS_EVERY_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """A candidate's mean log loss on payments that it was not fitted to, and `excess`, its distance from the best."""

    candidate: Candidate
    log_loss: float
    excess: float
    standard_error: float
    """Standard error of `excess`, from the payments' paired differences."""
    fraud: Floats
    """Each payment's probability by a model that was not fitted to it."""

    @property
    def as_good_as_the_best(self) -> bool:
        """Whether the difference is within one standard error."""
        return self.excess <= self.standard_error


def compare(history: History, rows: Integers, seed: int, tried: Sequence[Candidate]) -> list[Comparison]:
    """Cross-validate each candidate on the same folds of these rows; log the progress."""
    labels = history.labels[rows]
    folds = min(_FOLDS, int(labels.sum()), int((1 - labels).sum()))
    splitters = [StratifiedKFold(folds, shuffle=True, random_state=seed + repeat) for repeat in range(_REPEATS)]
    fraud = np.empty((len(tried), _REPEATS, len(labels)))
    fits, progress = 0, Every(_PROGRESS_EVERY_S)
    for index, candidate in enumerate(tried):
        for repeat, splitter in enumerate(splitters):
            for train, test in splitter.split(labels, labels):
                classifier = fitted(candidate, history, rows[train], seed)
                fraud[index, repeat, test] = probabilities(classifier, history.matrix, rows[test])
                fits += 1
                if progress.due():
                    models = f"{fits} of {len(tried) * _REPEATS * folds}"
                    structlog.get_logger().info("training continues", models=models)
    return _compared(tried, labels, fraud)


def compared_rows(history: History, learn: Integers, seed: int) -> Integers:
    """Return the rows, out of `learn`, to compare candidates on: a sample with the history's fraud rate, or all."""
    labels = history.labels[learn]
    for_frauds = int(_FRAUDS_COMPARED / max(float(labels.mean()), SMALLEST))
    most = max(MOST_ROWS_COMPARED, min(for_frauds, _MOST_VALUES_COMPARED // history.matrix.shape[1]))
    if len(learn) <= most:
        return learn
    kept, _ = train_test_split(np.arange(len(labels)), train_size=most, stratify=labels, random_state=seed)
    rows: Integers = learn[kept]
    return rows


def choose(comparisons: list[Comparison]) -> Comparison:
    """Return the first, and so simplest, candidate that is as good as the best."""
    return next(comparison for comparison in comparisons if comparison.as_good_as_the_best)


def log_losses(labels: Integers, fraud: Floats) -> Floats:
    """Return each payment's log loss; the last axis of `fraud` is payments."""
    fraud = np.clip(fraud, SMALLEST, 1.0 - SMALLEST)
    losses: Floats = -np.log(np.where(labels == 1, fraud, 1.0 - fraud))
    return losses


def _compared(tried: Sequence[Candidate], labels: Integers, fraud: Floats) -> list[Comparison]:
    losses = log_losses(labels, fraud).mean(axis=1)
    differences = losses - losses[np.argmin(losses.mean(axis=1))]
    errors = differences.std(axis=1) / np.sqrt(len(labels))
    return [
        Comparison(
            candidate=candidate,
            log_loss=float(losses[index].mean()),
            excess=float(differences[index].mean()),
            standard_error=float(errors[index]),
            fraud=fraud[index, 0],
        )
        for index, candidate in enumerate(tried)
    ]
