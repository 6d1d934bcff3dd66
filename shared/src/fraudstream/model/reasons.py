"""Why a payment is suspicious: each field's share of its log-odds, measured against one reference payment.

Exact Shapley values (Shapley, A Value for n-Person Games, 1953) of the game "these fields have the payment's values,
the others the reference's": five fields make 32 coalitions, so nothing is sampled. Of a payment, the shares add up to
its log-odds minus the reference's. Lundberg and Lee (2017) brought the idea to models; one reference payment instead of
a hundred keeps it cheap and easy to say: compared with *this* payment.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import factorial

import numpy as np
from numpy.typing import NDArray

from fraudstream.model.features import FEATURES

Floats = NDArray[np.float64]
LogOdds = Callable[[Floats], Floats]

_FIELDS = len(FEATURES)
_CODES = np.arange(1 << _FIELDS)
"""A coalition is a number: bit k says that field k has the payment's value."""
_BITS = 1 << np.arange(_FIELDS)
_MEMBERS = (_CODES[:, None] & _BITS) > 0
_SMALLEST_SHARE = 0.0005


def _weights() -> Floats:
    """Shape (5, 32): what a coalition's value counts in each field's share."""
    sizes = _MEMBERS.sum(axis=1)
    orders = np.array([factorial(size) * factorial(_FIELDS - size) for size in range(_FIELDS + 1)]) / factorial(_FIELDS)
    # a coalition with the field is entered by it last, one without it would be joined by it next
    entered, joined = orders[sizes] / np.maximum(sizes, 1), orders[sizes] / np.maximum(_FIELDS - sizes, 1)
    weights: Floats = np.where(_MEMBERS.T, entered, -joined)
    return weights


_WEIGHTS = _weights()


def contributions(log_odds: LogOdds, matrix: Floats, reference: Floats) -> Floats:
    """Each field's share of the log-odds of each row of `matrix` (n, 5) against `reference` (5,); shape (n, 5).

    Coalitions that differ only in fields which the payment has in common with the reference are asked about once.
    """
    different = (matrix != reference) @ _BITS
    same_as = _CODES[:, None] & different
    asked, payment = np.nonzero(same_as == _CODES[:, None])
    values = np.empty(same_as.shape)
    values[asked, payment] = log_odds(np.where(_MEMBERS[asked], matrix[payment], reference))
    shares: Floats = (_WEIGHTS @ np.take_along_axis(values, same_as, axis=0)).T
    return shares


def worded(matrix: Floats, shares: Floats) -> list[str]:
    """For each payment the fields that pushed its score up, strongest first, as JSON: field, share, and words.

    `matrix` (n, 5) holds the payments, `shares` (n, 5) what `contributions` says of them. A share that rounds to 0.000
    is none. Field by field, then sorted: less than half the time that payment by payment takes.
    """
    texts, payments, pushes = list[str](), [], []
    for number, name in enumerate(FEATURES):
        pushed = np.flatnonzero(shares[:, number] >= _SMALLEST_SHARE)
        push = shares[pushed, number]
        thousandths = _THOUSANDTHS(np.rint(1_000 * push).tolist())
        values = zip(thousandths, _WORDS[name](matrix[pushed, number].tolist()), strict=True)
        opening = f'{{"field":"{name}","contribution":'
        texts += [f'{opening}{share},"text":"{text}"}}' for share, text in values]
        payments.append(pushed)
        pushes.append(push)
    payment = np.concatenate(payments)
    ordered = [texts[place] for place in np.lexsort((-np.concatenate(pushes), payment)).tolist()]
    ends = np.bincount(payment, minlength=len(matrix)).cumsum().tolist()
    return [f"[{','.join(ordered[start:end])}]" for start, end in pairwise([0, *ends])]


class _Remembered(dict[float, str]):
    """A number in words; those of `common` are remembered."""

    def __init__(self, words: Callable[[float], str], common: range) -> None:
        super().__init__((number, words(number)) for number in common)
        self._words = words

    def __missing__(self, number: float) -> str:
        return self._words(number)

    def __call__(self, numbers: Sequence[float]) -> list[str]:
        """Each in words."""
        return list(map(self.__getitem__, numbers))


_THOUSANDTHS = _Remembered(lambda thousandths: f"{thousandths / 1_000:.3f}", range(10_000))


def _logins(count: float) -> str:
    return f"{count:.0f} failed login{'' if count == 1 else 's'}" if count else "no failed logins"


_WORDS: dict[str, Callable[[Sequence[float]], list[str]]] = {
    "amount": lambda amounts: [f"amount {amount:,.2f}" for amount in amounts],
    "country_risk_score": lambda risks: [f"country risk {risk:.2f}" for risk in risks],
    "failed_logins": _Remembered(_logins, range(100)),
    "transaction_hour": _Remembered(lambda hour: f"between {hour:02.0f}:00 and {(hour + 1) % 24:02.0f}:00", range(24)),
    "is_new_device": _Remembered(lambda new: "new device" if new else "known device", range(2)),
}
