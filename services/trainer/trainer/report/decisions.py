"""The report's section on the decision rule: limits by amount, decisions and their cost."""

from collections.abc import Sequence

import numpy as np

from fraudstream.arrays import Floats
from fraudstream.model.decision import BLOCKED, REVIEWED, Rule, Thresholds
from fraudstream.payment import DECISIONS
from trainer import thresholds
from trainer.report.facts import Facts
from trainer.report.style import percent

_MILLIONTHS = np.arange(1, 1_000_000) / 1e6
"""All probabilities that can be published."""
_AMOUNTS = {"1 %": 0.01, "10 %": 0.1, "median": 0.5, "90 %": 0.9, "99 %": 0.99}

Table = tuple[Sequence[str], Sequence[Sequence[str]]]


def lowest(rule: Rule, amount: float, decision: int) -> float | None:
    """Return the lowest probability at which a payment of this amount has this decision; None if there is none."""
    found = rule.decide(_MILLIONTHS, np.full(len(_MILLIONTHS), amount)) == decision
    return float(_MILLIONTHS[np.argmax(found)]) if found.any() else None


def explanation(facts: Facts) -> str:
    """Return the rule as text."""
    costs, rule, capacity = facts.study.costs, facts.study.rule, facts.manifest.review_capacity
    if isinstance(rule, Thresholds):
        return (
            f"Payments have no amount, so the probability alone decides: review from {percent(round(rule.review, 4))}, "
            f"block from {percent(round(rule.block, 4))}. These are the thresholds of least cost if a missed fraud "
            f"costs {costs.fraud:g}, a review {costs.review:g} and a wrong block {costs.wrong_block:g}."
        )
    text = (
        "Each payment gets the decision of least expected cost. With its probability of fraud p, approval costs "
        f"p * (amount + {costs.fraud:g}), a review {costs.review:g}, and a block (1 - p) * {costs.wrong_block:g}; "
        f"no payment is blocked below p = {percent(costs.min_block)}."
    )
    if capacity is None:
        return text
    if rule.review == costs.review:
        return f"{text} Reviewers can check {percent(capacity)} of the payments, which is more than the rule needs."
    return (
        f"{text} Reviewers can check {percent(capacity)} of the payments: so that their share fits on the history, "
        f"decisions assume that a review costs {rule.review:.4g}."
    )


def tables(facts: Facts) -> list[Table]:
    """Return the tables of the section."""
    limits = [by_amount(facts)] if facts.history.has_amounts else []
    return [*limits, by_decision(facts), by_rule(facts)]


def by_amount(facts: Facts) -> Table:
    """Return the limits of the rule for amounts of the history."""
    rows = []
    for name, level in _AMOUNTS.items():
        amount = float(np.nanquantile(facts.history.amounts, level))
        limits = [lowest(facts.study.rule, amount, decision) for decision in (REVIEWED, BLOCKED)]
        rows.append([name, f"{amount:,.2f}", *("never" if at is None else percent(round(at, 4)) for at in limits)])
    return ("amounts of the history", "amount", "reviewed from", "blocked from"), rows


def by_decision(facts: Facts) -> Table:
    """Return number, frauds and costs of the payments with each decision, on the payments of the pictures."""
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
                percent(round(float(chosen.mean()), 4)),
                f"{facts.labels[chosen].sum():,}",
                f"{expected[chosen].sum():,.0f}",
                f"{actual[chosen].sum():,.0f}",
            ]
        )
    return ("decision", "payments", "share", "frauds", "expected cost", "actual cost"), rows


def _rule_name(facts: Facts) -> str:
    return "the model's thresholds" if isinstance(facts.study.rule, Thresholds) else "least cost of each payment"


def by_rule(facts: Facts) -> Table:
    """Return the costs per payment of the rule, of fixed thresholds, and of approving all."""
    costs, limits = facts.study.costs, facts.study.thresholds
    amounts, outcomes = facts.amounts, facts.labels.astype(np.float64)
    fixed = limits.decide(facts.fraud, amounts)
    review, block = (percent(round(limit, 4)) for limit in (limits.review, limits.block))
    rows = []
    for rule, decisions in (
        (_rule_name(facts), facts.decisions),
        (f"fixed thresholds: review from {review}, block from {block}", fixed),
        ("all approved", np.zeros_like(fixed)),
    ):
        each: list[Floats] = [thresholds.cost(one, decisions, amounts, costs) for one in (facts.fraud, outcomes)]
        share = percent(round(float((decisions == REVIEWED).mean()), 4))
        rows.append([rule, *(f"{one.mean():.4f}" for one in each), share])
    return ("rule", "expected cost per payment", "actual cost per payment", "reviewed"), rows
