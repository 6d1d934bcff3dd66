"""From what mistakes cost → from which probability on a payment is reviewed, and from which it is blocked.

A payment of amount a that is fraud with probability p is expected to cost

    approved   p * a            the amount is lost if it was fraud
    reviewed   r                a person looks at it and is taken to be right
    blocked    (1 - p) * w      a customer is turned away if it was none

Reviewing is cheaper than approving where p * a > r; blocking is cheaper than reviewing where (1 - p) * w < r, so from
p = 1 - r / w on, whatever the amounts. Where w <= r a review never pays, and all that is not approved is blocked.

Thresholds know p alone, not a. So the lower one is where the history's payments, ordered by p, cost least in total
when all below are approved and all above get the cheaper of review and block. The expected loss p * a stands for what
was lost: with few frauds, a handful of amounts would decide otherwise.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fraudstream.model.fraud_model import DECIMALS, SMALLEST, Thresholds

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """In the payments' currency, both above zero."""

    review: float
    """Of a person's look at one payment."""
    wrong_block: float
    """Of a payment that was blocked and no fraud: the margin, the call, and the customer who leaves."""


def choose(fraud: Floats, amounts: Floats, costs: Costs) -> Thresholds:
    """The thresholds with the least total expected cost over payments (at least one) with probabilities `fraud`."""
    order = np.argsort(fraud, kind="stable")
    fraud, amounts = fraud[order], amounts[order]
    approved = fraud * amounts
    stopped = np.minimum(costs.review, (1.0 - fraud) * costs.wrong_block)
    # total[i] is the cost with the i least suspicious payments approved, less that of approving none
    total = np.concatenate([[0.0], np.cumsum(approved - stopped)])
    possible = np.concatenate([[True], fraud[1:] > fraud[:-1], [True]])
    lower = _between(fraud, int(np.argmin(np.where(possible, total, np.inf))))
    upper = round(1.0 - costs.review / costs.wrong_block, DECIMALS)
    return Thresholds(review=lower, block=min(max(lower, upper), 1.0 - SMALLEST))


def expected_cost(fraud: Floats, amounts: Floats, thresholds: Thresholds, costs: Costs) -> float:
    """Per payment, if the probabilities are right."""
    return float(_cost(fraud, fraud, amounts, thresholds, costs).mean())


def actual_cost(labels: Integers, fraud: Floats, amounts: Floats, thresholds: Thresholds, costs: Costs) -> float:
    """Per payment, as it turned out."""
    return float(_cost(labels.astype(np.float64), fraud, amounts, thresholds, costs).mean())


def _cost(outcomes: Floats, fraud: Floats, amounts: Floats, thresholds: Thresholds, costs: Costs) -> Floats:
    approved, blocked = outcomes * amounts, (1.0 - outcomes) * costs.wrong_block
    return np.where(fraud < thresholds.review, approved, np.where(fraud < thresholds.block, costs.review, blocked))


def _between(ordered: Floats, below: int) -> float:
    """A threshold that lets exactly the first `below` pass, halfway to the next where six decimals allow it."""
    lowest = ordered[below - 1] if below > 0 else 0.0
    highest = ordered[below] if below < len(ordered) else 1.0
    return float(np.clip(round(float(lowest + highest) / 2.0, DECIMALS), SMALLEST, 1.0 - SMALLEST))
