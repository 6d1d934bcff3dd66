"""The text of a table's cell converted to a number. Tables have no types: all readers use the same rule."""

import re

# each digit can match in one place only: otherwise a long cell that is not a number takes quadratic time
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"([+-]?[0-9]{1,19})(\.0*)?")
_BOOLEANS = {"true": 1, "false": 0}


def number(text: str, *, whole: bool) -> int | float | None:
    """Return the number, as the same double that the JSON parser returns for it; None if the text is not a number.

    If `whole`, `3.0` counts as 3, and true and false as 1 and 0; other numbers are returned unchanged.
    Surrounding spaces are ignored. The result is infinite if the number is too large for a double.
    """
    text = text.strip()
    if whole:
        # not through a double, which is not exact from 2**53 on
        if match := _WHOLE.fullmatch(text):
            return int(match[1])
        if text.lower() in _BOOLEANS:
            return _BOOLEANS[text.lower()]
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return int(value) if whole and value.is_integer() else value
