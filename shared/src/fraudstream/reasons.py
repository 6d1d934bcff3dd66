"""Why a payment is suspicious: each field's share of its log-odds, measured against one reference payment.

Exact Shapley values (Shapley, A Value for n-Person Games, 1953) of the game "these fields have the payment's values,
the others the reference's": five fields make 32 coalitions, so nothing is sampled. Of a payment, the shares add up to
its log-odds minus the reference's. Lundberg and Lee (2017) brought the idea to models; one reference payment instead of
a hundred keeps it cheap and easy to say: compared with *this* payment.
"""

from collections.abc import Callable, Sequence
from math import factorial

import numpy as np
from numpy.typing import NDArray

from fraudstream.features import FEATURES

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


def worded(payment: Sequence[float], shares: Sequence[float]) -> str:
    """The fields that pushed the score up, strongest first, as JSON: field, share of the log-odds, and words.

    `payment` holds the five fields, `shares` what `contributions` says of them; a share that rounds to 0.000 is none.
    """
    pushing = [
        (share, f'{{"field":"{name}","contribution":{share:.3f},"text":"{_WORDS[name](value)}"}}')
        for share, name, value in zip(shares, FEATURES, payment, strict=True)
        if share >= _SMALLEST_SHARE
    ]
    pushing.sort(reverse=True)
    return f"[{','.join([words for _, words in pushing])}]"


def _logins(count: float) -> str:
    return f"{count:.0f} failed login{'' if count == 1 else 's'}" if count else "no failed logins"


_WORDS: dict[str, Callable[[float], str]] = {
    "amount": lambda amount: f"amount {amount:,.2f}",
    "country_risk_score": lambda risk: f"country risk {risk:.2f}",
    "failed_logins": _logins,
    "transaction_hour": lambda hour: f"between {hour:02.0f}:00 and {(hour + 1) % 24:02.0f}:00",
    "is_new_device": lambda new: "new device" if new else "known device",
}
