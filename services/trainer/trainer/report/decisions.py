"""The report's section on the decision rule: limits by amount, decisions and their cost."""

import numpy as np

from fraudstream.arrays import Floats
from fraudstream.model.decision import BLOCKED, REVIEWED, Costs, Rule, Thresholds
from fraudstream.payment import DECISIONS
from trainer import thresholds
from trainer.report.facts import Facts
from trainer.report.texts import Table, percent, rounded_percent

_MILLIONTHS = np.arange(1, 1_000_000) / 1e6
"""All probabilities that can be published."""
_AMOUNTS = {
    "1 % are smaller": 0.01,
    "10 % are smaller": 0.1,
    "half are smaller": 0.5,
    "90 % are smaller": 0.9,
    "99 % are smaller": 0.99,
}

_EXAMPLE = 0.1
"""Probability of fraud of the payment that explains the rule."""


def lowest(rule: Rule, amount: float, decision: int) -> float | None:
    """Return the lowest probability at which a payment of this amount has this decision; None if there is none."""
    found = rule.decide(_MILLIONTHS, np.full(len(_MILLIONTHS), amount)) == decision
    return float(_MILLIONTHS[np.argmax(found)]) if found.any() else None


def explanation(facts: Facts) -> str:
    """Return the rule as text."""
    money, costs, rule = facts.money, facts.study.costs, facts.study.rule
    if isinstance(rule, Thresholds):
        return (
            f"Payments have no amount, so the probability alone decides: review from {rounded_percent(rule.review)}, "
            f"block from {rounded_percent(rule.block)}. With these thresholds, decisions cost least if a missed "
            f"fraud costs {money(costs.fraud)}, a review {money(costs.review)} and the block of a legitimate payment "
            f"{money(costs.wrong_block)}."
        )
    text = (
        "Each payment gets the decision that is expected to cost least. Approving a fraud costs its amount and "
        f"{money(costs.fraud)}, blocking a legitimate payment {money(costs.wrong_block)}; both count by the "
        f"probability that they happen. A review always costs {money(costs.review)}. No payment is blocked below a "
        f"probability of fraud of {percent(costs.min_block)}."
    )
    return text + _capacity(facts, rule) + _without_amount(facts)


def _capacity(facts: Facts, rule: Costs) -> str:
    """Return the effect of the reviewers' capacity as text, empty without a limit."""
    capacity = facts.manifest.review_capacity
    if capacity is None:
        return ""
    can = f" Reviewers can check {percent(capacity)} of the payments"
    if rule.review == facts.study.costs.review:
        return f"{can}, which is more than the rule needs."
    return (
        f"{can}: so that their share fits on the history, decisions assume that a review costs "
        f"{facts.money(rule.review)}."
    )


def _without_amount(facts: Facts) -> str:
    """Return the thresholds of payments without an amount as text, empty if the history has none."""
    if len(facts.present_amounts) == len(facts.history.amounts):
        return ""
    review, block = (rounded_percent(limit) for limit in (facts.study.thresholds.review, facts.study.thresholds.block))
    return f" A payment without an amount is reviewed from {review} and blocked from {block}."


def example(facts: Facts) -> str:
    """Return the decision on a payment of the median amount as text, empty if the probability alone decides."""
    costs, rule = facts.study.costs, facts.study.rule
    if isinstance(rule, Thresholds) or not len(facts.present_amounts):
        return ""
    amount = facts.median_amount
    decision = DECISIONS[int(rule.decide(np.array([_EXAMPLE]), np.array([amount]))[0])]
    approved, blocked = _EXAMPLE * (amount + costs.fraud), (1 - _EXAMPLE) * costs.wrong_block
    limit = "" if costs.min_block <= _EXAMPLE else ", which is not allowed at this probability"
    return (
        f"Example: a payment of {facts.money(amount)}, with a probability of {percent(_EXAMPLE)}. It is expected to "
        f"cost {facts.money(approved)} if it is approved, {facts.money(rule.review)} if it is reviewed, and "
        f"{facts.money(blocked)} if it is blocked{limit}. The decision is: {decision}."
    )


def by_amount(facts: Facts) -> Table:
    """Return the limits of the rule for amounts of the history, which has some."""
    rows = []
    for name, level in _AMOUNTS.items():
        amount = float(np.quantile(facts.present_amounts, level))
        limits = [lowest(facts.study.rule, amount, decision) for decision in (REVIEWED, BLOCKED)]
        rows.append([name, f"{amount:,.2f}", *("never" if at is None else rounded_percent(at) for at in limits)])
    return ("amounts of the history", f"amount{facts.unit}", "reviewed from", "blocked from"), rows


def by_decision(facts: Facts) -> Table:
    """Return number, frauds and costs of the payments with each decision, on the payments of the plots."""
    amounts, decisions = facts.amounts, facts.decisions
    expected = thresholds.cost(facts.fraud, decisions, amounts, facts.study.costs)
    actual = thresholds.cost(facts.labels.astype(np.float64), decisions, amounts, facts.study.costs)
    rows = []
    for decision, name in enumerate(DECISIONS):
        chosen = decisions == decision
        rows.append(
            [
                name,
                f"{chosen.sum():,}",
                rounded_percent(chosen.mean()),
                f"{facts.labels[chosen].sum():,}",
                f"{expected[chosen].sum():,.0f}",
                f"{actual[chosen].sum():,.0f}",
            ]
        )
    costs = f"expected cost{facts.unit}", f"actual cost{facts.unit}"
    return ("decision", "payments", "share", "frauds", *costs), rows


def _rule_name(facts: Facts) -> str:
    return "the model's thresholds" if isinstance(facts.study.rule, Thresholds) else "least cost of each payment"


def by_rule(facts: Facts) -> Table:
    """Return the costs per payment of the rule, of fixed thresholds, and of approving all."""
    costs, limits = facts.study.costs, facts.study.thresholds
    amounts, outcomes = facts.amounts, facts.labels.astype(np.float64)
    fixed = limits.decide(facts.fraud, amounts)
    review, block = (rounded_percent(limit) for limit in (limits.review, limits.block))
    rows = []
    for rule, decisions in (
        (_rule_name(facts), facts.decisions),
        (f"fixed thresholds: review from {review}, block from {block}", fixed),
        ("all approved", np.zeros_like(fixed)),
    ):
        each: list[Floats] = [thresholds.cost(one, decisions, amounts, costs) for one in (facts.fraud, outcomes)]
        share = rounded_percent((decisions == REVIEWED).mean())
        rows.append([rule, *(f"{one.mean():.4f}" for one in each), share])
    return ("rule", f"expected{facts.unit}", f"actual{facts.unit}", "reviewed"), rows
