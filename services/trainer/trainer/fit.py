"""Comparison of the candidates by cross-validation; the simplest that is as good as the best is chosen."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from fraudstream.model.fraud_model import SMALLEST
from trainer.candidates import Candidate, candidates

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# increase it when the same history and seed give a different model: stored versions then no longer match
RECIPE = 4
MOST_ROWS_COMPARED = 200_000

_FOLDS, _REPEATS = 5, 2


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


def compare(
    matrix: Floats, labels: Integers, seed: int, progress: Callable[[str, int, int], None] | None = None
) -> list[Comparison]:
    """Cross-validate each candidate on the same folds, in the order of `candidates`.

    `progress` is called with (candidate's name, models fitted, models to fit) after each model.
    """
    tried = candidates()
    folds = min(_FOLDS, int(labels.sum()), int((1 - labels).sum()))
    splits = [_folds(folds, seed + repeat, labels) for repeat in range(_REPEATS)]
    fraud = np.empty((len(tried), _REPEATS, len(labels)))
    fitted, all_models = 0, len(tried) * _REPEATS * folds
    for index, candidate in enumerate(tried):
        for repeat, split in enumerate(splits):
            for train, test in split:
                classifier = candidate.fit(matrix[train], labels[train], seed)
                fraud[index, repeat, test] = classifier.predict_proba(matrix[test])[:, 1]
                fitted += 1
                if progress is not None:
                    progress(candidate.name, fitted, all_models)
    return _compared(tried, labels, fraud)


def choose(comparisons: list[Comparison]) -> Comparison:
    """Return the first, and so simplest, candidate that is as good as the best."""
    return next(comparison for comparison in comparisons if comparison.as_good_as_the_best)


def log_losses(labels: Integers, fraud: Floats) -> Floats:
    """Return each payment's log loss; the last axis of `fraud` is payments."""
    fraud = np.clip(fraud, SMALLEST, 1.0 - SMALLEST)
    losses: Floats = -np.log(np.where(labels == 1, fraud, 1.0 - fraud))
    return losses


def _compared(tried: list[Candidate], labels: Integers, fraud: Floats) -> list[Comparison]:
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


def _folds(count: int, seed: int, labels: Integers) -> list[tuple[Integers, Integers]]:
    splitter = StratifiedKFold(count, shuffle=True, random_state=seed)
    return list(splitter.split(labels, labels))
