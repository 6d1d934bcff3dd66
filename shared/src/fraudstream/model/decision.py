"""Decision rules: the least expected cost of each payment, or fixed thresholds of the probability. Pure.

A payment of amount a that is fraud with probability p is expected to cost

    approved   p * (a + fraud)            the amount and the chargeback are lost if it is fraud
    reviewed   review                     a person checks it, and is assumed to be right
    blocked    (1 - p) * wrong_block      a customer is rejected if it is not fraud

`Costs` takes the cheapest of the three; `Thresholds` look at p only. p is the published probability, in six decimals.
"""

import math
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fraudstream.arrays import Floats
from fraudstream.errors import ModelUnfitError

__all__ = ["BLOCKED", "REVIEWED", "AnyAmount", "Costs", "Positions", "Rule", "Thresholds"]

Positions = NDArray[np.intp]
"""Decisions as positions in `payment.DECISIONS`: approve, review, block."""
REVIEWED, BLOCKED = 1, 2

_MILLION = 1e6


class Rule(Protocol):
    """Interface of a decision rule."""

    def decide(self, probabilities: Floats, amounts: Floats, /) -> Positions:
        """Return the decision for each payment."""

    def parameters(self) -> dict[str, float]:
        """Return the rule's numbers by name, for logs and tables."""


@dataclass(frozen=True, slots=True)
class AnyAmount:
    """A rule for payments with an amount, and one for those whose amount is missing (NaN)."""

    rule: Rule
    without: Rule

    def decide(self, probabilities: Floats, amounts: Floats, /) -> Positions:
        """Return the decision for each payment."""
        decisions = self.rule.decide(probabilities, amounts)
        missing = np.isnan(amounts)
        if missing.any():
            decisions[missing] = self.without.decide(probabilities[missing], amounts[missing])
        return decisions

    def parameters(self) -> dict[str, float]:
        """Return the numbers of the rule for payments with an amount."""
        return self.rule.parameters()


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Lowest probabilities at which a payment is reviewed, and at which it is blocked."""

    review: float
    block: float

    def __post_init__(self) -> None:
        if not 0.0 < self.review <= self.block < 1.0:
            raise ModelUnfitError(
                f"thresholds must be 0 < review <= block < 1, but review is {self.review} and block is {self.block}"
            )

    def decide(self, probabilities: Floats, _amounts: Floats, /) -> Positions:
        """Return the decision for each payment; at a threshold, the stricter one."""
        return np.searchsorted((self.review, self.block), probabilities, side="right")

    def parameters(self) -> dict[str, float]:
        """Return both thresholds."""
        return {"review": self.review, "block": self.block}


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Costs in the payments' currency, by which the cheapest decision is taken for each payment."""

    fraud: float
    """Cost of an approved fraud besides its amount: the chargeback's fee."""
    review: float
    """Cost of the review of one payment by a person; higher than its price where reviewers have limited capacity."""
    wrong_block: float
    """Cost of blocking a legitimate payment: the margin, the call, and the customer who leaves."""
    min_block: float
    """Probability below which no payment is blocked."""

    _block_from: int = field(init=False, repr=False, compare=False)
    """Probability, in millionths, from which blocking is cheaper than reviewing, and not below `min_block`."""

    def __post_init__(self) -> None:
        costs = self.fraud, self.review, self.wrong_block
        if not (all(map(math.isfinite, costs)) and self.fraud >= 0.0 < min(costs[1:]) and 0.0 <= self.min_block <= 1.0):
            raise ModelUnfitError(
                "costs must be fraud >= 0, review > 0, wrong_block > 0 and 0 <= min_block <= 1, but fraud is "
                f"{self.fraud}, review {self.review}, wrong_block {self.wrong_block} and min_block {self.min_block}"
            )
        cheaper = math.floor(_MILLION - self.review * _MILLION / self.wrong_block) + 1
        allowed = math.ceil(round(self.min_block * _MILLION, 3))
        object.__setattr__(self, "_block_from", max(cheaper, allowed))

    def decide(self, probabilities: Floats, amounts: Floats, /) -> Positions:
        """Return the cheapest decision for each payment; where costs are equal, approve before review before block."""
        # probabilities as whole millionths: costs that are equal on paper are equal here too (1 - 0.8 is below 0.2)
        millionths = np.rint(probabilities * _MILLION)
        approved = millionths * (amounts + self.fraud)
        decisions = (approved > self.review * _MILLION).astype(np.intp)
        (likely,) = (millionths >= self._block_from).nonzero()
        if len(likely):  # in small batches there is usually none
            blocked = (_MILLION - millionths[likely]) * self.wrong_block
            decisions[likely[blocked < approved[likely]]] = BLOCKED
        return decisions

    def parameters(self) -> dict[str, float]:
        """Return the costs and the lowest probability of a block, named like the trainer's settings."""
        return {
            "cost_of_fraud": self.fraud,
            "cost_of_review": self.review,
            "cost_of_wrong_block": self.wrong_block,
            "min_block_probability": self.min_block,
        }
