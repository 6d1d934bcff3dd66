"""The report's headline: results on the held-out payments in the terms of a business, with their uncertainty."""

import math
from dataclasses import dataclass

import numpy as np

from fraudstream.arrays import Floats, Integers
from fraudstream.model.decision import BLOCKED, REVIEWED, Positions
from fraudstream.model.fraud_model import published
from trainer import thresholds
from trainer.report.facts import Facts, decide
from trainer.report.texts import DEVIATIONS, interval, of_hundred, percent
from trainer.study import amounts_or_zero

_PER_DAY = 10_000
"""Payments a day of the example, if the history does not have the times of its payments."""
_DAYS = 2.0
"""Days from which a history's number of payments a day is used."""
_FEW_FRAUDS = 30
_PER_PAYMENTS = 1_000
_WHOLE = 10


@dataclass(frozen=True, slots=True)
class Statement:
    """One result: a short figure, its meaning, and how it was measured."""

    figure: str
    meaning: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeldOut:
    """The held-out payments with their decisions by the model's rule."""

    labels: Integers
    amounts: Floats
    decisions: Positions

    @classmethod
    def of(cls, facts: Facts) -> "HeldOut":
        """Return the payments that had no part in choosing, calibrating or fitting."""
        rows, history = facts.study.held_out, facts.history
        decisions = decide(facts.study, published(facts.study.scores), history.amounts[rows])
        return cls(labels=history.labels[rows], amounts=amounts_or_zero(history)[rows], decisions=decisions)


def statements(facts: Facts, tested: HeldOut) -> list[Statement]:
    """Return the results, the most important first."""
    return [_stopped(tested), _right_blocks(tested), _workload(facts, tested), _saved(facts, tested)]


def basis(tested: HeldOut) -> str:
    """Return what the results were measured on."""
    payments, frauds = len(tested.labels), int(tested.labels.sum())
    return (
        f"Measured on {payments:,} payments that had no part in training, {frauds:,} of them "
        "frauds. Payments count as stopped if they are reviewed or blocked; reviewers are assumed to be right. The "
        f"likely ranges are {percent(0.95)} intervals: how far chance alone could have moved a figure."
    )


def warnings(facts: Facts, tested: HeldOut) -> list[str]:
    """Return reasons to be careful with the results."""
    frauds = int(tested.labels.sum())
    found = []
    if frauds < _FEW_FRAUDS:
        found.append(f"The test has only {frauds} frauds: these figures are rough. More frauds in the history help.")
    if facts.truth is not None:
        found.append("This is the sample history, and its payments are simulated: train on your own for valid figures.")
    return found


def _stopped(tested: HeldOut) -> Statement:
    is_fraud = tested.labels == 1
    is_stopped = is_fraud & (tested.decisions >= REVIEWED)
    hits, frauds = int(is_stopped.sum()), int(is_fraud.sum())
    total = float(tested.amounts[is_fraud].sum())
    share = f", with {_share(float(tested.amounts[is_stopped].sum()) / total)} of their amount" if total > 0 else ""
    return Statement(
        of_hundred(hits, frauds),
        "frauds are stopped",
        f"{hits:,} of {frauds:,} frauds were reviewed or blocked{share}. {_range(hits, frauds)}",
    )


def _right_blocks(tested: HeldOut) -> Statement:
    is_blocked = tested.decisions == BLOCKED
    right, blocks = int(tested.labels[is_blocked].sum()), int(is_blocked.sum())
    if not blocks:
        return Statement("No blocks", "in the test", "No payment was blocked: none was likely enough a fraud.")
    return Statement(
        of_hundred(right, blocks),
        "blocks are right",
        f"{right:,} of {blocks:,} blocked payments were frauds. {_range(right, blocks)}",
    )


def _workload(facts: Facts, tested: HeldOut) -> Statement:
    """Return reviews and blocks a day, at the history's number of payments a day or that of the example."""
    history = facts.history
    has_days = history.days >= _DAYS
    per_day = history.count / history.days if has_days else float(_PER_DAY)
    reviews, blocks = (_a_day(tested, decision, per_day) for decision in (REVIEWED, BLOCKED))
    chosen = tested.decisions == REVIEWED
    count, frauds = int(chosen.sum()), int(tested.labels[chosen].sum())
    among = f" {of_hundred(frauds, count)} reviewed payments were frauds." if count else ""
    return Statement(
        f"{reviews[1]} to review",
        f"and {blocks[1]} to block, of {_count(per_day)} payments a day{', as in the history' if has_days else ''}",
        f"Likely ranges: {reviews[0]} to {reviews[2]} reviews, {blocks[0]} to {blocks[2]} blocks a day.{among}",
    )


def _a_day(tested: HeldOut, decision: int, per_day: float) -> tuple[str, str, str]:
    """Return the number of payments a day with a decision: the low end of its range, the number, the high end."""
    chosen = tested.decisions == decision
    low, high = (float(end[0]) for end in _interval(int(chosen.sum()), len(chosen)))
    low_end, middle, high_end = (_count(per_day * share) for share in (low, float(chosen.mean()), high))
    return low_end, middle, high_end


def _saved(facts: Facts, tested: HeldOut) -> Statement:
    """Return the difference in cost to approving all payments, with the interval of its mean."""
    outcomes, prices = tested.labels.astype(np.float64), facts.study.costs
    ours = thresholds.cost(outcomes, tested.decisions, tested.amounts, prices)
    approved = thresholds.cost(outcomes, np.zeros_like(tested.decisions), tested.amounts, prices)
    each = _PER_PAYMENTS * (approved - ours)
    mean, half = float(each.mean()), DEVIATIONS * float(each.std()) / math.sqrt(len(each))
    low, high = (facts.money(_rounded(end)) for end in (abs(mean) - half, abs(mean) + half))
    costs = [facts.money(_rounded(_PER_PAYMENTS * float(one.mean()))) for one in (ours, approved)]
    return Statement(
        facts.money(abs(_rounded(mean))),
        f"{'saved' if mean >= 0 else 'lost'} per 1,000 payments",
        f"Frauds, reviews and wrong blocks cost {costs[0]}, instead of {costs[1]} if all payments were approved. "
        f"Likely range: {low} to {high}.",
    )


def _range(hits: int, total: int) -> str:
    """Return the 95 % interval of a share as text."""
    low, high = (float(end[0]) for end in _interval(hits, total))
    return f"Likely range: {math.floor(_hundredths(low))} to {math.ceil(_hundredths(high))} of 100."


def _interval(hits: int, total: int) -> tuple[Floats, Floats]:
    return interval(np.array([hits / total]), np.array([total]))


def _rounded(amount: float) -> float:
    """Return an amount in three digits: a test does not measure more of them."""
    return float(f"{amount:.3g}")


def _share(share: float) -> str:
    """Format a share in whole percent, where only all is 100 %."""
    return percent(math.floor(_hundredths(share)) / 100)


def _hundredths(share: float) -> float:
    """Return 100 times a share, without the rounding error that makes 0.29 less than 29."""
    return round(100 * share, 9)


def _count(value: float) -> str:
    return f"{value:,.0f}" if value >= _WHOLE or value == 0 else f"{value:.2g}"
