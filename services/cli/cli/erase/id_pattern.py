r"""Recognition of payments by their id in the bytes of messages, of which some are not valid JSON. Pure.

The id is found by the last key of its path, however key and id are written: in JSON, in JSON within a string of JSON,
in other quotes or in none. JSON may have any character as an escape, such as `\u0041`. If the path has several keys, an
object that is valid JSON must have all of them, at its top or in an envelope: `card.id` is not `customer.id`.
"""

import re
from collections.abc import Collection, Sequence
from decimal import Decimal, InvalidOperation
from typing import Protocol

from pydantic_core import from_json

from fraudstream.payment import excess
from fraudstream.payment_schema import DeclaredField
from fraudstream.payment_values import member

__all__ = ["IdPattern", "id_pattern"]

_ESCAPE = b"\\u"
_BACKSLASHES = rb"\\{1,8}"
"""A limit keeps the search linear: each backslash of a long row of them may begin an escape."""
_KEY_ENDS = rb"[\\\"'\s]*[:=]"
_IN_A_NAME = re.compile(rb"[\w-]")
_LINE_ENDS = (b"\\n", b"\\r", b"\\t")
# also in quotes, with leading zeros, a decimal point or an exponent
_NUMBER = rb"[\\\"'\s\[+nrt]*(-?+(?:\d++(?:\.\d*+)?+|\.\d++)(?:[eE][+-]?+\d++)?+)(?![\d.])"
_EXPONENT = re.compile(rb"[\d.][eE][+-]?\d")
_BEFORE_TEXT = rb"(?:[\s\[]|\\{1,8}[nrt])*+"
_OPENING = re.compile(rb"(\\{0,15})([\"'])")
_BARE = re.compile(r"[^\s,;&}\])\"'\\]*")
_QUOTED = {quote: re.compile(rf"((?:[^{quote}\\]|\\.)*+)(?:{quote}|\Z)", re.DOTALL) for quote in "\"'"}
_ESCAPED = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_MOST_VALUES = 10_000
_MOST_BYTES = 4 * 12
"""The longest form of a character: two escapes of UTF-16, with backslashes of JSON within JSON within JSON."""


class IdPattern(Protocol):
    """Recognition of some payments by their ids."""

    def may_be_in(self, value: bytes) -> bool:
        """Return whether `value` may be a valid payment with one of the ids; False: it is not one."""

    def is_in(self, value: bytes) -> bool:
        """Return whether `value`, which may be no valid payment, has one of the ids."""

    def is_id(self, text: str) -> bool:
        """Return whether the text of a value is one of the ids."""


def id_pattern(id_field: DeclaredField, payment_ids: Collection[int | str]) -> IdPattern:
    """Return the pattern of ids of this field."""
    kind = _Numbers if id_field.type == "integer" else _Texts
    found = kind(id_field, payment_ids)
    return _Nested(found, id_field.path) if len(id_field.path) > 1 else found


class _Numbers:
    """Ids that are integers."""

    def __init__(self, id_field: DeclaredField, payment_ids: Collection[int | str]) -> None:
        # valid payments of a lax field have forms of the id that are not found below
        self._is_lax = not id_field.strict
        self._ids = frozenset(map(int, payment_ids))
        # looked at from its end: a pattern that begins with the digits is found ten times as fast
        digits = (rb"%d(?<![1-9]%d)(?!\d)" % (abs(one), abs(one)) for one in sorted(self._ids))
        self._anywhere = re.compile(b"|".join(digits))
        self._plain, self._escaped = (re.compile(key + _NUMBER) for key in _keys(id_field))

    def may_be_in(self, value: bytes) -> bool:
        if not self._ids or self._is_lax:
            return bool(self._ids)
        return self._anywhere.search(value) is not None or _EXPONENT.search(value) is not None

    def is_in(self, value: bytes) -> bool:
        numbers = self._escaped if _ESCAPE in value else self._plain
        return any(self.is_id(found[1].decode()) and _begins(value, found.start()) for found in numbers.finditer(value))

    def is_id(self, text: str) -> bool:
        try:
            return Decimal(text) in self._ids
        except InvalidOperation:
            return False


