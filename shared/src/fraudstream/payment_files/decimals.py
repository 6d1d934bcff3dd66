"""The decimal mark of a delimited file, and the numbers of its cells, which have no types. Pure."""

import re
from collections.abc import Iterable

from fraudstream.errors import PaymentFileError

POINT, COMMA = ".", ","
UNPROVEN = "?"
"""An assumed point: no number at the beginning of the file shows it, and the delimiter is not a comma."""
MARKS = {POINT: "point", COMMA: "comma", UNPROVEN: "point"}
# each digit can match in one place only: otherwise a long cell that is not a number takes quadratic time
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"([+-]?[0-9]{1,19})(\.0*)?")
_BOOLEANS = {"true": 1, "false": 0}
_MARKED = re.compile(r"[+-]?(?=[.,]?[0-9])[0-9]*([.,])[0-9]*([eE][+-]?[0-9]+)?")
_MAYBE_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}")
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}([.,' _\u00a0\u2009\u202f\u2019][0-9]{3})+([.,][0-9]*)?")


def mark(path: object, delimiter: str, cells: Iterable[tuple[str, str]]) -> str:
    """Return the decimal mark that the cells use; each comes after the text that names it in errors.

    Raises PaymentFileError. `1.234` may be a thousand: it proves nothing. Without a proof, the mark is a point if the
    delimiter is a comma, and UNPROVEN otherwise.
    """
    proofs: dict[str, str] = {}
    ambiguous = ""
    for place, text in cells:
        match = _MARKED.fullmatch(text.strip())
        if match is None:
            continue
        if _MAYBE_THOUSANDS.fullmatch(text.strip()):
            ambiguous = ambiguous or place
        else:
            proofs.setdefault(match[1], place)
    if len(proofs) > 1:
        raise PaymentFileError(
            f"{path} mixes decimal points ({proofs[POINT]}) and decimal commas ({proofs[COMMA]}): "
            "write all numbers with the same mark"
        )
    if not proofs and ambiguous and delimiter != ",":
        raise PaymentFileError(
            f"{path}, {ambiguous} may have a decimal mark or a thousands separator, "
            "and no other number at the beginning of the file shows which: "
            "write it with two decimal places, or without thousands separators"
        )
    return next(iter(proofs), POINT if delimiter == "," else UNPROVEN)


def problem(text: str, decimal_mark: str) -> str | None:
    """Return why a cell that looks like a number is not read; None if it does not look like one."""
    if decimal_mark == UNPROVEN and _MAYBE_THOUSANDS.fullmatch(text):
        return (
            "may have a decimal mark or a thousands separator, and no number at the beginning of the file shows which"
        )
    if _THOUSANDS.fullmatch(text):
        return f"has thousands separators, or a decimal mark other than the file's, a {MARKS[decimal_mark]}"
    match = _MARKED.fullmatch(text)
    if match and match[1] != decimal_mark:
        return f"has a decimal {MARKS[match[1]]}, but the file's other numbers have a decimal {MARKS[decimal_mark]}"
    return None


def convert(text: str, decimal_mark: str, *, whole: bool) -> float | str:
    """Return the number in a cell, or the text without spaces around it if it is not a number; see `number`."""
    plain = text
    if decimal_mark == COMMA:
        if POINT in text:
            return text.strip()
        plain = text.replace(COMMA, POINT, 1)
    if decimal_mark == UNPROVEN and _MAYBE_THOUSANDS.fullmatch(text.strip()):
        return text.strip()
    found = number(plain, whole=whole)
    return text.strip() if found is None else found


def with_point(text: str) -> str:
    """Return a number with a decimal comma as the same with a point, and any other text unchanged."""
    return text.replace(COMMA, POINT) if COMMA in text and _MARKED.fullmatch(text.strip()) else text


def number(text: str, *, whole: bool) -> int | float | None:
    """Return the cell's number, the same double as the JSON parser's; None if the text is not a number.

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
