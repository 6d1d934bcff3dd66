"""A limited number of reviews: the price of a review is raised until the share of reviewed payments fits."""

from dataclasses import dataclass, replace

import numpy as np
import structlog

from fraudstream.arrays import Floats
from fraudstream.model.decision import BLOCKED, REVIEWED, Costs
from fraudstream.model.fraud_model import DECIMALS
from trainer import thresholds

_MOST_MORE_BLOCKS = 1.1
_DEVIATIONS = 3.0
_ROUNDING = 1e-9
_READABLE = 1e-5
"""Distance of two prices between which there is one of six decimals, clear of both."""


def limited(fraud: Floats, amounts: Floats, costs: Costs, capacity: float | None) -> Costs:
    """Return `costs` with a price of a review at which at most a share `capacity` is reviewed.

    `fraud` and `amounts` are those of the history. A payment is reviewed up to a price of its own; the price is halfway
    between the lowest of these at which the share fits and the next, and never below that in `costs`.
    """
    count = thresholds.reviewers(len(fraud), capacity)
    if (costs.decide(fraud, amounts) == REVIEWED).sum() <= count:
        return costs
    # up to this price each payment is reviewed; above it, approved or blocked
    blocked = np.where(fraud >= costs.min_block, (1.0 - fraud) * costs.wrong_block, np.inf)
    prices, payments = np.unique(np.minimum(fraud * (amounts + costs.fraud), blocked), return_counts=True)
    above = np.append(prices[1:], 3.0 * prices[-1])
    # prices that differ by rounding only are one price: (1 - 0.8) * 25 is below 5
    fits = (len(fraud) - np.cumsum(payments) <= count) & (above > prices * (1.0 + _ROUNDING))
    lowest, highest = (float(ends[np.argmax(fits)]) for ends in (prices, above))
    middle = (lowest + highest) / 2.0
    return replace(costs, review=round(middle, DECIMALS) if highest - lowest > _READABLE else middle)


@dataclass(frozen=True, slots=True)
class Effect:
    """Shares of reviewed and blocked payments under a rule, and the expected cost per payment."""

    reviewed: float
    blocked: float
    cost: float

    @classmethod
    def of(cls, rule: Costs, fraud: Floats, amounts: Floats, costs: Costs) -> "Effect":
        """Return the effect of `rule` where decisions cost `costs`."""
        decisions = rule.decide(fraud, amounts)
        cost = thresholds.expected_cost(fraud, amounts, rule, costs)
        return cls(float((decisions == REVIEWED).mean()), float((decisions == BLOCKED).mean()), cost)


def report(capacity: float, free: Effect, used: Effect, held_out: Effect, payments: int) -> None:
    """Log what the capacity costs; warn if far more payments are blocked, or if held-out ones exceed it.

    `free` and `used` are without and with the capacity on the history, `held_out` is with it on `payments` others.
    """
    fields = {
        "capacity": capacity,
        "reviewed": round(used.reviewed, 4),
        "reviewed_without": round(free.reviewed, 4),
        "blocked": round(used.blocked, 4),
        "blocked_without": round(free.blocked, 4),
        "cost_per_payment": round(used.cost, 4),
        "cost_per_payment_without": round(free.cost, 4),
    }
    log = structlog.get_logger()
    log.info("review capacity applied", **fields)
    if used.blocked > _MOST_MORE_BLOCKS * free.blocked:
        log.warning(
            "review capacity blocks more payments",
            **fields,
            action="raise REVIEW_CAPACITY, COST_OF_WRONG_BLOCK or MIN_BLOCK_PROBABILITY",
        )
    if held_out.reviewed > capacity + _DEVIATIONS * (capacity * (1.0 - capacity) / payments) ** 0.5:
        log.warning(
            "review capacity exceeded by held-out payments",
            capacity=capacity,
            reviewed=round(held_out.reviewed, 4),
            cost_per_payment=round(held_out.cost, 4),
            action="the history has too few payments for this capacity: raise REVIEW_CAPACITY, or add payments",
        )
