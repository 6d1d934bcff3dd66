"""The study of a history: compare the candidates, calibrate the chosen one, set its decision rule, and evaluate it."""

from dataclasses import dataclass

import numpy as np
import structlog

from fraudstream.arrays import Floats, Integers
from fraudstream.model.decision import Costs, Thresholds
from fraudstream.model.fraud_model import Classifier, FraudModel, published
from fraudstream.runtime.settings import TrainingSettings
from trainer import calibrate, capacity, evaluate, fit, sampling, thresholds
from trainer.calibrate import CalibrationFunction
from trainer.candidates import candidates
from trainer.capacity import Effect
from trainer.fit import Comparison
from trainer.history import History


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Study:
    """The results of a study; without the model itself, which is fitted to the whole history."""

    comparisons: list[Comparison]
    chosen: Comparison
    compared: Integers
    """Row numbers of the payments that the candidates were compared on."""
    compared_fraud: Floats
    """Their calibrated probabilities by models of the chosen candidate that were not fitted to them."""
    calibration: CalibrationFunction | None
    costs: Costs
    """The costs in the settings."""
    rule: Costs | Thresholds
    """The decision rule: `costs`, with a higher price of a review if the capacity requires it; or `thresholds`, if
    payments have no amount."""
    thresholds: Thresholds
    """The fixed thresholds of least cost, under the same capacity."""
    held_out: Integers
    """Row numbers of the payments that had no part in choosing, calibrating or fitting."""
    scores: Floats
    """Probabilities of fraud of the held-out payments."""
    metrics: dict[str, float]
    """Metrics and costs of the held-out payments."""


def study(history: History, settings: TrainingSettings) -> Study:
    """Compare, choose, calibrate, set the decision rule and evaluate; log each result at debug level."""
    learn, held_out = evaluate.split(history.labels, settings.seed)
    rows = fit.compared_rows(history, learn, settings.seed)
    labels = history.labels[rows]
    comparisons = fit.compare(history, rows, settings.seed, candidates(history.encoding))
    chosen = fit.choose(comparisons)
    _log_comparisons(comparisons, chosen)
    calibration = calibrate.fit_function(labels, chosen.fraud)
    fraud = published(calibrate.apply(calibration, chosen.fraud))
    costs, amounts = costs_of(settings), amounts_or_zero(history)
    rule: Costs | Thresholds
    rule = limited = capacity.limited(fraud, amounts[rows], costs, settings.review_capacity)
    limits = thresholds.choose(fraud, amounts[rows], costs, settings.review_capacity)
    if not history.has_amounts:
        rule = limits
    classifier = calibrated(sampling.fitted(chosen.candidate, history, learn, settings.seed), calibration)
    scores = sampling.probabilities(classifier, history.matrix, held_out)
    outcomes, others = history.labels[held_out], (published(scores), amounts[held_out])
    metrics = evaluate.metrics(outcomes, scores) | evaluate.costs(outcomes, *others, rule, costs)
    metrics |= evaluate.costs_of_thresholds(outcomes, *others, limits, costs)
    log = structlog.get_logger()
    log.debug("calibration checked", **_calibration_fields(labels, chosen.fraud, calibration))
    log.debug("decision rule chosen", **rule.parameters())
    log.debug("thresholds chosen for comparison", **limits.parameters())
    if settings.review_capacity is not None and history.has_amounts:
        capacity.report(
            settings.review_capacity,
            Effect.of(costs, fraud, amounts[rows], costs),
            Effect.of(limited, fraud, amounts[rows], costs),
            Effect.of(limited, *others, costs),
            len(held_out),
        )
    log.debug(
        "held-out payments evaluated",
        payments=len(held_out),
        **{name: round(value, 4) for name, value in metrics.items()},
    )
    return Study(
        comparisons=comparisons,
        chosen=chosen,
        compared=rows,
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


def amounts_or_zero(history: History) -> Floats:
    """Return the amounts, 0 where one is missing: then a missed fraud costs the chargeback's fee only."""
    return np.nan_to_num(history.amounts)


def final_model(history: History, found: Study, seed: int) -> FraudModel:
    """Fit the chosen candidate to the whole history; the model has no content hash until it is stored."""
    structlog.get_logger().debug("fitting the model", name=found.chosen.candidate.name, payments=len(history.labels))
    everything = np.arange(len(history.labels))
    classifier = calibrated(sampling.fitted(found.chosen.candidate, history, everything, seed), found.calibration)
    return FraudModel(
        content_sha256="-" * 64,
        classifier=classifier,
        schema=history.schema,
        encoding=history.encoding,
        thresholds=found.thresholds,
        costs=found.rule if isinstance(found.rule, Costs) else None,
    )


def calibrated(classifier: Classifier, calibration: CalibrationFunction | None) -> Classifier:
    """Return the classifier with `calibration` applied, if any."""
    return classifier if calibration is None else calibration.of(classifier)


def _log_comparisons(comparisons: list[Comparison], chosen: Comparison) -> None:
    for comparison in comparisons:
        structlog.get_logger().debug(
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
