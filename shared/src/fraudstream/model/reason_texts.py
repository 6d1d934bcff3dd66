"""Reasons as JSON, in the words of the payment schema. Pure.

    amount, fractions      two decimals, the amount with thousands separators
    other numbers          six significant digits; whole numbers in full
    period of 24, time     between 03:00 and 04:00
    boolean                yes, no
    category               the level; values that are no level of the model are rare

A missing value, a rare one and that of a secret category are named by their field only: numbers that are features
are never secret.
"""

import json
import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from fraudstream.arrays import Floats
from fraudstream.model.encoding import HOURS, EncodedField, Encoding
from fraudstream.payment_schema import DeclaredField, PaymentSchema

__all__ = ["MOST", "ReasonTexts"]

MOST = 20
"""Reasons of a payment."""

_SMALLEST_SHARE = 0.0005
_COMMON = 100
"""Whole numbers below it have a text that is formatted once."""

Text = Callable[[float], str]
Texts = Callable[[Sequence[float]], list[str]]


class ReasonTexts:
    """Reasons for scores, formatted for a schema and the encoding of a model. Thread-safe."""

    def __init__(self, schema: PaymentSchema, encoding: Encoding) -> None:
        self._features = [
            (
                f'{{"field":"{one.name}","contribution":',
                _texts(schema.fields[one.name], one, is_amount=one.name == schema.amount),
            )
            for one in encoding.fields
        ]

    def format(self, matrix: Floats, shares: Floats) -> list[str]:
        """Return, for each payment, the fields that raised its score, strongest first: field, share, and text, as JSON.

        `matrix` (n, features) holds the payments, `shares`, of the same shape, their `reasons.contributions`. Shares
        that round to 0.000 are left out, and those after the first MOST. Formatting field by field, then sorting, takes
        less than half the time of formatting payment by payment.
        """
        texts, payments, pushes = list[str](), [], []
        for number, (prefix, values_as_text) in enumerate(self._features):
            pushed = np.flatnonzero(shares[:, number] >= _SMALLEST_SHARE)
            push = shares[pushed, number]
            thousandths = _THOUSANDTHS(np.rint(1_000 * push).tolist())
            values = zip(thousandths, values_as_text(matrix[pushed, number].tolist()), strict=True)
            texts += [f'{prefix}{share},"text":"{text}"}}' for share, text in values]
            payments.append(pushed)
            pushes.append(push)
        payment = np.concatenate(payments)
        ordered = [texts[place] for place in np.lexsort((-np.concatenate(pushes), payment)).tolist()]
        ends = np.bincount(payment, minlength=len(matrix)).cumsum().tolist()
        return [f"[{','.join(ordered[start : min(end, start + MOST)])}]" for start, end in pairwise([0, *ends])]


class _NumberTexts(dict[float, str]):
    """Numbers formatted as text; the texts of `common` are computed once."""

    def __init__(self, format_number: Text, common: range) -> None:
        super().__init__((number, format_number(number)) for number in common)
        self._format_number = format_number

    def __missing__(self, number: float) -> str:
        return self._format_number(number)

    def __call__(self, numbers: Sequence[float]) -> list[str]:
        """Return the text of each number."""
        return list(map(self.__getitem__, numbers))


_THOUSANDTHS = _NumberTexts(lambda thousandths: f"{thousandths / 1_000:.3f}", range(10_000))


def _texts(declared: DeclaredField, encoded: EncodedField, *, is_amount: bool) -> Texts:
    name = declared.name.replace("_", " ")
    missing = f"{name} is missing"
    if encoded.kind == "category":
        # a secret category has no levels: all its values have one code
        known = [name if declared.secret else _escaped(_filled(declared.words, level)) for level in encoded.levels]
        by_code = [*known, name if declared.secret else f"{name} is rare", missing]
        return _NumberTexts(lambda code: by_code[int(code)], range(len(by_code)))
    number = _number(declared, encoded, is_amount=is_amount)
    several, single = (_escaped(declared.words.replace("(s)", ending)) for ending in ("s", ""))
    zero = None if declared.words_if_zero is None else _escaped(declared.words_if_zero)
    # words have no other braces
    if isinstance(number, str) and several == single and zero is None and not encoded.may_be_missing:
        return _each(several.replace("{}", number).format)
    formatted = number.format if isinstance(number, str) else number

    def text(value: float) -> str:
        if value == 0.0 and zero is not None:
            return zero
        if math.isnan(value):
            return missing
        return (single if value == 1.0 else several).replace("{}", formatted(value))

    return _NumberTexts(text, range(2 if encoded.kind == "flag" else _COMMON))


def _each(text: Text) -> Texts:
    return lambda numbers: list(map(text, numbers))


def _number(declared: DeclaredField, encoded: EncodedField, *, is_amount: bool) -> Text | str:
    """Return how a number is formatted: a function, or a format that is faster."""
    if encoded.kind == "period" and encoded.period == HOURS:
        return _hour
    if declared.type == "boolean":
        return lambda value: "yes" if value else "no"
    if declared.type == "integer":
        return "{:,.0f}" if is_amount else "{:.0f}"
    if is_amount:
        return "{:,.2f}"
    lowest = declared.min if declared.min is not None else declared.above
    highest = declared.max if declared.max is not None else declared.below
    is_fraction = lowest is not None and highest is not None and lowest >= 0.0 and highest <= 1.0
    return "{:.2f}" if is_fraction else "{:.6g}"


def _hour(value: float) -> str:
    hour = min(int(value % HOURS), 23)  # the remainder of a negative number near 0 is rounded to 24
    return f"between {hour:02}:00 and {(hour + 1) % int(HOURS):02}:00"


def _filled(words: str, value: str) -> str:
    return words.replace("(s)", "s").replace("{}", value)


def _escaped(text: str) -> str:
    """Return the inside of a JSON text, in ASCII."""
    return json.dumps(text)[1:-1]
