"""Reasons for a score: each field's share of the payment's log-odds, measured against one reference payment.

Exact Shapley values (Shapley, A Value for n-Person Games, 1953) of the game "these fields have the payment's values,
the others the reference's": five fields make 32 coalitions, so nothing is sampled. The shares of a payment add up to
its log-odds minus the reference's. Lundberg and Lee (2017) applied the idea to models; one reference payment instead of
a hundred keeps it cheap and easy to explain: compared with *this* payment. The cost of the enumeration doubles with
every field; trees with more fields are explained leaf by leaf (`tree_reasons`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import factorial

import numpy as np
from numpy.typing import NDArray

from fraudstream.arrays import Floats, Integers
from fraudstream.model.features import FEATURES

LogOdds = Callable[[Floats], Floats]

_SMALLEST_SHARE = 0.0005


@dataclass(frozen=True, slots=True, eq=False)
class _Coalitions:
    """All coalitions of the fields. A coalition is a number: bit k is set if field k has the payment's value."""

    codes: Integers
    bits: Integers
    members: NDArray[np.bool_]
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


def format_reasons(matrix: Floats, shares: Floats) -> list[str]:
    """Return, for each payment, the fields that raised its score, strongest first, as JSON: field, share, and text.

    `matrix` (n, 5) holds the payments, `shares` (n, 5) their `contributions`. Shares that round to 0.000 are left out.
    Formatting field by field, then sorting, takes less than half the time of formatting payment by payment.
    """
    texts, payments, pushes = list[str](), [], []
    for number, name in enumerate(FEATURES):
        pushed = np.flatnonzero(shares[:, number] >= _SMALLEST_SHARE)
        push = shares[pushed, number]
        thousandths = _THOUSANDTHS(np.rint(1_000 * push).tolist())
        values = zip(thousandths, _FIELD_TEXTS[name](matrix[pushed, number].tolist()), strict=True)
        prefix = f'{{"field":"{name}","contribution":'
        texts += [f'{prefix}{share},"text":"{text}"}}' for share, text in values]
        payments.append(pushed)
        pushes.append(push)
    payment = np.concatenate(payments)
    ordered = [texts[place] for place in np.lexsort((-np.concatenate(pushes), payment)).tolist()]
    ends = np.bincount(payment, minlength=len(matrix)).cumsum().tolist()
    return [f"[{','.join(ordered[start:end])}]" for start, end in pairwise([0, *ends])]


class _NumberTexts(dict[float, str]):
    """Numbers formatted as text; the texts of `common` are computed once."""

    def __init__(self, format_number: Callable[[float], str], common: range) -> None:
        super().__init__((number, format_number(number)) for number in common)
        self._format_number = format_number

    def __missing__(self, number: float) -> str:
        return self._format_number(number)

    def __call__(self, numbers: Sequence[float]) -> list[str]:
        """Return the text of each number."""
        return list(map(self.__getitem__, numbers))


_THOUSANDTHS = _NumberTexts(lambda thousandths: f"{thousandths / 1_000:.3f}", range(10_000))


def _format_logins(count: float) -> str:
    return f"{count:.0f} failed login{'' if count == 1 else 's'}" if count else "no failed logins"


_FIELD_TEXTS: dict[str, Callable[[Sequence[float]], list[str]]] = {
    "amount": lambda amounts: [f"amount {amount:,.2f}" for amount in amounts],
    "country_risk_score": lambda risks: [f"country risk {risk:.2f}" for risk in risks],
    "failed_logins": _NumberTexts(_format_logins, range(100)),
    "transaction_hour": _NumberTexts(lambda hour: f"between {hour:02.0f}:00 and {(hour + 1) % 24:02.0f}:00", range(24)),
    "is_new_device": _NumberTexts(lambda new: "new device" if new else "known device", range(2)),
}
