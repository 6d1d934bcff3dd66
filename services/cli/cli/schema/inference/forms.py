"""Forms that texts have in common: numbers, booleans, times, UUIDs; and values to keep secret. Pure.

The functions take many texts at once: one check of their joined characters costs a tenth of a check of each.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from ipaddress import ip_address
from math import inf

from fraudstream.payment_schema import INTEGER_LIMIT
from fraudstream.payment_values import epoch_ms

INTEGER, NUMBER, BOOLEAN, TIME, UUID, DATE = "integer", "number", "boolean", "time", "uuid", "date"
TRUTH = frozenset({"true", "false", "0", "1"})
_WHOLE_CHARACTERS, _DECIMAL_CHARACTERS = frozenset("-0123456789"), frozenset("+-.eE0123456789")
_MOST_DIGITS = 40
_CODE = re.compile(r"^(?:\+|-?0[0-9])", re.MULTILINE)
"""A plus or a leading zero: a telephone number or a code, whose characters count."""
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DATE = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?|\d\d?[./]\d\d?[./]\d{4}(?: \d\d:\d\d.*)?", re.ASCII
)
_EMAIL = re.compile(r"[^\s@]@[^\s@]+\.[^\s@]{2,}")
_IP = re.compile(r"\[?([0-9a-fA-F:]*:[0-9a-fA-F:.]*|[0-9]{1,3}(?:\.[0-9]{1,3}){3})(?:\]|/[0-9]+)?")
_LONGEST_IP = 50
_CARD = re.compile(r"[0-9](?:[ -]?[0-9]){11,18}")


def whole_numbers(texts: Collection[str]) -> list[int] | None:
    """Return the integers that all texts are, within the limits of type integer; None if one is not."""
    joined = "".join(texts)
    if not _WHOLE_CHARACTERS.issuperset(joined) or max(map(len, texts)) > _MOST_DIGITS:
        return None
    try:
        numbers = list(map(int, texts))
    except ValueError:
        return None
    is_canonical = "".join(map(str, numbers)) == joined
    return numbers if is_canonical and max(numbers) <= INTEGER_LIMIT and min(numbers) >= -INTEGER_LIMIT else None


def decimals(texts: Collection[str]) -> list[float] | None:
    """Return the numbers that all texts are; None if one is not, or if a double has fewer digits than an integer."""
    if not _DECIMAL_CHARACTERS.issuperset("".join(texts)) or max(map(len, texts)) > _MOST_DIGITS:
        return None
    if _CODE.search("\n".join(texts)):
        return None
    try:
        numbers = list(map(float, texts))
    except ValueError:
        return None
    return numbers if max(numbers) < INTEGER_LIMIT and min(numbers) > -INTEGER_LIMIT else None


def are_times(texts: Iterable[str]) -> bool:
    """Return whether all texts are times in RFC 3339 with an offset."""
    try:
        for text in texts:
            epoch_ms(text)
    except ValueError:
        return False
    return True


def _all_match(pattern: re.Pattern[str]) -> Callable[[Iterable[str]], bool]:
    return lambda texts: all(map(pattern.fullmatch, texts))


FORMS: Mapping[str, Callable[[Collection[str]], bool]] = {
    BOOLEAN: TRUTH.issuperset,
    TIME: are_times,
    UUID: _all_match(_UUID),
    DATE: _all_match(_DATE),
}
"""Forms beside the two of numbers, each with its check of all texts."""


def has_email(texts: Collection[str]) -> bool:
    """Return whether an e-mail address is part of a text."""
    return any("@" in text and _EMAIL.search(text) for text in texts) if "@" in "".join(texts) else False


def has_ip_address(texts: Collection[str]) -> bool:
    """Return whether a text is an IP address, of version 4 or 6."""
    joined = "".join(texts)
    if joined.count(".") < len("1.2.3.4") // 2 and ":" not in joined:
        return False
    return any(
        _is_ip_address(found[1]) for text in texts if len(text) <= _LONGEST_IP and (found := _IP.fullmatch(text))
    )


def _is_ip_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def card_numbers(texts: Iterable[str]) -> tuple[int, int]:
    """Return how many texts have the digits of a card number, and how many of these its check digit too (Luhn)."""
    candidates = [text for text in texts if _CARD.fullmatch(text)]
    return len(candidates), sum(map(_passes_luhn, candidates))


def _passes_luhn(text: str) -> bool:
    digits = [int(digit) for digit in reversed(text) if digit.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def outward(lowest: float, highest: float) -> tuple[str, str]:
    """Return a range around the numbers, with ends of one digit that are not observed values, except for 0."""
    return _outward(lowest, is_upper=False), _outward(highest, is_upper=True)


def _outward(value: float, *, is_upper: bool) -> str:
    if value == 0:
        return "0"
    grows = is_upper == (value > 0)
    size, steps = abs(value), [float(f"{digit}e{power}") for power in range(-6, 309) for digit in (1, 2, 5)]
    end = min((step for step in steps if step > size), default=inf)
    if not grows:
        end = max((step for step in steps if step < size), default=0.0)
    sign = "-" if value < 0 and end else ""
    return f"{sign}{end:.15g}"
