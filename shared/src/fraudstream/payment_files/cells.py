"""The text of a table's cell → the number that it stands for. Tables have no types: one rule for all that read them."""

import re

# each digit can match in one place only: otherwise a long cell that is no number takes quadratic time
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"([+-]?[0-9]{1,19})(\.0*)?")
_BOOLEANS = {"true": 1, "false": 0}


def number(text: str, *, whole: bool) -> int | float | None:
    """The number, None if the text is none; otherwise the same double that the wire's parser makes of it.

    Where whole numbers are wanted, `3.0` counts as 3, and true and false as 1 and 0; others come back as they are.
    Spaces around are ignored. Infinite where the number is beyond all doubles.
    """
    text = text.strip()
    if whole:
        # not by way of a double, which from 2**53 on is another number
        if match := _WHOLE.fullmatch(text):
            return int(match[1])
        if text.lower() in _BOOLEANS:
            return _BOOLEANS[text.lower()]
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return int(value) if whole and value.is_integer() else value
