"""Evaluation of a model on held-out payments, which had no part in choosing or fitting it."""

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import train_test_split

from fraudstream.arrays import Floats, Integers
from fraudstream.model.decision import BLOCKED, REVIEWED, Costs, Rule, Thresholds
from trainer import calibrate, fit, thresholds

_HELD_OUT = 0.2


def split(labels: Integers, seed: int) -> tuple[Integers, Integers]:
    """Return the row numbers to learn from and to hold out, with the same fraud rate in both."""
    learn, held_out = train_test_split(np.arange(len(labels)), test_size=_HELD_OUT, stratify=labels, random_state=seed)
    return learn, held_out


def metrics(labels: Integers, fraud: Floats) -> dict[str, float]:
    """Return metrics of probabilities `fraud`; lower is better, except for `auc` and `average_precision`."""
    rate = float(labels.mean())
    reliability = calibrate.reliability(labels.astype(np.float64), fraud)
    return {
        "log_loss": float(fit.log_losses(labels, fraud).mean()),
        "log_loss_of_constant": float(fit.log_losses(labels, np.full(len(labels), rate)).mean()),
        "auc": float(roc_auc_score(labels, fraud)),
        "average_precision": float(average_precision_score(labels, fraud)),
        "calibration_error": reliability.error,
        "calibration_error_by_chance": reliability.by_chance,
        "fraud_rate": rate,
    }


def costs(labels: Integers, fraud: Floats, amounts: Floats, rule: Rule, prices: Costs) -> dict[str, float]:
    """Return actual, expected and all-approved cost per payment, in its currency, and shares reviewed and blocked."""
    decisions = rule.decide(fraud, amounts)
    return {
        "cost_per_payment": thresholds.actual_cost(labels, fraud, amounts, rule, prices),
        "cost_per_payment_expected": thresholds.expected_cost(fraud, amounts, rule, prices),
        "cost_per_payment_all_approved": float((labels * (amounts + prices.fraud)).mean()),
        "share_reviewed": float((decisions == REVIEWED).mean()),
        "share_blocked": float((decisions == BLOCKED).mean()),
    }


def costs_of_thresholds(
    labels: Integers, fraud: Floats, amounts: Floats, limits: Thresholds, prices: Costs
) -> dict[str, float]:
    """Return actual and expected cost per payment of fixed thresholds, which the decision rule is compared with."""
    return {
        "cost_per_payment_thresholds": thresholds.actual_cost(labels, fraud, amounts, limits, prices),
        "cost_per_payment_thresholds_expected": thresholds.expected_cost(fraud, amounts, limits, prices),
    }
