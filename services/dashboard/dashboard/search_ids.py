"""Ids as typed into the search → values of the schema's id field. Pure."""

import re

from fraudstream.payment_schema import INTEGER_LIMIT, PaymentSchema, integer_range

_WHOLE = re.compile(r"-?\d{1,19}", re.ASCII)
_GROUPED = re.compile(r"-?\d{1,3}(?:([_, \u00a0\u202f])\d{3})(?:\1\d{3})*", re.ASCII)
"""An integer with its digits in groups of three, as programs and people write it."""


class NoIdError(ValueError):
    """The text can't be the id of any payment; the message explains what an id is."""


def parse_id(text: str, schema: PaymentSchema) -> int | str:
    """Return the id that `text` means. Raises NoIdError."""
    field = schema.fields[schema.id]
    if field.type != "integer":
        if not 0 < len(text) <= field.max_length:
            raise NoIdError(f"A payment id is a text of 1 to {field.max_length:,} characters.")
        return text
    lowest, highest = integer_range(field)
    digits = re.sub(r"[^-\d]", "", text) if _GROUPED.fullmatch(text) else text
    number = int(digits) if _WHOLE.fullmatch(digits) else None
    if number is None or not lowest <= number <= highest:
        raise NoIdError(f"A payment id is a whole number from {_written(lowest)} to {_written(highest)}.")
    return number


def _written(number: int) -> str:
    return {INTEGER_LIMIT: "2^63-1", -INTEGER_LIMIT: "-(2^63-1)"}.get(number, str(number))