class _Texts:
    """Ids that are texts."""

    def __init__(self, id_field: DeclaredField, payment_ids: Collection[int | str]) -> None:
        self._ids = frozenset(map(str, payment_ids))
        self._most_bytes = _MOST_BYTES * (1 + max(map(len, self._ids), default=0))
        self._anywhere = re.compile(b"|".join(re.escape(one.encode()) for one in sorted(self._ids)))
        self._plain, self._escaped = (re.compile(key + _BEFORE_TEXT) for key in _keys(id_field))

    def may_be_in(self, value: bytes) -> bool:
        return bool(self._ids) and (b"\\" in value or self._anywhere.search(value) is not None)

    def is_in(self, value: bytes) -> bool:
        keys = self._escaped if _ESCAPE in value else self._plain
        return any(
            self._text(value, found.end()) in self._ids
            for found in keys.finditer(value)
            if _begins(value, found.start())
        )

    def is_id(self, text: str) -> bool:
        return text in self._ids

    def _text(self, value: bytes, start: int) -> str | None:
        """Return the text that begins at `start`; None if it is longer than the ids, or there is none."""
        opening = _OPENING.match(value, start)
        start = opening.end() if opening else start
        text = value[start : start + self._most_bytes].decode(errors="replace")
        if opening is None:
            return _BARE.match(text)[0] or None  # type: ignore[index]  # it matches nothing at least
        # one backslash before a quote within JSON in a string, three within JSON in a string of such JSON, and so on
        for _ in range(len(opening[1]).bit_length()):
            text = _unescaped(text)
        quoted = _QUOTED[opening[2].decode()].match(text)
        return _unescaped(quoted[1]) if quoted else None


class _Nested:
    """Ids within objects of a payment."""

    def __init__(self, pattern: IdPattern, path: Sequence[str]) -> None:
        """`pattern` recognises the ids anywhere."""
        self._pattern = pattern
        self._path = path

    def may_be_in(self, value: bytes) -> bool:
        return self._pattern.may_be_in(value)

    def is_in(self, value: bytes) -> bool:
        if not self._pattern.is_in(value):
            return False
        try:
            found = None if excess(value, _MOST_VALUES) else from_json(value)
        except ValueError:
            return True
        return not isinstance(found, dict | list) or self._is_in_json(found)

    def is_id(self, text: str) -> bool:
        return self._pattern.is_id(text)

    def _is_in_json(self, found: object) -> bool:
        """Return whether an object in a parsed value has an id at its path, or a string of it may be such an object."""
        left = [found]
        while left:
            one = left.pop()
            if isinstance(one, dict):
                if self.is_id(_text(member(one, self._path))):
                    return True
                left += one.values()
            elif isinstance(one, list):
                left += one
            elif isinstance(one, str) and self._pattern.is_in(one.encode(errors="replace")):
                return True
        return False


def _text(found: object) -> str:
    """Return a value as the text of an id, which may have been sent in an array or as a number with a decimal point."""
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    return str(int(found)) if isinstance(found, float) and found.is_integer() else str(found)


def _keys(id_field: DeclaredField) -> tuple[bytes, bytes]:
    """Return the patterns of the id's key up to its value, without and with escapes: the latter is slower."""
    key = id_field.path[-1]
    plain = b"".join(_character(one) if one in '"\\/' or ord(one) < ord(" ") else _literal(one) for one in key)
    return plain + _KEY_ENDS, b"".join(map(_character, key)) + _KEY_ENDS


def _begins(value: bytes, start: int) -> bool:
    """Return whether the key at `start` is all of a name; as a part of the pattern, this takes three times as long."""
    before = value[max(0, start - 2) : start]
    return not _IN_A_NAME.match(before[-1:]) or before in _LINE_ENDS


def _literal(character: str) -> bytes:
    return re.escape(character.encode(errors="surrogatepass"))


def _character(character: str) -> bytes:
    """Return the pattern of a character as itself or as an escape."""
    units = character.encode("utf-16-be", errors="surrogatepass").hex().encode()
    forms = [
        _literal(character),
        b"".join(_BACKSLASHES + b"u(?i:%b)" % units[at : at + 4] for at in range(0, len(units), 4)),
        *(_BACKSLASHES + short.encode() for short, meant in _SHORT.items() if meant == character),
        *([_BACKSLASHES + _literal(character)] if character in '"\\/' else []),
    ]
    return b"(?:" + b"|".join(forms) + b")"


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else _SHORT.get(found[2], found[2]), text)
    return text.encode("utf-16", errors="surrogatepass").decode("utf-16", errors="replace")
