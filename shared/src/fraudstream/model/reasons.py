"""Reasons for a score: each field's share of the payment's log-odds, measured against one reference payment.

Exact Shapley values (Shapley, A Value for n-Person Games, 1953) of the game "these fields have the payment's values,
the others the reference's": five fields make 32 coalitions, so nothing is sampled. The shares of a payment add up to
its log-odds minus the reference's. Lundberg and Lee (2017) applied the idea to models; one reference payment instead of
a hundred keeps it cheap and easy to explain: compared with *this* payment. The cost of the enumeration doubles with
every field; trees with more fields are explained leaf by leaf (`tree_reasons`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import factorial

import numpy as np

from fraudstream.arrays import Flags, Floats, Integers

LogOdds = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True, eq=False)
class _Coalitions:
    """All coalitions of the fields. A coalition is a number: bit k is set if field k has the payment's value."""

    codes: Integers
    bits: Integers
    members: Flags
    """Shape (coalitions, fields)."""
    weights: Floats
    """Weight of each coalition's value in each field's share, shape (fields, coalitions)."""


@cache
def _coalitions(fields: int) -> _Coalitions:
    codes, bits = np.arange(1 << fields), 1 << np.arange(fields)
    members = (codes[:, None] & bits) > 0
    sizes = members.sum(axis=1)
    orders = np.array([factorial(size) * factorial(fields - size) for size in range(fields + 1)]) / factorial(fields)
    # the field enters a coalition that has it last, and would join one that does not have it next
    entered, joined = orders[sizes] / np.maximum(sizes, 1), orders[sizes] / np.maximum(fields - sizes, 1)
    return _Coalitions(codes, bits, members, np.where(members.T, entered, -joined))


def contributions(log_odds: LogOdds, matrix: Floats, reference: Floats) -> Floats:
    """Return each field's share of the log-odds of each row of `matrix` (n, fields) against `reference`; same shape.

    Coalitions that differ only in fields which the payment has in common with the reference are evaluated once.
    """
    every = _coalitions(len(reference))
    different = (matrix != reference) @ every.bits
    same_as = every.codes[:, None] & different
    coalition, payment = np.nonzero(same_as == every.codes[:, None])
    values = np.empty(same_as.shape)
    values[coalition, payment] = log_odds(np.where(every.members[coalition], matrix[payment], reference))
    shares: Floats = (every.weights @ np.take_along_axis(values, same_as, axis=0)).T
    return shares
