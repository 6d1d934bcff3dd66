"""Costs of wrong decisions → the fixed thresholds of least cost, and the cost of any decision rule.

`fraudstream.model.decision` has the costs of a payment's three decisions, and the rule that takes the cheapest of them
for each payment. Fixed thresholds depend on the probability only, not on the amount: the rule is compared with them,
and they are the other one if only one of `REVIEW_THRESHOLD` and `BLOCK_THRESHOLD` is set.

Blocking is cheaper than reviewing from p = 1 - review / wrong_block on, whatever the amount. The review threshold is
where the history's payments, ordered by p, cost least in total when all below are approved and all above are reviewed
or blocked. The expected loss p * (amount + fraud) is used instead of the actual one: with few frauds, a handful of
amounts would decide.
"""

import numpy as np

from fraudstream.arrays import Floats, Integers
from fraudstream.model.decision import Costs, Positions, Rule, Thresholds
from fraudstream.model.fraud_model import DECIMALS, SMALLEST


def choose(fraud: Floats, amounts: Floats, costs: Costs, capacity: float | None = None) -> Thresholds:
    """Return the thresholds with the least total expected cost over payments (at least one).

    No payment is blocked below `costs.min_block`; with a capacity, at most that share of the payments is reviewed.
    """
    order = np.argsort(fraud, kind="stable")
    fraud, amounts = fraud[order], amounts[order]
    count = len(fraud)
    # for each number of payments to approve, the lowest ones: the number of payments below the block threshold
    approved = np.arange(count + 1)
    ties_begin = np.append(np.searchsorted(fraud, fraud), count)
    cheapest = max(round(1.0 - costs.review / costs.wrong_block, DECIMALS), costs.min_block)
    wanted = np.maximum(approved, np.searchsorted(fraud, cheapest))
    most = np.minimum(approved + reviewers(count, capacity), count)
    unblocked = np.where(wanted <= most, wanted, ties_begin[most])
    loss = np.concatenate([[0.0], np.cumsum(fraud * (amounts + costs.fraud))])
    blocked = np.concatenate([[0.0], np.cumsum((1.0 - fraud) * costs.wrong_block)])
    total = loss[approved] + costs.review * (unblocked - approved) + blocked[-1] - blocked[unblocked]
    possible = (
        (ties_begin == approved) & (unblocked >= approved) & (unblocked >= np.searchsorted(fraud, costs.min_block))
    )
    best = int(np.argmin(np.where(possible, total, np.inf)))
    lower = _between(fraud, best)
    upper = cheapest if wanted[best] <= most[best] else max(_between(fraud, int(unblocked[best])), costs.min_block)
    return Thresholds(review=lower, block=min(max(lower, upper), 1.0 - SMALLEST))


def reviewers(count: int, capacity: float | None) -> int:
    """Return how many of `count` payments can be reviewed."""
    return count if capacity is None else int(capacity * count + SMALLEST)


def expected_cost(fraud: Floats, amounts: Floats, rule: Rule, costs: Costs) -> float:
    """Return the cost per payment if the probabilities are right."""
    return float(cost(fraud, rule.decide(fraud, amounts), amounts, costs).mean())


def actual_cost(labels: Integers, fraud: Floats, amounts: Floats, rule: Rule, costs: Costs) -> float:
    """Return the actual cost per payment, by its outcome."""
    return float(cost(labels.astype(np.float64), rule.decide(fraud, amounts), amounts, costs).mean())


def cost(outcomes: Floats, decisions: Positions, amounts: Floats, costs: Costs) -> Floats:
    """Return the cost of each payment; its outcome is 0 or 1, or the probability of fraud."""
    approved, blocked = outcomes * (amounts + costs.fraud), (1.0 - outcomes) * costs.wrong_block
    return np.choose(decisions, (approved, np.full_like(approved, costs.review), blocked))


def _between(ordered: Floats, below: int) -> float:
    """Return a threshold above exactly the first `below` probabilities, halfway to the next if six decimals allow."""
    lowest = ordered[below - 1] if below > 0 else 0.0
    highest = ordered[below] if below < len(ordered) else 1.0
    return float(np.clip(round(float(lowest + highest) / 2.0, DECIMALS), SMALLEST, 1.0 - SMALLEST))
