"""Costs of wrong decisions → the probabilities from which a payment is reviewed or blocked.

A payment of amount a that is fraud with probability p is expected to cost

    approved   p * a            the amount is lost if it is fraud
    reviewed   r                a person checks it, and is assumed to be right
    blocked    (1 - p) * w      a customer is rejected if it is not fraud

Reviewing is cheaper than approving where p * a > r; blocking is cheaper than reviewing where (1 - p) * w < r, so from
p = 1 - r / w on, whatever the amount. Where w <= r a review never pays, and payments are either approved or blocked.

Thresholds depend on p only, not on a. So the lower one is where the history's payments, ordered by p, cost least in
total when all below are approved and all above get the cheaper of review and block. The expected loss p * a is used
instead of the actual one: with few frauds, a handful of amounts would decide.
"""

from dataclasses import dataclass

import numpy as np

from fraudstream.model.fraud_model import DECIMALS, SMALLEST, Thresholds
from trainer.history import Floats, Integers


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Costs in the payments' currency, both above zero."""

    review: float
    """Cost of the review of one payment by a person."""
    wrong_block: float
    """Cost of blocking a legitimate payment: the margin, the call, and the customer who leaves."""


def choose(fraud: Floats, amounts: Floats, costs: Costs) -> Thresholds:
    """Return the thresholds with the least total expected cost over payments (at least one)."""
    order = np.argsort(fraud, kind="stable")
    fraud, amounts = fraud[order], amounts[order]
    approved = fraud * amounts
    stopped = np.minimum(costs.review, (1.0 - fraud) * costs.wrong_block)
    # total[i] is the cost of approving the i payments with the lowest scores, minus that of approving none
    total = np.concatenate([[0.0], np.cumsum(approved - stopped)])
    possible = np.concatenate([[True], fraud[1:] > fraud[:-1], [True]])
    lower = _between(fraud, int(np.argmin(np.where(possible, total, np.inf))))
    upper = round(1.0 - costs.review / costs.wrong_block, DECIMALS)
    return Thresholds(review=lower, block=min(max(lower, upper), 1.0 - SMALLEST))


def expected_cost(fraud: Floats, amounts: Floats, thresholds: Thresholds, costs: Costs) -> float:
    """Return the cost per payment if the probabilities are right."""
    return float(_cost(fraud, fraud, amounts, thresholds, costs).mean())


def actual_cost(labels: Integers, fraud: Floats, amounts: Floats, thresholds: Thresholds, costs: Costs) -> float:
    """Return the actual cost per payment, by its outcome."""
    return float(_cost(labels.astype(np.float64), fraud, amounts, thresholds, costs).mean())


def _cost(outcomes: Floats, fraud: Floats, amounts: Floats, thresholds: Thresholds, costs: Costs) -> Floats:
    approved, blocked = outcomes * amounts, (1.0 - outcomes) * costs.wrong_block
    return np.where(fraud < thresholds.review, approved, np.where(fraud < thresholds.block, costs.review, blocked))


def _between(ordered: Floats, below: int) -> float:
    """Return a threshold above exactly the first `below` probabilities, halfway to the next if six decimals allow."""
    lowest = ordered[below - 1] if below > 0 else 0.0
    highest = ordered[below] if below < len(ordered) else 1.0
    return float(np.clip(round(float(lowest + highest) / 2.0, DECIMALS), SMALLEST, 1.0 - SMALLEST))
