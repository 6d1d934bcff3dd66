"""The study of a history: compare the candidates, calibrate the chosen one, set its decision rule, and evaluate it."""

from dataclasses import dataclass

import numpy as np
import structlog

from fraudstream.model.decision import Costs, Thresholds
from fraudstream.model.features import AMOUNT
from fraudstream.model.fraud_model import Classifier, FraudModel, published
from fraudstream.runtime.settings import TrainingSettings
from trainer import calibrate, capacity, evaluate, fit, thresholds
from trainer.calibrate import CalibrationFunction
from trainer.candidates import Candidate
from trainer.capacity import Effect
from trainer.fit import Comparison
from trainer.history import Floats, History, Integers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Study:
    """The results of a study; without the model itself, which is fitted to the whole history."""

    comparisons: list[Comparison]
    chosen: Comparison
    compared_matrix: Floats
    """The payments that the candidates were compared on."""
    compared_labels: Integers
    compared_fraud: Floats
    """Their calibrated probabilities by models of the chosen candidate that were not fitted to them."""
    calibration: CalibrationFunction | None
    costs: Costs
    """The costs in the settings."""
    rule: Costs
    """The decision rule: `costs`, with a higher price of a review if the capacity requires it."""
    thresholds: Thresholds
    """The fixed thresholds of least cost, under the same capacity."""
    held_out: Integers
    """Row numbers of the payments that had no part in choosing, calibrating or fitting."""
    scores: Floats
    """Probabilities of fraud of the held-out payments."""
    metrics: dict[str, float]
    """Metrics and costs of the held-out payments."""


def study(history: History, settings: TrainingSettings) -> Study:
    """Compare, choose, calibrate, set the decision rule and evaluate; log each result."""
    learn, held_out = evaluate.split(history.labels, settings.seed)
    matrix, labels = fit.at_most(fit.MOST_ROWS_COMPARED, history.matrix[learn], history.labels[learn], settings.seed)
    comparisons = fit.compare(matrix, labels, settings.seed)
    chosen = fit.choose(comparisons)
    _log_comparisons(comparisons, chosen)
    calibration = calibrate.fit_function(labels, chosen.fraud)
    fraud = published(calibrate.apply(calibration, chosen.fraud))
    costs, amounts = costs_of(settings), matrix[:, AMOUNT]
    rule = capacity.limited(fraud, amounts, costs, settings.review_capacity)
    limits = thresholds.choose(fraud, amounts, costs, settings.review_capacity)
    classifier = fitted(chosen.candidate, history.matrix[learn], history.labels[learn], settings.seed)
    scores = calibrated(classifier, calibration).predict_proba(history.matrix[held_out])[:, 1]
    outcomes, others = history.labels[held_out], (published(scores), history.matrix[held_out, AMOUNT])
    metrics = evaluate.metrics(outcomes, scores) | evaluate.costs(outcomes, *others, rule, costs)
    metrics |= evaluate.costs_of_thresholds(outcomes, *others, limits, costs)
    log = structlog.get_logger()
    log.info("calibration checked", **_calibration_fields(labels, chosen.fraud, calibration))
    log.info("decision rule chosen", **rule.parameters())
    log.info("thresholds chosen for comparison", **limits.parameters())
    if settings.review_capacity is not None:
        capacity.report(
            settings.review_capacity,
            Effect.of(costs, fraud, amounts, costs),
            Effect.of(rule, fraud, amounts, costs),
            Effect.of(rule, *others, costs),
            len(held_out),
        )
    log.info(
        "held-out payments evaluated",
        payments=len(held_out),
        **{name: round(value, 4) for name, value in metrics.items()},
    )
    return Study(
        comparisons=comparisons,
        chosen=chosen,
        compared_matrix=matrix,
        compared_labels=labels,
        compared_fraud=fraud,
        calibration=calibration,
        costs=costs,
        rule=rule,
        thresholds=limits,
        held_out=held_out,
        scores=scores,
        metrics=metrics,
    )


def costs_of(settings: TrainingSettings) -> Costs:
    """Return the costs in the settings."""
    return Costs(
        fraud=settings.cost_of_fraud,
        review=settings.cost_of_review,
        wrong_block=settings.cost_of_wrong_block,
        min_block=settings.min_block_probability,
    )


def final_model(history: History, found: Study, seed: int) -> FraudModel:
    """Fit the chosen candidate to the whole history; the model has no content hash until it is stored."""
    classifier = calibrated(fitted(found.chosen.candidate, history.matrix, history.labels, seed), found.calibration)
    return FraudModel(content_sha256="-" * 64, classifier=classifier, thresholds=found.thresholds, costs=found.rule)


def fitted(candidate: Candidate, matrix: Floats, labels: Integers, seed: int) -> Classifier:
    """Fit the candidate to these payments; logs first, as it takes a while for many payments."""
    structlog.get_logger().debug("fitting the model", name=candidate.name, payments=len(labels))
    return candidate.fit(matrix, labels, seed)


def calibrated(classifier: Classifier, calibration: CalibrationFunction | None) -> Classifier:
    """Return the classifier with `calibration` applied, if any."""
    return classifier if calibration is None else calibration.of(classifier)


def _log_comparisons(comparisons: list[Comparison], chosen: Comparison) -> None:
    for comparison in comparisons:
        structlog.get_logger().info(
            "candidate compared",
            name=comparison.candidate.name,
            log_loss=round(comparison.log_loss, 5),
            above_best=round(comparison.excess, 5),
            standard_error=round(comparison.standard_error, 5),
            chosen=comparison is chosen,
        )


def _calibration_fields(labels: Integers, fraud: Floats, calibration: CalibrationFunction | None) -> dict[str, object]:
    reliability = calibrate.reliability(labels.astype(np.float64), fraud)
    return {
        "error": round(reliability.error, 5),
        "by_chance": round(reliability.by_chance, 5),
        "spread": round(reliability.spread, 5),
        "calibrated": calibration is not None,
    }
