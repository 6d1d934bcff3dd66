r"""Recognition of payments by their id in the bytes of messages, of which some are not valid JSON. Pure.

The id is found by the last key of its path, and in each way in which JSON can write key and id: a character may be
written as itself, as `\u0041`, or as `\"`, and JSON within a JSON string has further backslashes.
"""

import re
from collections.abc import Collection

from fraudstream.payment_schema import DeclaredField

_ESCAPE = b"\\u"
_SHORT_ESCAPES = {"\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}
_ALWAYS_ESCAPED = 0x20
_QUOTES = (b'"', b"'")
_ENDS = frozenset(b" \t\r\n,;&}])")
"""Bytes that end an id without quotes."""
_MOST_BACKSLASHES = 16
_BACKSLASHES = rb"\\{1,8}"
"""A limit keeps the search linear: each backslash of a long row of them may begin an escape."""
# also within JSON in a string, in invalid JSON, in other quotes, and as a number with a decimal point
_BEFORE_NUMBER, _AFTER_NUMBER = rb"[\\\"'\s]*[:=][\\\"'\s\[+nrt]*", rb"(?:\.0*)?(?![\d.])"
_KEY_BEGINS = rb"(?:(?<![\w-])|(?<=\\[nrt]))"
_BEFORE_TEXT = rb"[\\\"'\s]*[:=](?:[\"'\s\[]|\\[nrt]?)*"


class IdPattern:
    """Patterns of the ids of some payments."""

    def __init__(self, id_field: DeclaredField, payment_ids: Collection[int | str]) -> None:
        self._is_number = id_field.type == "integer"
        # then valid payments have forms of the id that are not found below
        self._is_lax = not id_field.strict and self._is_number and bool(payment_ids)
        ids = _any_of(payment_ids, escaped=False)
        self._anywhere = re.compile(rb"(?<!\d)" + ids + rb"(?!\d)" if self._is_number else ids)
        self._plain, self._escaped = (
            re.compile(
                _KEY_BEGINS
                + _pattern(id_field.path[-1], escaped=escaped)
                + self._value(_any_of(payment_ids, escaped=escaped))
            )
            for escaped in (False, True)
        )

    def may_be_in(self, value: bytes) -> bool:
        """Return whether `value` may be a valid payment with one of the ids; False: it is not one."""
        is_escaped = not self._is_number and b"\\" in value
        return self._is_lax or is_escaped or self._anywhere.search(value) is not None

    def is_in(self, value: bytes) -> bool:
        """Return whether `value` has one of the ids."""
        # the pattern with escapes is five times slower
        pattern = self._escaped if _ESCAPE in value else self._plain
        if self._is_number:
            return pattern.search(value) is not None
        return any(_is_whole(value, *found.span(1)) for found in pattern.finditer(value))

    def _value(self, ids: bytes) -> bytes:
        return _BEFORE_NUMBER + ids + _AFTER_NUMBER if self._is_number else _BEFORE_TEXT + b"(" + ids + b")"


def _any_of(payment_ids: Collection[int | str], *, escaped: bool) -> bytes:
    # longest first: an id may be the beginning of another one
    texts = sorted(map(str, payment_ids), key=len, reverse=True)
    return b"(?:" + (b"|".join(_pattern(one, escaped=escaped) for one in texts) or b"(?!)") + b")"


def _is_whole(value: bytes, start: int, end: int) -> bool:
    """Return whether the text of an id is all of its value: up to the closing quote, or the end of a word."""
    quote = value[start - 1 : start]
    rest = value[end : end + _MOST_BACKSLASHES]
    if not rest:
        return True
    if quote not in _QUOTES:
        return rest[0] in _ENDS
    is_nested = value[start - 2 : start - 1] == b"\\"
    return (rest.lstrip(b"\\") if is_nested else rest).startswith(quote)


def _pattern(text: str, *, escaped: bool) -> bytes:
    """Return the pattern of a text in JSON; `escaped`: with escapes of characters that need none."""
    return b"".join(_character(one, escaped=escaped) for one in text)


def _character(one: str, *, escaped: bool) -> bytes:
    forms = []
    if ord(one) >= _ALWAYS_ESCAPED:
        forms.append(re.escape(one.encode(errors="surrogatepass")))
    if one in '"\\/':
        forms.append(_BACKSLASHES + re.escape(one.encode()))
    if short := _SHORT_ESCAPES.get(one):
        forms.append(_BACKSLASHES + short.encode())
    if escaped or not forms:
        units = one.encode("utf-16-be", errors="surrogatepass").hex().encode()
        forms.append(b"".join(_BACKSLASHES + b"u(?i:%b)" % units[at : at + 4] for at in range(0, len(units), 4)))
    return forms[0] if len(forms) == 1 else b"(?:" + b"|".join(forms) + b")"
