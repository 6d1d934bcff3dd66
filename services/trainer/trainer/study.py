"""What a history teaches: the candidates compared, the chosen one calibrated, its thresholds, and how good it is."""

import time
from dataclasses import dataclass

import numpy as np
import structlog
from numpy.typing import NDArray

from fraudstream.model.fraud_model import Classifier, Thresholds
from fraudstream.runtime.settings import TrainingSettings
from trainer import calibrate, evaluate, fit, thresholds
from trainer.calibrate import Mend
from trainer.candidates import Candidate
from trainer.fit import Comparison
from trainer.history import History
from trainer.sampling import at_most
from trainer.thresholds import Costs

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_PROGRESS_EVERY_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Study:
    """Everything that was found; the model itself is not among it, as it is fitted to the whole history."""

    comparisons: list[Comparison]
    chosen: Comparison
    compared_matrix: Floats
    """The payments that the candidates were compared on."""
    compared_labels: Integers
    compared_fraud: Floats
    """Their calibrated probabilities under models of the chosen candidate that were not fitted to them."""
    mend: Mend | None
    costs: Costs
    thresholds: Thresholds
    held_out: Integers
    """Row numbers of the payments that had no part in choosing, calibrating or fitting."""
    scores: Floats
    """Their probabilities of fraud."""
    metrics: dict[str, float]
    """Of these."""


def study(history: History, settings: TrainingSettings) -> Study:
    """Compare, choose, calibrate, set thresholds, evaluate; says each finding."""
    learn, held_out = evaluate.split(history.labels, settings.seed)
    matrix, labels = at_most(fit.MOST_ROWS_COMPARED, history.matrix[learn], history.labels[learn], settings.seed)
    comparisons = fit.compare(matrix, labels, settings.seed, _Progress().say)
    chosen = fit.choose(comparisons)
    _say_compared(comparisons, chosen)
    found = calibrate.mend(labels, chosen.fraud)
    right = calibrate.apply(found, chosen.fraud)
    costs = Costs(review=settings.cost_of_review, wrong_block=settings.cost_of_wrong_block)
    limits = thresholds.choose(right, matrix[:, 0], costs)
    trial = mended(fitted(chosen.candidate, history.matrix[learn], history.labels[learn], settings.seed), found)
    scores = trial.predict_proba(history.matrix[held_out])[:, 1]
    outcomes, amounts = history.labels[held_out], history.matrix[held_out, 0]
    metrics = evaluate.metrics(outcomes, scores) | evaluate.costs(outcomes, scores, amounts, limits, costs)
    log = structlog.get_logger()
    log.info("calibration", **_described(labels, chosen.fraud, found))
    log.info("thresholds", review=limits.review, block=limits.block)
    log.info("held out", payments=len(held_out), **{name: round(value, 4) for name, value in metrics.items()})
    return Study(
        comparisons=comparisons,
        chosen=chosen,
        compared_matrix=matrix,
        compared_labels=labels,
        compared_fraud=right,
        mend=found,
        costs=costs,
        thresholds=limits,
        held_out=held_out,
        scores=scores,
        metrics=metrics,
    )


def fitted(candidate: Candidate, matrix: Floats, labels: Integers, seed: int) -> Classifier:
    """The candidate's classifier for these payments; says so first, as many payments take a while."""
    structlog.get_logger().debug("fitting", name=candidate.name, payments=len(labels))
    return candidate.fit(matrix, labels, seed)


def mended(classifier: Classifier, found: Mend | None) -> Classifier:
    """The classifier, calibrated where it needs to be."""
    return classifier if found is None else found.of(classifier)


class _Progress:
    """A line now and then while candidates are compared."""

    def __init__(self) -> None:
        self._said = time.monotonic()

    def say(self, candidate: str, fitted: int, models: int) -> None:
        now = time.monotonic()
        if now - self._said >= _PROGRESS_EVERY_S:
            self._said = now
            structlog.get_logger().info("comparing", candidate=candidate, models=f"{fitted} of {models}")


def _say_compared(comparisons: list[Comparison], chosen: Comparison) -> None:
    for comparison in comparisons:
        structlog.get_logger().info(
            "candidate",
            name=comparison.candidate.name,
            log_loss=round(comparison.log_loss, 5),
            above_best=round(comparison.excess, 5),
            standard_error=round(comparison.standard_error, 5),
            chosen=comparison is chosen,
        )


def _described(labels: Integers, fraud: Floats, found: Mend | None) -> dict[str, object]:
    found_error = calibrate.reliability(labels.astype(np.float64), fraud)
    return {
        "error": round(found_error.error, 5),
        "by_chance": round(found_error.by_chance, 5),
        "spread": round(found_error.spread, 5),
        "mended": found is not None,
    }
